/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Adjoint: the derivatives of a loss by all inputs of one head, token by token from the last to the first, in long
 * double.  With G the derivative by the state after a token, read-out included, and the step S' = D S + k u^T, u = w v
 * - e S^T p, in which k and p are the keys of the update (efla/rule.h):
 *
 *     G <- G + scale q do^T,   dq = scale S' do,   du = G^T k,   dv = w du,   by k: G u,   by p: -e S du,
 *     by w: v.du,   by e: -s.du,   by D_i: <G_i, S_i>,   then G <- D G - e p du^T for the token before,
 *
 * s = S^T p; coefficients pass theirs on to beta, g and lambda, and the keys of the update to the keys of the file. */
#ifndef EFLA_CHECK_ADJOINT_H
#define EFLA_CHECK_ADJOINT_H

#include "base/tokens.h"
#include "check/roundings.h"
#include "efla/rule.h"

/* What a backward pass computes, every row of the rule given and its scale not used; and what it rounds. */
typedef struct efla_backward_spec {
  efla_rule rule;
  double scale;
  efla_units units;
} efla_backward_spec;

typedef struct efla_adjoint {
  const efla_backward_spec *spec;
  size_t dk, dv;
  bool channels, erase_key; /* of the current token: decays per channel, an erase key of its own */
  long double *G;           /* (dk, dv): by the state before the current token; see step for what it is meanwhile */
  /* Of the current token. */
  long double *key, *erase;             /* (dk): as the coefficient has them: after treatment */
  long double *writes, *erases, *decay; /* (dk): k, p and D of the update */
  long double *s, *u, *du;              /* (dv) */
  long double *q, *k, *v, *g, *p;       /* the derivatives by the inputs: (dk) but v (dv), g (1) or (dk) */
  long double *by_k, *by_p;             /* (dk): by the keys of the update */
  long double *inner;                   /* (dk): <G_i, S_i> */
  long double *treated;                 /* (dk): by the treated key */
  long double lambda, norm;             /* norm: of the key before treatment */
  long double beta, by_lambda, by_d, by_e, by_w;
  efla_coefficients_long c;
  efla_coefficient_slopes slopes;
  long double *memory;
  double *scratch; /* (dk) */
} efla_adjoint;

/* spec must outlive it.  Fails with EFLA_NO_MEMORY; adjoint is then zeroed. */
efla_status efla_adjoint_init(efla_adjoint *adjoint, const efla_backward_spec *spec, size_t dk, size_t dv);
void efla_adjoint_clear(efla_adjoint *adjoint);

/* The forward pass: token t of x, whose keys, coefficients, s and u are then set; S (dk, dv) goes to the state after
 * it. */
void efla_adjoint_advance(efla_adjoint *adjoint, const efla_tokens *x, size_t t, long double *S);

/* Starts from the loss's derivative by the final state (dk, dv); NULL: zero. */
void efla_adjoint_start(efla_adjoint *adjoint, const double *d_final);

/* Token t of x, of which d_o (dv) is the loss's derivative by the read-out; before, after (dk, dv): the states about
 * it.  In two halves: after `differentiate` G is the derivative by the state after the token and everything else is
 * set; then `retreat` takes G to the state before the token. */
void efla_adjoint_differentiate(efla_adjoint *adjoint, const efla_tokens *x, size_t t, const double *d_o,
                                const long double *before, const long double *after);
void efla_adjoint_retreat(efla_adjoint *adjoint);

#endif
