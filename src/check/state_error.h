/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The error of a state, and of products with it.
 *
 * The covariance of the error E (dk, dk) times (dv, dv) is taken to be C times H, H of trace 1: C by rows, which the
 * error bound carries exactly, and H by columns (check/error_bound.h). */
#ifndef EFLA_CHECK_STATE_ERROR_H
#define EFLA_CHECK_STATE_ERROR_H

#include "check/error_bound.h"

typedef struct efla_state_error {
  size_t dk, dv;
  double *C, *H;            /* (dk, dk); (dv, dv) */
  double *written, *passed; /* (dk, dk), (dv, dv): of the error bound, where there are chunks */
  double trace, frobenius;  /* of C */
  double tokens;            /* since the start */
} efla_state_error;

/* Numbers of C, H and the sums over a chunk; where they are; what the bound has now. */
size_t efla_state_error_numbers(size_t dk, size_t dv);
void efla_state_error_place(efla_state_error *error, size_t dk, size_t dv, double *at);
void efla_state_error_take(efla_state_error *error, const efla_error_bound *bound);

/* Of E z, z (dv); the variances by rows are added to rows (dk). */
efla_variance efla_carried(const efla_state_error *error, const double *z, double *rows);

/* Of S e, S (dk, dv) and e with the covariance Q (dv, dv): likewise; leaves S Q in product (dk, dv). */
efla_variance efla_passed_on(size_t dk, size_t dv, const double *S, const double *Q, double *product, double *rows);

/* What the sum S z rounds by itself, leaving it in sum (dk): likewise.  given: check/state_sums.h.  scratch (dk). */
efla_variance efla_product_rounds(const efla_state_sums *state, const double *z, bool given, double *sum,
                                  double *scratch, double *rows);

/* What the state's sums are that a kernel with these units computes. */
efla_state_sums efla_state_error_sums(const efla_state_error *error, const efla_units *units, const double *S);

/* What the sum of n products x_i y_i rounds. */
double efla_rounded_product(const efla_units *units, size_t n, const double *x, const double *y);

#endif
