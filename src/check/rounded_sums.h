/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How large the numbers are that a sum rounds on its way.
 *
 * A number x is rounded to a format of unit u with an error that is uniform over a gap, of mean square u^2 f(x)^2/3,
 * f(x) the power of two at or below |x|.  All sizes here are such f^2, to be multiplied by u^2/3. */
#ifndef EFLA_CHECK_ROUNDED_SUMS_H
#define EFLA_CHECK_ROUNDED_SUMS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The mean of f(x)^2 over that of x^2, and of f(x)^2/x^2, for log|x| spread evenly over a binade. */
#define EFLA_ROUNDED_SQUARE   (2 * 0.69314718055994531 / 3)
#define EFLA_ROUNDED_RELATIVE (3 / (8 * 0.69314718055994531))

/* f(x)^2; 0 for 0 and subnormal x. */
static inline double efla_rounded(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits &= 0x7ff0000000000000;
  memcpy(&x, &bits, sizeof x);
  return x * x;
}

/* f(x)^2, 0 where x is a number of the unit. */
double efla_rounded_to(double x, double unit);

/* Sums y^T S (dv) of products over the rows of S (dk, dv), and what they round: every product and every partial sum,
 * the first excepted.  Partial sums are those from the first row to the last, or the mean over all orders where it is
 * larger: of n terms with the squares m and the sum w that is
 *
 *     sum over i = 2..n of E (partial sum of i terms)^2 = ((n+1)/6 - 1/n) m + (n+1)/3 w^2.
 *
 * scratch (2 dv). */
void efla_rounded_sums(size_t dk, size_t dv, const double *y, const double *S, double *sum, double *rounded,
                       double *scratch);

/* What the sum p^T k (dk) rounds; and the norm of k, relative: half of what its square does, and the root. */
double efla_rounded_lambda(size_t dk, const double *p, const double *k);
double efla_rounded_norm(size_t dk, const double *k);

#endif
