/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/slope.h"

#include <gsl/gsl_fit.h>
#include <math.h>
#include <stdlib.h>

double efla_log_slope(size_t n, const double *x, const double *y, double least, double most) {
  double *logs = malloc((2 * n + 1) * sizeof *logs), slope = NAN, intercept, cov00, cov01, cov11, squares;
  size_t used = 0;
  for (size_t i = 0; i < n && logs; i++) {
    if (!(x[i] >= least && y[i] > 0 && y[i] < most)) continue;
    logs[2 * used] = log(x[i]), logs[2 * used + 1] = log(y[i]), used++;
  }
  if (used >= 3) gsl_fit_linear(logs, 2, logs + 1, 2, used, &intercept, &slope, &cov00, &cov01, &cov11, &squares);
  free(logs);
  return slope;
}

double efla_log_crossing(size_t n, const double *a, const double *b) {
  double place = NAN;
  for (size_t i = 1; i < n; i++) {
    double before = log(a[i - 1] / b[i - 1]), after = log(a[i] / b[i]);
    if (before > 0 && after <= 0) place = (double)i - 1 + (isfinite(before) ? before / (before - after) : 1);
  }
  return place;
}
