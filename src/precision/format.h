/* Number formats in which a state can be stored, one row each. */
#ifndef EFLA_PRECISION_FORMAT_H
#define EFLA_PRECISION_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

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

/* The nearest number of the format, ties to even, subnormals kept: the definition, by scaling. */
double efla_format_round(const efla_format *format, double value);

/* One of the two neighbours of value in the format, the upper one with the probability that makes the mean value itself; u is
 * uniform in [0, 1). */
double efla_format_round_stochastic(const efla_format *format, double value, double u);

/* Rounds n floats in place to a format no wider than f32; the same results as the definition. */
void efla_format_round_f32(const efla_format *format, float *values, size_t n);

#endif
