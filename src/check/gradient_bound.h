/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bound for rounding errors in a kernel's gradients (docs/bounds.md#gradient-check).
 *
 * The error of the state has the covariance of error_bound.h.  The error of the adjoint G has one that follows the same
 * recursion backward in time, with k and p exchanged and nothing written, and to which every read-out adds.  A gradient
 * is a product of both and of what the token has: its error is that of either factor times the other, and that of its
 * own sums.  Errors of the columns of S and G are taken to be independent, each column with a share of the trace. */
#ifndef EFLA_CHECK_GRADIENT_BOUND_H
#define EFLA_CHECK_GRADIENT_BOUND_H

#include "check/adjoint.h"
#include "check/error_bound.h"

/* Most tokens over which a kernel sums the gradient of a decay from its differences. */
enum { EFLA_GRADIENT_WINDOW = 64 };

/* The error of a state, or of an adjoint, in what gradients need of it. */
typedef struct efla_state_error {
  double trace, frobenius; /* of its covariance C */
  double *diagonal;        /* (dk), of C */
  double *share;           /* (dv): of the trace, by columns; their sum is the trace */
} efla_state_error;

/* How the share of each column follows a step of the covariance: `kept` of what was there, the trace of M C M^T over
 * that of C, and the rest of the new trace in proportion to `added` (dv). */
void efla_state_error_follow(efla_state_error *error, const efla_error_bound *bound, size_t dv, double kept,
                             const double *added);

/* x^T C x, and the trace of M C M^T with M = diag(d) - e k p^T over that of C; scratch (dk). */
double efla_covariance_form(const efla_error_bound *bound, const double *x, double *scratch);
double efla_covariance_kept(const efla_error_bound *bound, const double *k, const double *p, const double *d, double e,
                            double *scratch);

/* What rounding adds to the columns of a state in one step, but for a factor that they share: k2 = |k|^2, sizes (dv)
 * each: the squares of column j after the step, of w v, e s and u, and sum_i (e p_i S_ij)^2. */
typedef struct efla_column_sizes {
  double *state, *written, *read, *update, *terms;
} efla_column_sizes;
void efla_columns_add(const efla_units *units, size_t dk, size_t dv, double k2, const efla_column_sizes *sizes,
                      double *added);

/* One token's errors: expected squares, summed over the entries of a row. */
typedef struct efla_gradient_variance {
  double q, k, v, beta, g, p;
} efla_gradient_variance;

typedef struct efla_gradient_bound {
  const efla_kernel_spec *spec;
  size_t dk, dv;
  efla_error_bound G; /* the covariance of G's error */
  efla_state_error error;
  efla_column_sizes sizes;
  double *k, *p, *d, *w;            /* (dk): the update's, as doubles; scratch */
  double *of_s, *of_u, *of_du;      /* (dv): variances */
  double *before, *after, *adjoint; /* (dv): squares of the columns of S before and after, and of G */
  double *added;                    /* (dv) */
  double *terms;                    /* (EFLA_GRADIENT_WINDOW, dk): what a telescoping sum has, a ring */
  double *ends;                     /* (EFLA_GRADIENT_WINDOW, dk): and what it starts from */
  size_t tokens;                    /* so far */
  double *memory;
} efla_gradient_bound;

efla_status efla_gradient_bound_init(efla_gradient_bound *bound, const efla_kernel_spec *spec, size_t dk, size_t dv);
void efla_gradient_bound_clear(efla_gradient_bound *bound);

/* Starts from the derivative by the final state, exact but for its storage. */
void efla_gradient_bound_start(efla_gradient_bound *bound, const efla_adjoint *adjoint);

/* What the forward pass leaves for the bound at a token: errors of the states about it, and the forms p^T C p of the one
 * before and q^T C q of the one after. */
typedef struct efla_forward_error {
  efla_state_error before, after;
  double erased, read;
} efla_forward_error;

/* The variances of the token that adjoint has just differentiated.  Rounding to the
 * type in which a gradient is stored is not in them. */
efla_gradient_variance efla_gradient_bound_token(efla_gradient_bound *bound, const efla_adjoint *adjoint,
                                                 const efla_tokens *x, size_t t, const double *d_o,
                                                 const long double *before, const long double *after,
                                                 const efla_forward_error *forward);

/* Lets adjoint retreat, and carries the covariance of its error along. */
void efla_gradient_bound_retreat(efla_gradient_bound *bound, efla_adjoint *adjoint);

/* What storing n numbers whose squares sum to `squares` adds. */
double efla_stored_variance(const efla_format *stored, size_t n, double squares);

#endif
