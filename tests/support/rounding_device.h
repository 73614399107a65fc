/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cpu device in f64 with the rounding errors of f32: each operation adds to its result a normal number whose mean
 * square is that of rounding to f32, and constants and parameters are rounded as f32 rounds them
 * (docs/bounds.md#language-model). */
#ifndef ROUNDING_DEVICE_H
#define ROUNDING_DEVICE_H

#include "testing.h"

#include "nn/device.h"

/* One at a time; errors are drawn from `draw`, which must stay. Closed by efla_device_close. */
void rounding_device_open(efla_device *device, gsl_rng *draw);

/* A normal number of mean square u32^2/3 times `square`. */
double rounding_error(double square);
/* The result of one operation; of one and more whose errors are relative to it; and of a sum of n products of numbers
 * that are so many apart. */
double rounded(double x);
double rounded_times(double x, double roundings);
double rounded_sum(size_t n, const double *a, ptrdiff_t a_step, const double *b, ptrdiff_t b_step);

/* Has the backend of the device err as well. */
void rounding_rule_open(efla_backend *backend);

#endif
