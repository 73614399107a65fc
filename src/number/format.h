/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Number formats in which a state can be stored, one row each. */
#ifndef EFLA_NUMBER_FORMAT_H
#define EFLA_NUMBER_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct efla_format {
  const char *name;
  const char *what;
  int digits;     /* significant bits, the leading one included */
  int least;      /* exponent of the least normal number, 2^least */
  double largest; /* finite number */
  bool infinite;  /* past it comes inf; otherwise nan, as in OCP's E4M3, which has no inf */
} efla_format;

extern const efla_format efla_formats[]; /* ends with a row whose name is NULL */
const char *efla_format_name(size_t i);
const efla_format *efla_format_find(const char *name);

/* Half the gap between 1 and the next number: 2^-digits. */
double efla_format_unit(const efla_format *format);

/* The gap between neighbours of the format about a finite value: its ulp there. */
double efla_format_gap(const efla_format *format, double value);

/* The nearest number of the format, ties to even, subnormals kept: the definition, by scaling.  Past the largest
 * number, where one more gap would begin (IEEE 754, 7.4), comes inf, or nan where the format has none: OCP's E4M3 may
 * saturate or not, and here it does not, so that overflow shows. */
double efla_format_round(const efla_format *format, double value);

/* One of the two neighbours of value in the format (value itself where it is one), the one farther from zero with the
 * probability that makes the mean value itself: where the part of the gap that value has covered exceeds u, uniform in
 * [0, 1). */
double efla_format_round_stochastic(const efla_format *format, double value, double u);

/* Draw i of the stream named by seed, for u: a multiple of 2^-24.  Each is a function of (seed, i) alone, so that
 * results do not depend on who draws first.  Multiples of 2^-24 bias the rounding by less than 2^-24 of a gap. */
double efla_format_draw(uint64_t seed, uint64_t i);

/* Rounds n floats in place to a format no wider than f32; the same results as the definitions, value i with draw first
 * + i. */
void efla_format_round_f32(const efla_format *format, float *values, size_t n);
void efla_format_round_stochastic_f32(const efla_format *format, float *values, size_t n, uint64_t seed,
                                      uint64_t first);

#endif
