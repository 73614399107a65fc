/* SPDX-License-Identifier: MIT */
/* The delta rule as a recurrence, naive (docs/derivations.md#e3): the definition that fast forms are tested against.
 * With the coefficients d, e, w of token t (rule.h),
 *
 *     S <- d S + k_t (w v_t - e S^T k_t)^T,   o_t = S^T q_t
 *
 * One fixed order of summation: over the rows of S from the first to the last.  Where e = d w, as without decay, the
 * step is taken in two factors: S <- d S, then S <- S + w k_t (v_t - S^T k_t)^T.  inf and nan propagate as data. */
#ifndef EFLA_REFERENCE_RECURRENCE_H
#define EFLA_REFERENCE_RECURRENCE_H

#include "efla/rule.h"

#include <stddef.h>

/* q, k (tokens, dk), v (tokens, dv), c (tokens), rounded to the type; S (dk, dv): initial state in, final state out;
 * o (tokens, dv), out, or NULL where no read-out is wanted, and then q may be NULL.  The arrays do not overlap.
 * Never fails, never allocates. */
void efla_recurrence_f64(size_t tokens, size_t dk, size_t dv, const double *q, const double *k, const double *v,
                         const efla_coefficients *c, double *S, double *o);

void efla_recurrence_f32(size_t tokens, size_t dk, size_t dv, const float *q, const float *k, const float *v,
                         const efla_coefficients *c, float *S, float *o);

/* The same in the widest format of the machine; the oracle `longdouble` stands on it. */
void efla_recurrence_long(size_t tokens, size_t dk, size_t dv, const long double *q, const long double *k,
                          const long double *v, const efla_coefficients_long *c, long double *S, long double *o);

/* One step with an erase key of its own and decays of the rows of S, of which the coefficients know nothing:
 *
 *     S <- diag(before) S,   S <- d S + k (w v - e S^T p)^T,   S <- diag(after) S
 *
 * k, p, before, after (dk), v (dv), S (dk, dv); p NULL: k, before and after NULL: ones.  The arrays do not overlap, but
 * p may be k, and after may be before. */
void efla_recurrence_step_f64(size_t dk, size_t dv, const double *k, const double *p, const double *v,
                              const efla_coefficients *c, const double *before, const double *after, double *S);
void efla_recurrence_step_f32(size_t dk, size_t dv, const float *k, const float *p, const float *v,
                              const efla_coefficients *c, const float *before, const float *after, float *S);
void efla_recurrence_step_long(size_t dk, size_t dv, const long double *k, const long double *p, const long double *v,
                               const efla_coefficients_long *c, const long double *before, const long double *after,
                               long double *S);

/* The coefficients of a step without decay, from a. */
static inline efla_coefficients efla_coefficients_of(double a) { return (efla_coefficients){1, a, a}; }
static inline efla_coefficients_long efla_coefficients_of_long(long double a) {
  return (efla_coefficients_long){1, a, a};
}

/* o = S^T q for one query; q (dk), S (dk, dv), o (dv). */
void efla_readout_f64(size_t dk, size_t dv, const double *q, const double *S, double *o);
void efla_readout_f32(size_t dk, size_t dv, const float *q, const float *S, float *o);
void efla_readout_long(size_t dk, size_t dv, const long double *q, const long double *S, long double *o);

#endif
