/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/distribution.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdbool.h>

const double efla_distribution_orders[EFLA_DISTRIBUTION_QUANTILES] = {0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99};

/* With an infinite value GSL's running mean is infinite or nan, depending on the order of the values: all is nan
 * then. */
efla_distribution efla_distribution_of(const char *quantity, size_t n, double *values) {
  efla_distribution d = {.quantity = quantity, .mean = gsl_stats_mean(values, 1, n)};
  const bool finite = isfinite(d.mean);
  gsl_sort(values, 1, n);
  for (size_t i = 0; i < EFLA_DISTRIBUTION_QUANTILES; i++)
    d.quantile[i] = finite ? gsl_stats_quantile_from_sorted_data(values, 1, n, efla_distribution_orders[i]) : NAN;
  d.most = finite ? values[n - 1] : NAN;
  if (!finite) d.mean = NAN;
  return d;
}
