/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "oracle/state.h"

#include <math.h>

double efla_norm(size_t n, const long double *S) {
  long double sum = 0;
  for (size_t e = 0; e < n; e++) sum += S[e] * S[e];
  return isfinite(sum) ? (double)sqrtl(sum) : INFINITY;
}

double efla_distance(size_t n, const double *S, const long double *truth) {
  long double sum = 0;
  for (size_t e = 0; e < n; e++) sum += ((long double)S[e] - truth[e]) * ((long double)S[e] - truth[e]);
  return isfinite(sum) ? (double)sqrtl(sum) : INFINITY;
}

double efla_relative_distance(size_t n, const double *S, const double *truth) {
  double apart = 0, whole = 0;
  for (size_t e = 0; e < n; e++) {
    apart += (S[e] - truth[e]) * (S[e] - truth[e]);
    whole += truth[e] * truth[e];
  }
  return sqrt(apart) / sqrt(whole);
}
