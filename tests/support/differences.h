/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Derivatives by central differences, with a bound for their own error. */
#ifndef DIFFERENCES_H
#define DIFFERENCES_H

#include <stddef.h>

/* A function of numbers in f64, and `size`, what its terms add up to in magnitude. */
typedef double differences_of(void *context, double *size);

/* The derivative by *at, D(h) = (f(x+h) - f(x-h)) / 2h with h = 2^-13, and the bound of its error: D errs by h^2
 * f'''/6, of which D(2h) - D(h) is three times as much, and by the rounding of f, granted as operations * u * size for
 * each of the two values, over 2h. */
double differences_slope(differences_of *f, void *context, double *at, size_t operations, double *doubt);

#endif
