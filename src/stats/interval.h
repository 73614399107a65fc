/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A measured number with its 95 % interval. */
#ifndef EFLA_STATS_INTERVAL_H
#define EFLA_STATS_INTERVAL_H

#include "base/status.h"

#include <stddef.h>

typedef struct efla_interval {
  double mean, low, high;
} efla_interval;

/* The mean of n values with the percentile bootstrap's interval (Efron 1979): 2.5 % and 97.5 % quantiles of the means
 * of 1000 resamples, drawn from the seed.  No distribution is assumed; for n below 20 it is a little too short.  Where
 * a value is inf or nan the mean is too, and so are the ends.  Fails with EFLA_NO_MEMORY. */
efla_status efla_bootstrap_mean(const double *values, size_t n, size_t seed, efla_interval *interval);

/* The same of the n paired differences a - b. */
efla_status efla_bootstrap_difference(const double *a, const double *b, size_t n, size_t seed, efla_interval *interval);

/* What the interval of a difference says of its first term, larger being better: "better" or "worse" where zero is
 * outside, "no difference seen" where it is not, "not asked" for nan. */
const char *efla_difference_verdict(efla_interval difference);

/* The mean of n >= 1 values with Student's interval, mean -+ t sqrt(s^2/n), t the 97.5 % quantile for n - 1 degrees of
 * freedom: right for normal values however few there are (Student 1908), where the bootstrap is too short.  One value
 * says nothing about its own spread: its interval is -inf to inf.  Where a value is inf or nan the mean is too, and so
 * are the ends. */
void efla_student_mean(const double *values, size_t n, efla_interval *interval);

#endif
