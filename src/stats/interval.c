/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/interval.h"

#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

enum { RESAMPLES = 1000 };

static double mean_of(const double *values, size_t n) {
  double total = 0;
  for (size_t i = 0; i < n; i++) total += values[i]; /* GSL's running mean would make nan of inf */
  return total / (double)n;
}

efla_status efla_bootstrap_mean(const double *values, size_t n, size_t seed, efla_interval *interval) {
  double mean = mean_of(values, n), means[RESAMPLES];
  *interval = (efla_interval){mean, mean, mean};
  if (n < 2 || !isfinite(mean)) return EFLA_OK;
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_taus2);
  if (!draw) return EFLA_NO_MEMORY;
  gsl_rng_set(draw, seed);
  for (int r = 0; r < RESAMPLES; r++) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += values[gsl_rng_uniform_int(draw, n)];
    means[r] = sum / (double)n;
  }
  gsl_rng_free(draw);
  gsl_sort(means, 1, RESAMPLES);
  interval->low = gsl_stats_quantile_from_sorted_data(means, 1, RESAMPLES, 0.025);
  interval->high = gsl_stats_quantile_from_sorted_data(means, 1, RESAMPLES, 0.975);
  return EFLA_OK;
}

efla_status efla_bootstrap_difference(const double *a, const double *b, size_t n, size_t seed,
                                      efla_interval *interval) {
  double *difference = malloc((n ? n : 1) * sizeof *difference);
  if (!difference) return EFLA_NO_MEMORY;
  for (size_t i = 0; i < n; i++) difference[i] = a[i] - b[i];
  efla_status status = efla_bootstrap_mean(difference, n, seed, interval);
  free(difference);
  return status;
}

const char *efla_difference_verdict(efla_interval difference) {
  if (isnan(difference.mean)) return "not asked";
  return difference.low > 0 ? "better" : difference.high < 0 ? "worse" : "no difference seen";
}

void efla_student_mean(const double *values, size_t n, efla_interval *interval) {
  assert(n > 0);
  double mean = mean_of(values, n);
  *interval = (efla_interval){mean, mean, mean};
  if (!isfinite(mean)) return;
  double error = n > 1 ? gsl_stats_sd_m(values, 1, n, mean) / sqrt((double)n) : INFINITY;
  double reach = error * (n > 1 ? gsl_cdf_tdist_Pinv(0.975, (double)(n - 1)) : 1);
  interval->low = mean - reach, interval->high = mean + reach;
}
