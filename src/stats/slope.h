/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The exponent of a power law, and the crossing of two curves. */
#ifndef EFLA_STATS_SLOPE_H
#define EFLA_STATS_SLOPE_H

#include <stddef.h>

enum { EFLA_SLOPE_POINTS = 512 };

/* The least-squares slope of log y against log x over the points, of n <= EFLA_SLOPE_POINTS, with x >= least and
 * 0 < y < most; nan for fewer than three. */
double efla_log_slope(size_t n, const double *x, const double *y, double least, double most);

/* The last place, between 0 and n - 1, at which the positive curve a falls from above b to b, interpolated by power
 * laws between two points, or the later point where a was inf at the earlier one; nan where there is none. */
double efla_log_crossing(size_t n, const double *a, const double *b);

#endif
