/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A mean with its 95 % confidence interval. */
#ifndef EFLA_STATS_INTERVAL_H
#define EFLA_STATS_INTERVAL_H

#include "base/status.h"

#include <stddef.h>

typedef struct efla_interval {
  double mean, low, high;
} efla_interval;

/* The mean of n values with the percentile bootstrap interval (Efron 1979): 2.5 % and 97.5 % quantiles of the means of
 * 1000 resamples, drawn with the seed.  It assumes no distribution and is slightly too short for n below 20.  Where a
 * value is inf or nan, so are the mean and the ends.  Fails with EFLA_NO_MEMORY. */
efla_status efla_bootstrap_mean(const double *values, size_t n, size_t seed, efla_interval *interval);

/* The same for the n paired differences a - b. */
efla_status efla_bootstrap_difference(const double *a, const double *b, size_t n, size_t seed, efla_interval *interval);

/* The verdict on the first term of a difference, larger being better: "better" or "worse" where zero is outside the
 * interval, "no difference seen" where it is inside, "not asked" for nan. */
const char *efla_difference_verdict(efla_interval difference);

/* The mean of n >= 1 values with Student's interval, mean -+ t sqrt(s^2/n), t the 97.5 % quantile for n - 1 degrees of
 * freedom: exact for normal values and any n (Student 1908), where the bootstrap is too short for small n.  The
 * interval of one value is -inf to inf.  Where a value is inf or nan, so are the mean and the ends. */
void efla_student_mean(const double *values, size_t n, efla_interval *interval);

#endif
