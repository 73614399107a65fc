/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Covariance: that of the rounding errors of a state or of an adjoint, carried by the transitions of the tokens
 * (docs/bounds.md#gradient-check).  For the step S' = diag(d) S + k u^T, u = x - e S^T p, and C (dk, dk) summed over
 * the columns,
 *
 *     C <- M C M^T + k k^T U + diag(D),   M = diag(d) - e k p^T,
 *
 *     U = 1/3 [ (a (dk+2) + o) m + a (dk+2) (|e S^T p|^2 + |x|^2) + o (|u|^2 + |x|^2)   the sum u and its operands
 *             + a (4 |u|^2 + dk l) + a 5 |x|^2 + a c m ]      e and x's factor; where they are apart; p, by decays
 *     D_i = 1/3 [ (s + 2 a) |S'_i|^2 + o k_i^2 |u|^2 + a c (d_i^2 |S_i|^2 + k_i^2 |u|^2) ]
 *
 * with m = e^2 sum p_i^2 |S_i|^2, the squares a, o, s of three units, l the square of what a relative error of |k| |p|
 * in lambda makes of u, and c = 3 with decays per channel, otherwise 0.  Each column of the error has a share of the
 * trace: what is kept of C is kept of every share, and what is added goes to the columns in proportion to what they
 * round. */
#ifndef EFLA_CHECK_COVARIANCE_H
#define EFLA_CHECK_COVARIANCE_H

#include "base/status.h"
#include "number/format.h"

#include <stdbool.h>
#include <stddef.h>

/* Mean squares of one rounding of a number over its square, a third of its unit's: of the arithmetic, of operands of
 * products, of what is stored. */
typedef struct efla_roundings {
  double a, o, s;
} efla_roundings;

/* Of a kernel that stores its state as `state` and whose results are no finer than `results`: f32 at least is summed
 * in. */
efla_roundings efla_roundings_of(const efla_format *state, double results);

/* A sum of n products, by the sum of their squares and the square of what it comes to. */
double efla_rounded_dot(const efla_roundings *r, size_t n, double squares, double total2);

typedef struct efla_covariance {
  efla_roundings r;
  size_t dk, dv;
  double *C;        /* (dk, dk) */
  double *rows;     /* (dk), |S_i|^2 of the current state */
  double *columns;  /* (dv), squares of its columns */
  double *diagonal; /* (dk), of C */
  double *share;    /* (dv): of the trace, by columns; their sum is the trace */
  double trace, frobenius;
  double *w, *added; /* (dk), (dv): scratch */
  double *memory;
  size_t kept; /* numbers of memory that are not scratch, after which it can go on */
} efla_covariance;

/* Fails with EFLA_NO_MEMORY; covariance is then zeroed. */
efla_status efla_covariance_init(efla_covariance *covariance, const efla_roundings *r, size_t dk, size_t dv);
void efla_covariance_clear(efla_covariance *covariance);

/* Starts from S (dk, dv), exact except for the rounding of its storage. */
void efla_covariance_start(efla_covariance *covariance, const long double *S);

/* A step; columns (dv): squares of x, e S^T p, u, and of the terms of e S^T p together. */
typedef struct efla_rounded_step {
  const double *k, *p, *decay; /* (dk) */
  double erase, lambda;        /* e, l */
  const double *value, *read, *update, *terms;
  bool apart, channels;
} efla_rounded_step;
void efla_covariance_step(efla_covariance *covariance, const efla_rounded_step *step, const long double *S);

/* S + y z^T, rounded: S (dk, dv) is the sum; y (dk), z (dv). */
void efla_covariance_add(efla_covariance *covariance, const double *y, const double *z, const long double *S);

/* x^T C x, and the share of column j in what is summed over columns. */
double efla_covariance_form(const efla_covariance *covariance, const double *x);
static inline double efla_covariance_share(const efla_covariance *c, size_t j) {
  return c->trace > 0 ? c->share[j] / c->trace : 0;
}

#endif
