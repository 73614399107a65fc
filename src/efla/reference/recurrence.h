/* SPDX-License-Identifier: MIT */
/* The delta rule as a recurrence, naive (docs/derivations.md#e3): the definition that fast forms answer to.
 *
 *     u = v_t - S^T k_t,   S <- S + a_t k_t u^T,   o_t = S^T q_t
 *
 * One fixed order of summation: over the rows of S from the first to the last.  inf and nan propagate as data. */
#ifndef EFLA_REFERENCE_RECURRENCE_H
#define EFLA_REFERENCE_RECURRENCE_H

#include <stddef.h>

/* q, k (tokens, dk), v (tokens, dv), coefficient (tokens); S (dk, dv): initial state in, final state out; o (tokens,
 * dv), out, or NULL where no read-out is wanted, and then q may be NULL.  The arrays do not overlap.  Never fails,
 * never allocates. */
void efla_recurrence_f64(size_t tokens, size_t dk, size_t dv, const double *q, const double *k, const double *v,
                         const double *coefficient, double *S, double *o);

void efla_recurrence_f32(size_t tokens, size_t dk, size_t dv, const float *q, const float *k, const float *v,
                         const float *coefficient, float *S, float *o);

/* The same in the widest format of the machine; the oracle `longdouble` stands on it. */
void efla_recurrence_long(size_t tokens, size_t dk, size_t dv, const long double *q, const long double *k,
                          const long double *v, const long double *coefficient, long double *S, long double *o);

/* o = S^T q for one query; q (dk), S (dk, dv), o (dv). */
void efla_readout_f64(size_t dk, size_t dv, const double *q, const double *S, double *o);
void efla_readout_f32(size_t dk, size_t dv, const float *q, const float *S, float *o);
void efla_readout_long(size_t dk, size_t dv, const long double *q, const long double *S, long double *o);

#endif
