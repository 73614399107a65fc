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
