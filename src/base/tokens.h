/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A block of tokens: the input of one head.
 *
 * Row t holds q_t, k_t (dk), v_t (dv), beta_t, the time for which k_t and v_t act on the state (zero-order hold), and
 * where there is a decay g_t, its argument (efla/rule.h): a logarithm, or for the decay retention an alpha.  Row-major, so that row t of k is k + t*dk. */
#ifndef EFLA_BASE_TOKENS_H
#define EFLA_BASE_TOKENS_H

#include "base/status.h"
#include "efla/rule.h"

#include <stddef.h>

typedef struct efla_tokens {
  size_t tokens, dk, dv;
  double *q;    /* (tokens, dk) */
  double *k;    /* (tokens, dk) */
  double *v;    /* (tokens, dv) */
  double *beta; /* (tokens), >= 0, units of time */
  double *g;    /* (tokens), arguments of the decay; NULL: no decay */
  void *block;  /* what clear frees; NULL in a slice */
} efla_tokens;

/* One zeroed block for all arrays but g, which is NULL and the caller's to set.  Fails with EFLA_NO_MEMORY and leaves x zeroed. */
efla_status efla_tokens_init(efla_tokens *x, size_t tokens, size_t dk, size_t dv);

/* Accepts a zeroed struct and a slice. */
void efla_tokens_clear(efla_tokens *x);

/* A view of tokens first ... first+count-1; it is valid as long as x is. */
efla_tokens efla_tokens_slice(const efla_tokens *x, size_t first, size_t count);

/* Copies all numbers of `from` into `to`, which has the same sizes, and g where both have it. */
void efla_tokens_copy(efla_tokens *to, const efla_tokens *from);

/* lambda = k^T k, summed from the first entry to the last; k (dk).  inf where it overflows. */
double efla_lambda(size_t dk, const double *k);

/* beta*lambda of token t, the dimensionless step. */
double efla_token_x(const efla_tokens *x, size_t t);

/* The coefficients of a block by a rule, from the keys as they are: c (x->tokens); g is 0 where x has none. */
void efla_token_coefficients(const efla_rule *rule, const efla_tokens *x, efla_coefficients *c);

/* Treats all keys of x in place. */
void efla_keys_apply(const efla_key_treatment *treatment, efla_tokens *x);

#endif
