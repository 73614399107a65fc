/* SPDX-License-Identifier: MIT */
#include "efla/rule.h"

#include "efla/internal/rule.h"
#include "efla/internal/slopes.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* The exact flow in long double. */
static long double phi_exact_long(long double x) { return x == 0 ? 1 : -expm1l(-x) / x; }
static long double stability_exact_long(long double x) { return expl(-x); }
static long double psi_exact_long(long double y, long double x) { return expl(-y) * phi_exact_long(x); }

/* Taylor methods: phi is the sum of (-x)^n/(n+1)! for n < order, here over the common denominator order!. */
const efla_method efla_methods[] = {
    {.name = "euler",
     .known_as = "DeltaNet's rule",
     .order = 1,
     .stable = 2,
     .positive = 1,
     .numerator = {1},
     .denominator = {1}},
    {.name = "rk2",
     .known_as = "midpoint, Heun, Ralston",
     .order = 2,
     .stable = 2,
     .positive = INFINITY,
     .numerator = {2, -1},
     .denominator = {2}},
    {.name = "rk4",
     .known_as = "classical Runge-Kutta, 3/8 rule",
     .order = 4,
     .stable = 2.7852935634052818,
     .positive = INFINITY,
     .numerator = {24, -12, 4, -1},
     .denominator = {24}},
    {.name = "rk8",
     .known_as = "Taylor series of order 8",
     .order = 8,
     .stable = 4.313627227774381,
     .positive = INFINITY,
     .numerator = {40320, -20160, 6720, -1680, 336, -56, 8, -1},
     .denominator = {40320}},
    {.name = "implicit",
     .known_as = "backward Euler; Longhorn, proximal step",
     .order = 1,
     .stable = INFINITY,
     .positive = INFINITY,
     .numerator = {1},
     .denominator = {1, 1}},
    {.name = "trapezoid",
     .known_as = "Crank-Nicolson, implicit midpoint",
     .order = 2,
     .stable = INFINITY,
     .positive = 2,
     .numerator = {2},
     .denominator = {2, 1}},
    {.name = "gauss4",
     .known_as = "two-stage Gauss-Legendre",
     .order = 4,
     .stable = INFINITY,
     .positive = INFINITY,
     .numerator = {12},
     .denominator = {12, 6, 1}},
    {.name = "radau3",
     .known_as = "two-stage Radau IIA",
     .order = 3,
     .stable = INFINITY,
     .positive = 3,
     .numerator = {6, 1},
     .denominator = {6, 4, 1}},
    {.name = "exact",
     .known_as = "EFLA",
     .order = EFLA_ORDER_INFINITE,
     .stable = INFINITY,
     .positive = INFINITY,
     .closed = efla_phi_exact,
     .closed_slope = efla_phi_slope_exact,
     .closed_long = phi_exact_long,
     .closed_stability = efla_stability_exact,
     .closed_stability_long = stability_exact_long,
     .closed_psi = efla_psi_exact,
     .closed_psi_long = psi_exact_long,
     .closed_psi_slopes = efla_psi_slopes_exact},
    {.name = NULL},
};

const char *efla_method_name(size_t i) {
  return i < sizeof efla_methods / sizeof *efla_methods ? efla_methods[i].name : NULL;
}

const efla_method *efla_method_find(const char *name) {
  for (const efla_method *m = efla_methods; m->name; m++)
    if (!strcmp(m->name, name)) return m;
  return NULL;
}

double efla_phi(const efla_method *method, double x) {
  return method->closed ? method->closed(x)
                        : efla_phi_ratio(method->numerator, method->denominator, efla_pair_of(x), true);
}

double efla_phi_pair(const efla_method *method, efla_pair x) {
  if (method->closed || x.rest == 0) return efla_phi(method, x.value);
  return efla_phi_ratio(method->numerator, method->denominator, x, false);
}

long double efla_phi_long(const efla_method *method, long double x) {
  return method->closed_long ? method->closed_long(x)
                             : efla_polynomial_long(method->numerator, EFLA_PHI_TERMS - 1, x) /
                                   efla_polynomial_long(method->denominator, EFLA_PHI_TERMS - 1, x);
}

enum { TERMS = EFLA_RATIO_TERMS }; /* of x phi and R, whose denominators are phi's */

static double phi_ratio_slope(const efla_method *method, efla_pair x, bool rough) {
  return efla_phi_ratio_slope(method->numerator, method->denominator, x, rough);
}

double efla_phi_slope(const efla_method *method, double x) {
  return method->closed_slope ? method->closed_slope(x) : phi_ratio_slope(method, efla_pair_of(x), true);
}

double efla_phi_slope_pair(const efla_method *method, efla_pair x) {
  if (method->closed_slope || x.rest == 0) return efla_phi_slope(method, x.value);
  return phi_ratio_slope(method, x, false);
}

double efla_psi_diagonal(const efla_method *method, efla_pair z) {
  if (method->closed_psi) return method->closed_psi(z.value, 0);
  return efla_psi_ratio_diagonal(method->numerator, method->denominator, z);
}

double efla_stability(const efla_method *method, double x) { return 1 - x * efla_phi(method, x); }

double efla_stability_ratio(const efla_method *method, double x) {
  return method->closed_stability ? method->closed_stability(x)
                                  : efla_stability_from(method->numerator, method->denominator, x);
}

long double efla_stability_ratio_long(const efla_method *method, long double x) {
  if (method->closed_stability_long) return method->closed_stability_long(x);
  double top[TERMS];
  efla_form_stability(method->numerator, method->denominator, top);
  return efla_polynomial_long(top, EFLA_PHI_TERMS, x) /
         efla_polynomial_long(method->denominator, EFLA_PHI_TERMS - 1, x);
}

double efla_coefficient(const efla_method *method, double beta, double lambda) {
  assert(!(beta < 0) && !(lambda < 0));
  return beta * efla_phi(method, beta * lambda);
}

long double efla_coefficient_long(const efla_method *method, long double beta, long double lambda) {
  return beta * efla_phi_long(method, beta * lambda);
}

void efla_coefficient_derivatives(const efla_method *method, double beta, double lambda, double *by_beta,
                                  double *by_lambda) {
  double x = beta * lambda, slope = efla_phi_slope(method, x);
  *by_beta = efla_phi(method, x) + x * slope;
  *by_lambda = beta * beta * slope;
}
