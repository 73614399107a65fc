/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The power law of a curve, and where two of them cross. */
#ifndef EFLA_STATS_SLOPE_H
#define EFLA_STATS_SLOPE_H

#include <stddef.h>

/* The least-squares slope of log y against log x of those of n points that have x >= least and 0 < y < most; nan for
 * fewer than three. */
double efla_log_slope(size_t n, const double *x, const double *y, double least, double most);

/* Where the positive curve a, larger before, comes down to b for the last time: a place between 0 and n - 1, the two
 * points around it joined by power laws, and the later of them where a was inf; nan where that never happens. */
double efla_log_crossing(size_t n, const double *a, const double *b);

#endif
