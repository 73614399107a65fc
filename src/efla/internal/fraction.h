/* SPDX-License-Identifier: MIT */
/* phi, R and psi in double, from a method's integer coefficients or, of the exact flow, closed: what method.c and psi.c
 * list, and a GPU computes.
 *
 * psi as a divided difference (rule.h): with x phi(x) = P(x)/Q(x),
 *
 *     psi(y, z) = M(y, z)/(Q(y) Q(z)),   M = (P(z) Q(y) - P(y) Q(z))/(z - y)
 *                                      = sum_{i>j} (p_i q_j - p_j q_i) (y z)^j h_{i-j-1}(y, z),
 *
 * where h_n is the sum of all y^a z^b with a + b = n.  M's coefficients are integers below 2^53: exact. */
#ifndef EFLA_INTERNAL_FRACTION_H
#define EFLA_INTERNAL_FRACTION_H

#include "efla/internal/polynomial.h"
#include "efla/rule.h"

#include <stdbool.h>

enum { EFLA_RATIO_TERMS = EFLA_PHI_TERMS + 1 }; /* of P, and of R */

enum { EFLA_FRACTION_SIDE = 2 * EFLA_RATIO_TERMS - 1 }; /* of M times Q^2 */

typedef struct efla_bivariate {
  double c[EFLA_FRACTION_SIDE][EFLA_FRACTION_SIDE]; /* of y^a z^b */
  int m, n;                                         /* degrees in y and z */
} efla_bivariate;

/* psi = M/(divisor Q(y) Q(z)).  A constant Q goes to the divisor as a whole: it would only enlarge M. */
typedef struct efla_fraction {
  efla_bivariate M;
  double Q[EFLA_RATIO_TERMS], divisor;
  int q; /* degree of Q */
} efla_fraction;

/* Past 1 the powers of a true ratio could overflow: there it is taken in 1/x.  Then Q(x) = x^q times its coefficients
 * in reverse at 1/x, and the same for the numerator. */
typedef struct efla_fraction_variable {
  efla_pair x; /* or its reciprocal */
  bool reversed;
} efla_fraction_variable;

EFLA_SHARED efla_fraction_variable efla_fraction_take(const efla_fraction *f, efla_pair x) {
  bool reversed = f->q > 0 && x.value > 1;
  return (efla_fraction_variable){.x = reversed ? efla_pair_reciprocal(x) : x, .reversed = reversed};
}

EFLA_SHARED efla_compensated efla_fraction_row_at(const efla_bivariate *N, int a, const efla_fraction_variable *z) {
  int n = z->reversed ? N->n : efla_degree(N->c[a], N->n + 1); /* 0 times an infinite z would be nan */
  efla_compensated s = {N->c[a][z->reversed ? 0 : n], 0};
  for (int b = n - 1; b >= 0; b--) s = efla_horner(s, z->x, (efla_compensated){N->c[a][z->reversed ? N->n - b : b], 0});
  return s;
}

/* value/Q(x)^power, where value's numerator has the degree m in x and may be reversed. */
EFLA_SHARED double efla_fraction_divide(const efla_fraction *f, double value, int power, int m, efla_pair x,
                                        const efla_fraction_variable *at) {
  double Q = efla_polynomial(f->Q, f->q, at->x, at->reversed);
  for (int i = 0; i < power && f->q > 0; i++) value /= Q;
  if (!at->reversed) return value;
  for (int i = m; i < power * f->q; i++) value /= x.value;
  for (int i = power * f->q; i < m; i++) value *= x.value;
  return value;
}

/* N(y, z)/(divisor Q(y)^i Q(z)^j) */
EFLA_SHARED double efla_fraction_evaluate(const efla_fraction *f, const efla_bivariate *N, int i, int j, efla_pair y,
                                          efla_pair z) {
  const efla_fraction_variable at_y = efla_fraction_take(f, y), at_z = efla_fraction_take(f, z);
  efla_compensated s = efla_fraction_row_at(N, at_y.reversed ? 0 : N->m, &at_z);
  for (int a = N->m - 1; a >= 0; a--)
    s = efla_horner(s, at_y.x, efla_fraction_row_at(N, at_y.reversed ? N->m - a : a, &at_z));
  double value = efla_compensated_value(s) / f->divisor;
  return efla_fraction_divide(f, efla_fraction_divide(f, value, i, N->m, y, &at_y), j, N->n, z, &at_z);
}

/* psi(y, y + x) of a fraction that efla_psi_form has formed. */
EFLA_SHARED double efla_fraction_psi(const efla_fraction *f, double y, double x) {
  return efla_fraction_evaluate(f, &f->M, 1, 1, efla_pair_of(y), efla_pair_sum(y, x));
}

/* ---- ratios ---- */

/* top(x)/bottom(x), in rising powers.  Past 1 a true ratio is taken in 1/x, whose powers cannot overflow; with
 * `rough`, in 1/x rounded. */
EFLA_SHARED double efla_ratio(const double *top, int m, const double *bottom, int n, efla_pair x, bool rough) {
  if (n == 0) return efla_polynomial(top, m, x, false) / bottom[0];
  if (x.value <= 1) return efla_polynomial(top, m, x, false) / efla_polynomial(bottom, n, x, false);
  efla_pair inverse = rough ? efla_pair_of(1 / x.value) : efla_pair_reciprocal(x);
  double value = efla_polynomial(top, m, inverse, true) / efla_polynomial(bottom, n, inverse, true);
  for (int i = n - m; i > 0; i--) value /= x.value;
  return value;
}

/* phi from its coefficients.  Rounded reciprocals are enough for phi, whose true ratios have no zeros; its bits are
 * those of published tables. */
EFLA_SHARED double efla_phi_ratio(const double *top, const double *bottom, efla_pair x, bool rough) {
  return efla_ratio(top, efla_degree(top, EFLA_PHI_TERMS), bottom, efla_degree(bottom, EFLA_PHI_TERMS), x, rough);
}

/* With x phi = P/Q, R(-x) = (Q - P)/Q: integers again, of which the constants cancel where R does. */
EFLA_SHARED void efla_form_stability(const double *numerator, const double *denominator, double *top) {
  for (int i = 0; i < EFLA_RATIO_TERMS; i++)
    top[i] = (i < EFLA_PHI_TERMS ? denominator[i] : 0) - (i > 0 ? numerator[i - 1] : 0);
}

/* R(-x) */
EFLA_SHARED double efla_stability_from(const double *numerator, const double *denominator, double x) {
  double top[EFLA_RATIO_TERMS];
  efla_form_stability(numerator, denominator, top);
  return efla_ratio(top, efla_degree(top, EFLA_RATIO_TERMS), denominator, efla_degree(denominator, EFLA_PHI_TERMS),
                    efla_pair_of(x), false);
}

/* ---- the exact flow ---- */

/* phi: (1 - e^-x)/x.  expm1 keeps all digits where e^-x is close to 1. */
EFLA_SHARED double efla_phi_exact(double x) { return x == 0 ? 1 : -expm1(-x) / x; }
/* R(-x) */
EFLA_SHARED double efla_stability_exact(double x) { return exp(-x); }
/* psi(y, y + x) = (e^-y - e^-(y+x))/x */
EFLA_SHARED double efla_psi_exact(double y, double x) { return exp(-y) * efla_phi_exact(x); }

#endif
