/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The distribution of one quantity: mean, quantiles, largest value. */
#ifndef EFLA_STATS_DISTRIBUTION_H
#define EFLA_STATS_DISTRIBUTION_H

#include <stddef.h>

enum { EFLA_DISTRIBUTION_QUANTILES = 7 };
extern const double efla_distribution_orders[EFLA_DISTRIBUTION_QUANTILES]; /* .01, .05, .25, .5, .75, .95, .99 */

typedef struct efla_distribution {
  const char *quantity;
  double mean, quantile[EFLA_DISTRIBUTION_QUANTILES], most;
} efla_distribution;

/* Of n >= 1 values, which it sorts. Where a value is nan or infinite, the whole distribution is nan. */
efla_distribution efla_distribution_of(const char *quantity, size_t n, double *values);

#endif
