/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/slope.h"

#include <assert.h>
#include <gsl/gsl_fit.h>
#include <math.h>

double efla_log_slope(size_t n, const double *x, const double *y, double least, double most) {
  double logs[2 * EFLA_SLOPE_POINTS], slope = NAN, intercept, cov00, cov01, cov11, squares;
  size_t used = 0;
  assert(n <= EFLA_SLOPE_POINTS);
  for (size_t i = 0; i < n; i++) {
    if (!(x[i] >= least && y[i] > 0 && y[i] < most)) continue;
    logs[2 * used] = log(x[i]), logs[2 * used + 1] = log(y[i]), used++;
  }
  if (used >= 3) gsl_fit_linear(logs, 2, logs + 1, 2, used, &intercept, &slope, &cov00, &cov01, &cov11, &squares);
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
