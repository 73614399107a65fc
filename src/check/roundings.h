/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Roundings: which ones a kernel makes, what their errors add up to, and how large that may become
 * (docs/bounds.md#kernel-check). */
#ifndef EFLA_CHECK_ROUNDINGS_H
#define EFLA_CHECK_ROUNDINGS_H

#include "number/format.h"

#include <stddef.h>

#define EFLA_ERROR_BOUND_ODDS  1e5 /* of so many files of a right kernel one is outside, at most */
#define EFLA_ERROR_BOUND_CHUNK 256 /* tokens of the longest chunk */

/* What a kernel rounds. */
typedef struct efla_units {
  double arithmetic, operands, state; /* unit roundoffs; operands: 0 where they are numbers of the arithmetic */
  size_t chunk;                       /* the most tokens that a sum goes over; 0: one token after another */
} efla_units;

enum { EFLA_UNITS = 7, EFLA_UNITS_TEXT = 120 };

/* The kernels with a state in `state` and outputs in `output`, from those that round least to those that round most:
 * in the arithmetic; with operands of products in the state's format, in the coarser of both; each token by token and
 * by chunks; and with the state in its own, where formats are coarser than f32.  The arithmetic is f64 where both
 * formats are, otherwise f32.  Returns how many. */
size_t efla_units_of(const efla_format *state, const efla_format *output, efla_units units[EFLA_UNITS]);

/* "tokens one by one", "chunks of tokens, operands of products of 8 bits"; text (EFLA_UNITS_TEXT). */
void efla_units_say(const efla_units *units, char *text);

/* Of an error: the expected square, summed over its entries, and a bound of its covariance's largest eigenvalue. */
typedef struct efla_variance {
  double sum, most;
} efla_variance;

static inline void efla_variance_add(efla_variance *to, double factor, const efla_variance *more) {
  to->sum += factor * more->sum, to->most += factor * more->most;
}

/* Times sqrt(sum): the norm that a right kernel exceeds in one of `tests` errors in one of EFLA_ERROR_BOUND_ODDS
 * files. */
double efla_variance_factor(const efla_variance *variance, double tests);

/* Which numbers of a row are the same, but for their signs: their roundings are, too. */
typedef struct efla_alike {
  size_t *as;           /* (n): the first that is like it */
  double *count, *sign; /* (n): how many are; the sign against the first */
} efla_alike;

/* The columns of S (rows, n); a zero column is like no other. */
void efla_alike_columns(efla_alike *alike, size_t rows, size_t n, const long double *S);

/* Errors of a row of n numbers that are added up, each independent of the others; all sizes times `factor`. */
typedef struct efla_added {
  efla_variance v;
  double factor;
  size_t n;
  const efla_alike *alike; /* numbers whose own errors are the same; NULL: none */
  double *spread; /* (n, n): the covariance of the row's numbers, times `share`, is added to it; NULL: not wanted */
  double share;
} efla_added;

/* Every number with an error of its own, of mean square unit2 squares_j; an error that is a multiple of x (n), of mean
 * square unit2 |x|^2; one of mean square `value` in all, along x if that is not zero. */
void efla_add_alone(efla_added *to, double unit2, const double *squares);
void efla_add_along(efla_added *to, double unit2, const double *x);
void efla_add_common(efla_added *to, double value, const double *x);

#endif
