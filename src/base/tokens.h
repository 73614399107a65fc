/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A block of tokens: the input of one head.
 *
 * Row t holds q_t, k_t (dk), v_t (dv), beta_t, the time for which k_t and v_t act on the state (zero-order hold), and
 * where there is a decay its argument g_t (efla_decay), one number or one per row of the state.  The erase key p_t
 * takes the place of k_t in what is erased (docs/derivations.md#e7); lambda is p^T k then, and may be negative.
 * Row-major, so that row t of k is k + t*dk. */
#ifndef EFLA_BASE_TOKENS_H
#define EFLA_BASE_TOKENS_H

#include "base/status.h"
#include "efla/rule.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct efla_tokens {
  size_t tokens, dk, dv;
  double *q;    /* (tokens, dk) */
  double *k;    /* (tokens, dk) */
  double *v;    /* (tokens, dv) */
  double *beta; /* (tokens), >= 0, units of time */
  double *g;    /* (tokens), arguments of a decay, (tokens, dk) with g_per_channel; NULL: none */
  double *p;    /* (tokens, dk), erase keys; NULL: k */
  bool g_per_channel;
  void *block; /* what clear frees; NULL in a slice */
} efla_tokens;

/* One zeroed block for all arrays but g and p, which are NULL and the caller's to set.  Fails with EFLA_NO_MEMORY and
 * leaves x zeroed. */
efla_status efla_tokens_init(efla_tokens *x, size_t tokens, size_t dk, size_t dv);

/* Accepts a zeroed struct and a slice. */
void efla_tokens_clear(efla_tokens *x);

/* A view of tokens first ... first+count-1; it is valid as long as x is. */
efla_tokens efla_tokens_slice(const efla_tokens *x, size_t first, size_t count);

/* Copies all numbers of `from` into `to`, which has the same sizes, and g and p where both have them; g then has the
 * same width in both. */
void efla_tokens_copy(efla_tokens *to, const efla_tokens *from);

/* lambda = k^T k, summed from the first entry to the last; k (dk).  inf where it overflows. */
double efla_lambda(size_t dk, const double *k);

/* The erase key of token t (dk); lambda = p^T k; and |k| |p|, which is lambda where p is k. */
const double *efla_token_erase_key(const efla_tokens *x, size_t t);
double efla_token_lambda(const efla_tokens *x, size_t t);
double efla_token_reach(const efla_tokens *x, size_t t);

/* beta*lambda of token t, the dimensionless step. */
double efla_token_x(const efla_tokens *x, size_t t);

/* The argument of token t's coefficients: 0 where x has no g, and where it has one per channel, whose decays stand
 * beside the coefficients. */
double efla_token_argument(const efla_tokens *x, size_t t);

/* The coefficients of a block by a rule, from the keys as they are: c (x->tokens). */
void efla_token_coefficients(const efla_rule *rule, const efla_tokens *x, efla_coefficients *c);

/* The rates of token t by a decay, NULL: none. */
efla_rates efla_token_rates(const efla_decay *decay, const efla_tokens *x, size_t t);
efla_rates_long efla_token_rates_long(const efla_decay *decay, const efla_tokens *x, size_t t);

/* Treats all keys of x in place; erase keys are used as they are. */
void efla_keys_apply(const efla_key_treatment *treatment, efla_tokens *x);

#endif
