/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/rounded_sums.h"

#include <math.h>

double efla_rounded_to(double x, double unit) {
  const double square = efla_rounded(x), gaps = square > 0 ? x / (2 * unit * sqrt(square)) : 0;
  return gaps == rint(gaps) ? 0 : square;
}

void efla_rounded_sums(size_t dk, size_t dv, const double *y, const double *S, double *sum, double *rounded,
                       double *scratch) {
  const double n = (double)dk;
  double *terms = scratch, *partial = scratch + dv;
  memset(sum, 0, dv * sizeof *sum), memset(rounded, 0, dv * sizeof *rounded);
  memset(scratch, 0, 2 * dv * sizeof *scratch);
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) {
      const double product = y[i] * S[i * dv + j];
      sum[j] += product;
      rounded[j] += efla_rounded(product);
      partial[j] += i ? efla_rounded(sum[j]) : 0;
      terms[j] += product * product;
    }
  for (size_t j = 0; j < dv; j++)
    rounded[j] += fmax(partial[j], EFLA_ROUNDED_SQUARE * (((n + 1) / 6 - 1 / n) * terms[j] +
                                                          (n > 1 ? (n + 1) / 3 : 0) * sum[j] * sum[j]));
}

double efla_rounded_lambda(size_t dk, const double *p, const double *k) {
  double lambda, rounded, scratch[2];
  efla_rounded_sums(dk, 1, p, k, &lambda, &rounded, scratch);
  return rounded;
}

double efla_rounded_norm(size_t dk, const double *k) {
  double norm2, rounded, scratch[2];
  efla_rounded_sums(dk, 1, k, k, &norm2, &rounded, scratch);
  return norm2 > 0 ? rounded / (4 * norm2 * norm2) + EFLA_ROUNDED_RELATIVE : 0;
}
