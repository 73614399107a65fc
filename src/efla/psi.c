/* SPDX-License-Identifier: MIT */
/* psi as a divided difference (rule.h): with x phi(x) = P(x)/Q(x),
 *
 *     psi(y, z) = M(y, z)/(Q(y) Q(z)),   M = (P(z) Q(y) - P(y) Q(z))/(z - y) = sum_{i>j} (p_i q_j - p_j q_i) (y z)^j h_{i-j-1}(y, z),
 *
 * where h_n is the sum of all y^a z^b with a + b = n.  M's coefficients are integers below 2^53: exact. */
#include "efla/rule.h"

#include <math.h>

enum { TERMS = EFLA_PHI_TERMS + 1 }; /* of x times the numerator of phi */

typedef struct fraction {
  double M[TERMS][TERMS]; /* of y^a z^b, symmetric */
  double Q[TERMS];
  int M_degree[TERMS]; /* of row a in z */
  int m, q;            /* degrees of M in one variable, and of Q */
} fraction;

static int degree(const double *c, int terms) {
  while (terms > 1 && c[terms - 1] == 0) terms--;
  return terms - 1;
}

static fraction form(const efla_method *method) {
  fraction f = {.M = {{0}}};
  double P[TERMS] = {0};
  for (int i = 0; i < EFLA_PHI_TERMS; i++) P[i + 1] = method->numerator[i], f.Q[i] = method->denominator[i];
  for (int i = 0; i < TERMS; i++)
    for (int j = 0; j < i; j++)
      for (int a = 0; a < i - j; a++) f.M[j + a][i - 1 - a] += P[i] * f.Q[j] - P[j] * f.Q[i];
  f.q = degree(f.Q, TERMS);
  for (int a = 0; a < TERMS; a++) {
    f.M_degree[a] = degree(f.M[a], TERMS);
    if (f.M_degree[a] > 0 || f.M[a][0] != 0) f.m = a;
  }
  return f;
}

/* Past 1 the powers of a true ratio could overflow: there it is taken in 1/x.  Then Q(x) = x^q times its coefficients
 * in reverse at 1/x, and the same for M, which as phi is no polynomial has a degree below q. */
typedef struct variable {
  double x;       /* or its reciprocal */
  double divisor; /* what is left of x^(q - m) */
  int left;
  bool reversed;
} variable;

static variable take(const fraction *f, double x) {
  bool reversed = f->q > 0 && x > 1;
  return (variable){.x = reversed ? 1 / x : x, .divisor = x, .left = reversed ? f->q - f->m : 0, .reversed = reversed};
}

/* A sum and what its rounding errors add up to, as in method.c. */
typedef struct compensated {
  double sum, correction;
} compensated;

/* s x + c */
static compensated horner(compensated s, double x, compensated c) {
  double product = s.sum * x, product_error = fma(s.sum, x, -product);
  double next = product + c.sum, tail = next - product;
  double sum_error = (product - (next - tail)) + (c.sum - tail);
  return (compensated){next, s.correction * x + (product_error + sum_error) + c.correction};
}

/* An overflowing sum is what it is; its errors are meaningless. */
static double value(compensated s) { return isfinite(s.correction) ? s.sum + s.correction : s.sum; }

static compensated row_at(const fraction *f, int a, const variable *z) {
  int n = z->reversed ? f->m : f->M_degree[a];
  compensated s = {z->reversed ? f->M[a][0] : f->M[a][n], 0};
  for (int b = n - 1; b >= 0; b--) s = horner(s, z->x, (compensated){z->reversed ? f->M[a][f->m - b] : f->M[a][b], 0});
  return s;
}

static double denominator_at(const fraction *f, const variable *x) {
  compensated s = {x->reversed ? f->Q[0] : f->Q[f->q], 0};
  for (int i = f->q - 1; i >= 0; i--) s = horner(s, x->x, (compensated){x->reversed ? f->Q[f->q - i] : f->Q[i], 0});
  return value(s);
}

double efla_psi(const efla_method *method, double y, double z) {
  if (y > z) return efla_psi(method, z, y);
  if (y == 0) return efla_phi(method, z);
  if (method->closed_psi) return method->closed_psi(y, z);
  const fraction f = form(method);
  const variable at_y = take(&f, y), at_z = take(&f, z);
  compensated s = row_at(&f, at_y.reversed ? 0 : f.m, &at_z);
  for (int a = f.m - 1; a >= 0; a--) s = horner(s, at_y.x, row_at(&f, at_y.reversed ? f.m - a : a, &at_z));
  double psi = value(s) / denominator_at(&f, &at_y) / denominator_at(&f, &at_z);
  for (int i = 0; i < at_y.left; i++) psi /= at_y.divisor;
  for (int i = 0; i < at_z.left; i++) psi /= at_z.divisor;
  return psi;
}

/* The range of long double leaves room for the powers of any double. */
static long double polynomial(const double *c, int n, long double x) {
  long double sum = 0;
  for (int i = n; i >= 0; i--) sum = sum * x + c[i];
  return sum;
}

long double efla_psi_long(const efla_method *method, long double y, long double z) {
  if (y > z) return efla_psi_long(method, z, y);
  if (method->closed_psi_long) return method->closed_psi_long(y, z);
  const fraction f = form(method);
  long double sum = 0;
  for (int a = f.m; a >= 0; a--) sum = sum * y + polynomial(f.M[a], f.M_degree[a], z);
  return sum / polynomial(f.Q, f.q, y) / polynomial(f.Q, f.q, z);
}
