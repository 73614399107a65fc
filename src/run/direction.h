/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of a state's error that a common factor does not explain: a normalised output does not see the other. */
#ifndef EFLA_RUN_DIRECTION_H
#define EFLA_RUN_DIRECTION_H

#include <stddef.h>

/* What the best common factor leaves of the difference of S and exact, n entries each, relative (Frobenius norm): the
 * sine of the angle between both. nan where one of them is zero or not finite. */
double efla_direction_error(size_t n, const double *S, const long double *exact);

#endif
