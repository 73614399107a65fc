/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/direction.h"

#include <math.h>

double efla_direction_error(size_t n, const double *S, const long double *exact) {
  long double product = 0, square = 0, rest = 0, whole = 0;
  for (size_t e = 0; e < n; e++) product += S[e] * exact[e], square += exact[e] * exact[e];
  for (size_t e = 0; e < n; e++) {
    long double part = S[e] - product / square * exact[e];
    rest += part * part, whole += (long double)S[e] * S[e];
  }
  return (double)sqrtl(rest / whole);
}
