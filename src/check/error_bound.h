/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Error bound: how large the rounding errors of a correct kernel's state and read-outs may be, for the given tokens.
 *
 * A rounding to a format of unit u leaves an error of mean zero that is uniform over a gap: its mean square is at most
 * u^2 x^2/3 for a number x. Roundings are assumed to be independent. Every token's transition acts on the error that
 * the state has so far, so that the covariance C (dk, dk) of the state's error, summed over its columns, follows
 * exactly, for the step S' = diag(d) S + k u^T, u = w v - e S^T p, in which p is k and d one number unless the kernel has
 * an erase key or decays per channel,
 *
 *     C <- M C M^T + k k^T U + diag(D),   M = diag(d) - e k p^T,
 *
 *     U = 1/3 [ a (dk+2) (e^2 m + |e S^T p|^2 + |w v|^2)   rounding of the sum u
 *             + o (e^2 m + |u|^2 + |w v|^2)                 of its operands S, u, v
 *             + a (4 |u|^2 + dk l)                          of e and w together (docs/bounds.md#kernel-check)
 *             + a 5 |w v|^2                                 of w/e; only where e and d w differ
 *             + a c e^2 m ]                                 of p, which decays have multiplied
 *     D_i = 1/3 [ (s + 2 a f) |S'_i|^2                      of the stored state and of the update
 *               + o k_i^2 |u|^2                             of the key as an operand
 *               + a c (d_i^2 |S_i|^2 + k_i^2 |u|^2) ]       of d_i, and of k, which decays have multiplied
 *
 * with the squares of three units: a of the arithmetic, o of the operands of products, s of the stored state.  The dk+2
 * partial sums of u are taken as large as the root sum of squares of their terms, m = sum p_i^2 |S_i|^2, or as their
 * result.  l is the square of what a relative error of |k| |p| in lambda = p^T k makes of u.  c = 3 with decays per
 * channel, of an exponential and a product, 0 otherwise; f = 1 but for the exact flow with decays per channel, which is
 * no such step: M is then Strang's and f counts what a series for it rounds. A read-out has the variance, summed over its entries,
 *
 *     V = scale^2 { q^T C q + 1/3 [a (dk+2) + p] (sum q_i^2 |S_i|^2 + |S^T q|^2) } + 1/3 r |o|^2,
 *
 * with r the square of the unit of o's type in the file.
 *
 * Like the errors, sqrt(V) grows as sqrt(t) for repeated keys, stays bounded where the flow contracts, and grows with
 * the state beyond the stability limit (docs/findings.md#accumulation).
 *
 * Tolerance: EFLA_ERROR_BOUND_TOKEN sqrt(V) for the norm of the error of a token, EFLA_ERROR_BOUND_RMS for the root
 * mean square over a head. The constants are measured: the largest of the forms and formats of this toolkit on the
 * input families is below half of either (test_compare). The margin is for chunkwise kernels, which multiply by (I +
 * L)^-1 in the operands' format, and for the tails of the distribution. */
#ifndef EFLA_CHECK_ERROR_BOUND_H
#define EFLA_CHECK_ERROR_BOUND_H

#include "number/format.h"
#include "base/status.h"

#include <stdbool.h>

#define EFLA_ERROR_BOUND_TOKEN 8.
#define EFLA_ERROR_BOUND_RMS   4.
#define EFLA_ERROR_BOUND_DK    4096 /* the longest key for which C is stored */

/* Units of rounding of a kernel. */
typedef struct efla_units {
  double arithmetic, operands, state; /* unit roundoffs */
} efla_units;

/* The units of a kernel whose state is stored in `state` and whose outputs are in `o`: arithmetic is f64
 * where both are, otherwise f32; operands are rounded to the coarser of the two. */
efla_units efla_units_of(const efla_format *state, const efla_format *output);

typedef struct efla_error_bound {
  efla_units units;
  size_t dk;
  double *C;    /* (dk, dk) */
  double *w;    /* (dk), scratch: C p */
  double *rows; /* (dk), |S_i|^2 of the current state */
  double *last; /* (dk), the same of the state before */
} efla_error_bound;

/* Fails with EFLA_NO_MEMORY; bound is then zeroed. */
efla_status efla_error_bound_init(efla_error_bound *bound, const efla_units *units, size_t dk);
void efla_error_bound_clear(efla_error_bound *bound);

/* Starts a sequence from S (dk, dv), exact except for the rounding of its storage. */
void efla_error_bound_start(efla_error_bound *bound, size_t dv, const long double *S);

/* What the error bound needs to know of a token; sums of squares. */
typedef struct efla_token_sizes {
  const double *k, *p, *decay; /* (dk): the keys of the update as it is written above, and d */
  double erase;
  double value, read, update; /* |w v|^2, |e S^T p|^2 and |w v - e S^T p|^2 */
  double lambda;              /* l */
  bool apart;                 /* e and d w differ: the coefficients have errors of their own */
  bool channels;              /* decays per channel */
  double series;              /* f */
} efla_token_sizes;

/* Advances by one token; S (dk, dv) is the state after it. */
void efla_error_bound_step(efla_error_bound *bound, const efla_token_sizes *token, size_t dv, const long double *S);

/* V of a read-out: q (dk), o2 = |o|^2 and the type that o is stored in. */
double efla_error_bound_readout(const efla_error_bound *bound, const double *q, double scale, double o2, size_t dv,
                                const efla_format *stored);

/* The same for the state, summed over its entries, once it is stored. */
double efla_error_bound_state(const efla_error_bound *bound, size_t dv, const efla_format *stored);

#endif
