/* SPDX-License-Identifier: MIT */
#include "efla/rule.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* phi of the exact flow: (1 - e^-x)/x.  expm1 keeps all digits where e^-x is close to 1. */
static double phi_exact(double x) { return x == 0 ? 1 : -expm1(-x) / x; }
static long double phi_exact_long(long double x) { return x == 0 ? 1 : -expm1l(-x) / x; }

/* psi of the exact flow, (e^-y - e^-z)/(z - y). */
static double psi_exact(double y, double z) { return exp(-y) * phi_exact(z - y); }
static long double psi_exact_long(long double y, long double z) { return expl(-y) * phi_exact_long(z - y); }

/* phi'(x) = -(1 - (1+x) e^-x)/x^2.  Below 2 the bracket cancels; there it equals e^-x x^2 sum x^n/(n+2)!, a sum of
 * positive terms, which Horner's rule gives to 4u; the first of the terms left out is 2^24/26! = 4e-20. */
static double slope_exact(double x) {
  if (x >= 2) return -(-expm1(-x) - x * exp(-x)) / x / x;
  double sum = 1;
  for (int n = 23; n >= 1; n--) sum = 1 + x / (n + 2) * sum;
  return -exp(-x) * sum / 2;
}

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
     .closed = phi_exact,
     .closed_slope = slope_exact,
     .closed_long = phi_exact_long,
     .closed_psi = psi_exact,
     .closed_psi_long = psi_exact_long},
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

typedef double polynomial[2 * EFLA_PHI_TERMS]; /* coefficients in rising powers */

static int degree(const double *c, int terms) {
  while (terms > 1 && c[terms - 1] == 0) terms--;
  return terms - 1;
}

/* Horner's rule with its rounding errors added back (Graillat, Langlois, Louvet 2005): as if in twice the precision, so
 * that the value keeps its digits next to a zero.  The errors of an overflowing sum are meaningless and left out. */
static double evaluate(const double *c, int n, double x) {
  double sum = c[n], correction = 0;
  for (int i = n - 1; i >= 0; i--) {
    double product = sum * x, product_error = fma(sum, x, -product);
    double next = product + c[i], tail = next - product;
    double sum_error = (product - (next - tail)) + (c[i] - tail);
    correction = correction * x + (product_error + sum_error);
    sum = next;
  }
  return isfinite(correction) ? sum + correction : sum;
}

/* top(x)/bottom(x).  Past 1 a true ratio is taken in 1/x, whose powers cannot overflow. */
static double ratio(const double *top, int m, const double *bottom, int n, double x) {
  if (n == 0) return evaluate(top, m, x) / bottom[0];
  if (x <= 1) return evaluate(top, m, x) / evaluate(bottom, n, x);
  polynomial top_reversed = {0}, bottom_reversed = {0};
  for (int i = 0; i <= m; i++) top_reversed[i] = top[m - i];
  for (int i = 0; i <= n; i++) bottom_reversed[i] = bottom[n - i];
  double value = evaluate(top_reversed, m, 1 / x) / evaluate(bottom_reversed, n, 1 / x);
  for (int i = n - m; i > 0; i--) value /= x;
  return value;
}

double efla_phi(const efla_method *method, double x) {
  if (method->closed) return method->closed(x);
  const double *top = method->numerator, *bottom = method->denominator;
  return ratio(top, degree(top, EFLA_PHI_TERMS), bottom, degree(bottom, EFLA_PHI_TERMS), x);
}

/* (P/Q)' = (P'Q - PQ')/Q^2 with the numerator's coefficients formed first: they are integers, hence exact, and what
 * cancels does so there. */
double efla_phi_slope(const efla_method *method, double x) {
  if (method->closed_slope) return method->closed_slope(x);
  const double *p = method->numerator, *q = method->denominator;
  int m = degree(p, EFLA_PHI_TERMS), n = degree(q, EFLA_PHI_TERMS);
  polynomial top = {0}, bottom = {0};
  for (int i = 0; i <= m; i++)
    for (int j = 0; j <= n; j++) {
      if (i + j > 0) top[i + j - 1] += (i - j) * p[i] * q[j];
    }
  for (int i = 0; i <= n; i++)
    for (int j = 0; j <= n; j++) bottom[i + j] += q[i] * q[j];
  return ratio(top, degree(top, 2 * EFLA_PHI_TERMS), bottom, 2 * n, x);
}

double efla_stability(const efla_method *method, double x) { return 1 - x * efla_phi(method, x); }

double efla_coefficient(const efla_method *method, double beta, double lambda) {
  assert(!(beta < 0) && !(lambda < 0));
  return beta * efla_phi(method, beta * lambda);
}

/* The range of long double leaves room for the powers of any double. */
static long double horner(const double *c, long double x) {
  long double sum = 0;
  for (int i = EFLA_PHI_TERMS - 1; i >= 0; i--) sum = sum * x + c[i];
  return sum;
}

long double efla_coefficient_long(const efla_method *method, long double beta, long double lambda) {
  long double x = beta * lambda;
  return beta *
         (method->closed_long ? method->closed_long(x) : horner(method->numerator, x) / horner(method->denominator, x));
}

void efla_coefficient_derivatives(const efla_method *method, double beta, double lambda, double *by_beta,
                                  double *by_lambda) {
  double x = beta * lambda, slope = efla_phi_slope(method, x);
  *by_beta = efla_phi(method, x) + x * slope;
  *by_lambda = beta * beta * slope;
}
