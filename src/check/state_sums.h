/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the sums of products of a vector with a state round: y^T S, a sum over rows, and S z, one over columns.
 *
 * All sizes are f^2 times the square of a unit (check/rounded_sums.h), to be divided by 3. */
#ifndef EFLA_CHECK_STATE_SUMS_H
#define EFLA_CHECK_STATE_SUMS_H

#include "check/roundings.h"

#include <stdbool.h>

/* A state as a kernel has it: the sum of products k u^T of tokens.  Where sums go over the tokens of a chunk, `tokens`
 * of them came before, `written` (dk, dk) is the sum of |u|^2 k k^T over a chunk and `passed` (dv, dv) that of |k|^2 u
 * u^T; NULL: sums go over the state. */
typedef struct efla_state_sums {
  const efla_units *units;
  size_t dk, dv;
  double tokens;
  const double *S; /* (dk, dv) */
  const double *written, *passed;
  double apart; /* where two kinds of products are summed apart, whose sums are larger than S: written's trace */
} efla_state_sums;

/* Relative roundings of a key that has a part of a decay per channel: an exponential, by one unit in the last place, and
 * a product. */
#define EFLA_CHANNEL_ROUNDINGS 3.

/* sum (dv) = y^T S and `rounded` (dv), what its products and partial sums round, in units of the arithmetic; what
 * chunks, and y and S as operands, round is added to `to`.  channels: y has a part of a decay.  scratch (2 dv). */
void efla_sum_rows(const efla_state_sums *state, const double *y, bool channels, double *sum, double *rounded,
                   double *scratch, efla_added *to);

/* sum (dk) = S z and all that it rounds; given: z comes from the inputs, and is rounded where it is no number of a unit;
 * otherwise it has been.  scratch (dk). */
void efla_sum_columns(const efla_state_sums *state, const double *z, bool given, double *sum, double *scratch,
                      efla_added *to);

/* What the sum over the tokens of a chunk rounds that leads to entry (i, j) of S; 0: sums go over the state. */
double efla_partial_sums(const efla_state_sums *state, size_t i, size_t j);

/* y^T C y for the symmetric C (n, n). */
double efla_quadratic_form(size_t n, const double *C, const double *y);

#endif
