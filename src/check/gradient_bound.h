/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bound for rounding errors in a kernel's gradients (docs/bounds.md#gradient-check).
 *
 * The errors of the state and of the adjoint G have covariances that follow one recursion (check/covariance.h): that of
 * G runs backward in time, with k and p exchanged, and every read-out adds to it.  A gradient is a product of both and
 * of what the token has: its error is that of either factor times the other, and that of its own sums.  Errors of
 * different columns are taken to be independent. */
#ifndef EFLA_CHECK_GRADIENT_BOUND_H
#define EFLA_CHECK_GRADIENT_BOUND_H

#include "check/adjoint.h"
#include "check/covariance.h"

/* Tolerances: standard deviations of a row, and of the root mean square of a head. */
#define EFLA_GRADIENT_TOKEN 8.
#define EFLA_GRADIENT_RMS   4.

/* Most tokens over which a kernel sums the gradient of a decay from its differences. */
enum { EFLA_GRADIENT_WINDOW = 64 };

/* The error of a state, in what gradients need of its covariance. */
typedef struct efla_state_error {
  double trace, frobenius;
  double *diagonal; /* (dk) */
  double *share;    /* (dv): of the trace, by columns */
} efla_state_error;

/* What the forward pass leaves at a token: the errors of the states about it, and the forms p^T C p of the one before
 * and q^T C q of the one after. */
typedef struct efla_forward_error {
  efla_state_error before, after;
  double erased, read;
} efla_forward_error;

/* What a token rounds of s, u and a product, from the adjoint that has set them; sizes (5 dv): room for its columns.
 * backward: of the step of G, in which du takes the place of s. */
typedef struct efla_step_room {
  double *k, *p, *d;                     /* (dk) */
  double *value, *read, *update, *terms; /* (dv) */
} efla_step_room;
efla_rounded_step efla_gradient_step(const efla_adjoint *adjoint, const double *v, const long double *S, bool backward,
                                     const efla_step_room *room);

/* One token's errors: expected squares, summed over the entries of a row. */
typedef struct efla_gradient_variance {
  double q, k, v, beta, g, p;
} efla_gradient_variance;

typedef struct efla_gradient_bound {
  const efla_backward_spec *spec;
  size_t dk, dv;
  efla_covariance G;
  efla_step_room room;
  double *of_s, *of_u, *of_du; /* (dv): variances */
  double *before, *after;      /* (dv): squares of the columns of S before and after */
  double *terms, *ends;        /* (EFLA_GRADIENT_WINDOW): what a telescoping sum has, and starts from; rings */
  size_t tokens;               /* so far */
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

/* What storing n numbers whose squares sum to `squares` adds. */
double efla_stored_variance(const efla_format *stored, size_t n, double squares);

/* Of the gradient of a decay's argument, but for the slopes of its coefficients: per head of <G, S> (of_inner is set)
 * and of a telescoping sum for it, over the square of the slope of log d; per channel all of it, from those by the keys
 * of the update (gradient_bound_decay.c). */
double efla_gradient_bound_head_decay(efla_gradient_bound *bound, const efla_adjoint *adjoint, const double *q,
                                      const double *v, const double *d_o, const efla_forward_error *forward,
                                      double *of_inner);
double efla_gradient_bound_channels(efla_gradient_bound *bound, const efla_adjoint *adjoint, const double *q,
                                    const double *d_o, double by_k, double by_p, const efla_forward_error *forward);

/* The share of column j in an error. */
static inline double efla_state_error_share(const efla_state_error *e, size_t j) {
  return e->trace > 0 ? e->share[j] / e->trace : 0;
}

#endif
