/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The power law of a curve. */
#ifndef EFLA_STATS_SLOPE_H
#define EFLA_STATS_SLOPE_H

#include <stddef.h>

/* The least-squares slope of log y against log x of those of n points that have x >= least and 0 < y < most; nan for
 * fewer than three. */
double efla_log_slope(size_t n, const double *x, const double *y, double least, double most);

#endif
