/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bound for rounding errors in a kernel's gradients (docs/bounds.md#gradient-check).
 *
 * The errors of the state and of the adjoint G follow one recursion (check/error_bound.h): that of G runs backward in
 * time, with k and p exchanged, and every read-out adds to it.  Their covariance is taken to be C times H over its trace,
 * by rows and by columns.  A gradient is a product of both and of what the token has: its error is that of either factor
 * times the other, and that of its own sums. */
#ifndef EFLA_CHECK_GRADIENT_BOUND_H
#define EFLA_CHECK_GRADIENT_BOUND_H

#include "check/adjoint.h"
#include "check/state_error.h"

/* What the forward pass leaves at a token: the errors of the states about it, p^T C p of the one before, and the
 * covariances (dv, dv) of what the token rounds of s = S^T p and of u. */
typedef struct efla_forward_error {
  const efla_state_error *before, *after;
  const double *read, *update;
  double erased;
} efla_forward_error;

/* What the error bound needs to know of a token that adjoint has taken; backward: of the step of G.  (dk) each; zero
 * (dv). */
typedef struct efla_sizes_room {
  double *k, *p, *decay, *last, *zero;
} efla_sizes_room;
efla_token_sizes efla_gradient_sizes(const efla_adjoint *adjoint, const efla_tokens *x, size_t t, bool backward,
                                     const efla_sizes_room *room);

/* One token's errors, over the entries of a row. */
typedef struct efla_gradient_variance {
  efla_variance q, k, v, beta, g, p;
} efla_gradient_variance;

typedef struct efla_gradient_bound {
  const efla_backward_spec *spec;
  size_t dk, dv;
  efla_error_bound G;
  efla_state_error error; /* of G */
  efla_token_sizes sizes; /* of the current token, backward */
  efla_sizes_room room;
  double *of_s, *of_u, *of_du;      /* (dv, dv): covariances */
  double *before, *after, *product; /* (dk, dv): states, scratch */
  double *v, *s, *u, *du, *y;       /* (dv) */
  double *by_k, *by_p;              /* (dk): variances */
  double *sum, *scratch, *columns;  /* (dk), (dk), (4 dv) */
  double *terms, *ends;             /* (EFLA_ERROR_BOUND_CHUNK): what a telescoping sum has, and starts from; rings */
  size_t tokens;                    /* so far */
  double *memory;
} efla_gradient_bound;

/* spec must outlive it.  Fails with EFLA_NO_MEMORY; bound is then zeroed. */
efla_status efla_gradient_bound_init(efla_gradient_bound *bound, const efla_backward_spec *spec, size_t dk, size_t dv);
void efla_gradient_bound_clear(efla_gradient_bound *bound);

/* Starts from the derivative by the final state, exact but for its storage. */
void efla_gradient_bound_start(efla_gradient_bound *bound, const efla_adjoint *adjoint);

/* The variances of the token that adjoint has just differentiated.  Rounding to the type in which a gradient is stored
 * is not in them. */
efla_gradient_variance efla_gradient_bound_token(efla_gradient_bound *bound, const efla_adjoint *adjoint,
                                                 const efla_tokens *x, size_t t, const double *d_o,
                                                 const long double *before, const long double *after,
                                                 const efla_forward_error *forward);

/* Lets adjoint retreat, and carries the covariance of its error along. */
void efla_gradient_bound_retreat(efla_gradient_bound *bound, efla_adjoint *adjoint);

/* Of G itself. */
efla_variance efla_gradient_bound_state(efla_gradient_bound *bound);

/* What storing a row of n numbers adds, in units of which the arithmetic's is not to be added again. */
efla_variance efla_stored_variance(const efla_format *stored, const efla_units *units, size_t n,
                                   const long double *row);

/* ---- of gradient_bound_numbers.c ---- */

/* Whether e and w differ by more than a factor that decays have. */
bool efla_gradient_apart(const efla_adjoint *adjoint);

/* A number D by_d + E by_e + W by_w, by_d with the variance of_inner, whose factors change by `bent` with lambda (times
 * lambda); such changes of the slopes of token t; the derivative by lambda. */
double efla_gradient_bound_number(efla_gradient_bound *bound, const efla_adjoint *adjoint,
                                  const efla_coefficients *slope, const efla_coefficients *bent, double of_inner);
efla_coefficient_slopes efla_gradient_bound_bend(const efla_gradient_bound *bound, const efla_adjoint *adjoint,
                                                 const efla_tokens *x, size_t t);
double efla_gradient_bound_by_lambda(efla_gradient_bound *bound, const efla_adjoint *adjoint,
                                     const efla_coefficients *bent);

/* By the decay's argument: one for the head, and by channels, from those by the keys of the update. */
double efla_gradient_bound_head(efla_gradient_bound *bound, const efla_adjoint *adjoint, const double *q,
                                const double *d_o, const efla_coefficients *bent, const efla_forward_error *forward);
efla_variance efla_gradient_bound_channels(efla_gradient_bound *bound, const efla_adjoint *adjoint, const double *q,
                                           const double *d_o, const efla_forward_error *forward);

#endif
