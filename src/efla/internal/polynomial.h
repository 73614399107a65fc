/* SPDX-License-Identifier: MIT */
/* Horner's rule with its rounding errors added back (Graillat, Langlois, Louvet 2005): as if in twice the precision, so
 * that a value keeps its digits next to a zero.  For the ratios of method.c and psi.c. */
#ifndef EFLA_INTERNAL_POLYNOMIAL_H
#define EFLA_INTERNAL_POLYNOMIAL_H

#include "efla/internal/device.h"

#include <math.h>
#include <stdbool.h>

/* The unevaluated sum value + rest, |rest| <= u |value|: y + x, or 1/x, with what rounding took away. */
typedef struct efla_pair {
  double value, rest;
} efla_pair;

EFLA_SHARED efla_pair efla_pair_of(double x) { return (efla_pair){x, 0}; }

/* a + b without error (Knuth's TwoSum); of an infinite sum there is no rest. */
EFLA_SHARED efla_pair efla_pair_sum(double a, double b) {
  double sum = a + b, part = sum - a, rest = (a - (sum - part)) + (b - part);
  return (efla_pair){sum, isfinite(sum) ? rest : 0};
}

/* 1/x to about u^2 of it. */
EFLA_SHARED efla_pair efla_pair_reciprocal(efla_pair x) {
  double value = 1 / x.value;
  return (efla_pair){value, isfinite(x.value) ? value * (fma(-value, x.value, 1.0) - value * x.rest) : 0};
}

/* A sum, and what its rounding errors add up to. */
typedef struct efla_compensated {
  double sum, correction;
} efla_compensated;

/* s x + c */
EFLA_SHARED efla_compensated efla_horner(efla_compensated s, efla_pair x, efla_compensated c) {
  double product = s.sum * x.value, product_error = fma(s.sum, x.value, -product) + s.sum * x.rest;
  double next = product + c.sum, tail = next - product;
  double sum_error = (product - (next - tail)) + (c.sum - tail);
  return (efla_compensated){next, s.correction * x.value + (product_error + sum_error) + c.correction};
}

/* The errors of an overflowing sum are meaningless and left out. */
EFLA_SHARED double efla_compensated_value(efla_compensated s) {
  return isfinite(s.correction) ? s.sum + s.correction : s.sum;
}

/* The degree of a polynomial of so many coefficients, in rising powers. */
EFLA_SHARED int efla_degree(const double *c, int terms) {
  while (terms > 1 && c[terms - 1] == 0) terms--;
  return terms - 1;
}

/* The sum of c[i] x^i for i <= n; reversed: of c[n - i] x^i. */
EFLA_SHARED double efla_polynomial(const double *c, int n, efla_pair x, bool reversed) {
  efla_compensated s = {c[reversed ? 0 : n], 0};
  for (int i = n - 1; i >= 0; i--) s = efla_horner(s, x, (efla_compensated){c[reversed ? n - i : i], 0});
  return efla_compensated_value(s);
}

/* The same in long double, whose range leaves room for the powers of any double, by plain Horner's rule. */
static inline long double efla_polynomial_long(const double *c, int n, long double x) {
  long double sum = 0;
  for (int i = n; i >= 0; i--) sum = sum * x + c[i];
  return sum;
}

#endif
