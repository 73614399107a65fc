/* SPDX-License-Identifier: MIT */
/* psi as a divided difference (rule.h): with x phi(x) = P(x)/Q(x),
 *
 *     psi(y, z) = M(y, z)/(Q(y) Q(z)),   M = (P(z) Q(y) - P(y) Q(z))/(z - y)
 *                                      = sum_{i>j} (p_i q_j - p_j q_i) (y z)^j h_{i-j-1}(y, z),
 *
 * where h_n is the sum of all y^a z^b with a + b = n.  M's coefficients are integers below 2^53: exact. */
#include "efla/internal/polynomial.h"
#include "efla/internal/rule.h"

#include <stdbool.h>

enum { TERMS = EFLA_PHI_TERMS + 1 }; /* of P */

enum { SIDE = 2 * TERMS - 1 }; /* of M times Q^2 */

typedef struct bivariate {
  double c[SIDE][SIDE]; /* of y^a z^b */
  int m, n;             /* degrees in y and z */
} bivariate;

/* m, n: what the degrees are at most. */
static void set_degrees(bivariate *N, int m, int n) {
  N->m = N->n = 0;
  for (int a = 0; a <= m; a++) {
    int last = efla_degree(N->c[a], n + 1);
    if (last > 0 || N->c[a][0] != 0) N->m = a;
    if (last > N->n) N->n = last;
  }
}

/* psi = M/(divisor Q(y) Q(z)).  A constant Q goes to the divisor as a whole: it would only enlarge M. */
typedef struct fraction {
  bivariate M;
  double Q[TERMS], divisor;
  int q; /* degree of Q */
} fraction;

static fraction form(const efla_method *method) {
  fraction f = {.divisor = 1};
  double P[TERMS] = {0};
  for (int i = 0; i < EFLA_PHI_TERMS; i++) P[i + 1] = method->numerator[i], f.Q[i] = method->denominator[i];
  f.q = efla_degree(f.Q, TERMS);
  if (f.q == 0) f.divisor = f.Q[0], f.Q[0] = 1;
  for (int i = 0; i < TERMS; i++)
    for (int j = 0; j < i && j <= f.q; j++)
      for (int a = 0; a < i - j; a++) f.M.c[j + a][i - 1 - a] += P[i] * f.Q[j] - P[j] * f.Q[i];
  set_degrees(&f.M, TERMS - 2, TERMS - 2);
  return f;
}

/* Past 1 the powers of a true ratio could overflow: there it is taken in 1/x.  Then Q(x) = x^q times its coefficients
 * in reverse at 1/x, and the same for the numerator. */
typedef struct variable {
  efla_pair x; /* or its reciprocal */
  bool reversed;
} variable;

static variable take(const fraction *f, efla_pair x) {
  bool reversed = f->q > 0 && x.value > 1;
  return (variable){.x = reversed ? efla_pair_reciprocal(x) : x, .reversed = reversed};
}

static efla_compensated row_at(const bivariate *N, int a, const variable *z) {
  int n = z->reversed ? N->n : efla_degree(N->c[a], N->n + 1); /* 0 times an infinite z would be nan */
  efla_compensated s = {N->c[a][z->reversed ? 0 : n], 0};
  for (int b = n - 1; b >= 0; b--) s = efla_horner(s, z->x, (efla_compensated){N->c[a][z->reversed ? N->n - b : b], 0});
  return s;
}

/* value/Q(x)^power, where value's numerator has the degree m in x and may be reversed. */
static double divide(const fraction *f, double value, int power, int m, efla_pair x, const variable *at) {
  double Q = efla_polynomial(f->Q, f->q, at->x, at->reversed);
  for (int i = 0; i < power && f->q > 0; i++) value /= Q;
  if (!at->reversed) return value;
  for (int i = m; i < power * f->q; i++) value /= x.value;
  for (int i = power * f->q; i < m; i++) value *= x.value;
  return value;
}

/* N(y, z)/(divisor Q(y)^i Q(z)^j) */
static double evaluate(const fraction *f, const bivariate *N, int i, int j, efla_pair y, efla_pair z) {
  const variable at_y = take(f, y), at_z = take(f, z);
  efla_compensated s = row_at(N, at_y.reversed ? 0 : N->m, &at_z);
  for (int a = N->m - 1; a >= 0; a--) s = efla_horner(s, at_y.x, row_at(N, at_y.reversed ? N->m - a : a, &at_z));
  double value = efla_compensated_value(s) / f->divisor;
  return divide(f, divide(f, value, i, N->m, y, &at_y), j, N->n, z, &at_z);
}

double efla_psi(const efla_method *method, double y, double z) {
  if (y > z) return efla_psi(method, z, y);
  if (y == 0) return efla_phi(method, z);
  if (method->closed_psi) return method->closed_psi(y, z - y);
  const fraction f = form(method);
  return evaluate(&f, &f.M, 1, 1, efla_pair_of(y), efla_pair_of(z));
}

double efla_psi_offset(const efla_method *method, double y, double x) {
  if (y == 0) return efla_phi(method, x);
  if (method->closed_psi) return method->closed_psi(y, x);
  const fraction f = form(method);
  return evaluate(&f, &f.M, 1, 1, efla_pair_of(y), efla_pair_sum(y, x));
}

static long double ratio_long(const efla_method *method, long double y, long double z) {
  const fraction f = form(method);
  long double sum = 0;
  for (int a = f.M.m; a >= 0; a--) sum = sum * y + efla_polynomial_long(f.M.c[a], efla_degree(f.M.c[a], f.M.n + 1), z);
  return sum / f.divisor / efla_polynomial_long(f.Q, f.q, y) / efla_polynomial_long(f.Q, f.q, z);
}

long double efla_psi_long(const efla_method *method, long double y, long double z) {
  if (y > z) return efla_psi_long(method, z, y);
  return method->closed_psi_long ? method->closed_psi_long(y, z - y) : ratio_long(method, y, z);
}

long double efla_psi_offset_long(const efla_method *method, long double y, long double x) {
  return method->closed_psi_long ? method->closed_psi_long(y, x) : ratio_long(method, y, y + x);
}

/* ---- derivatives ---- */

/* L with d psi(y, z)/dz = L/(Q(y) Q(z)^2): L = M_z Q(z) - M Q'(z). */
static bivariate by_second(const fraction *f) {
  bivariate L = {.c = {{0}}};
  for (int a = 0; a <= f->M.m; a++)
    for (int b = 0; b <= f->M.n; b++)
      for (int i = 0; i <= f->q; i++)
        if (b + i > 0) L.c[a][b + i - 1] += (b - i) * f->M.c[a][b] * f->Q[i];
  set_degrees(&L, f->M.m, f->M.n + f->q);
  return L;
}

/* K with (d/dy + d/dz) psi(y, z) = K/(Q(y)^2 Q(z)^2): psi and M are symmetric, hence K = L(z, y) Q(z) + L(y, z)
 * Q(y). */
static bivariate by_both(const fraction *f, const bivariate *L) {
  const int side = (L->m > L->n ? L->m : L->n) + f->q;
  bivariate K = {.c = {{0}}};
  for (int a = 0; a <= L->m; a++)
    for (int b = 0; b <= L->n; b++)
      for (int i = 0; i <= f->q; i++) {
        K.c[b][a + i] += L->c[a][b] * f->Q[i];
        K.c[a + i][b] += L->c[a][b] * f->Q[i];
      }
  set_degrees(&K, side, side);
  return K;
}

void efla_psi_derivatives(const efla_method *method, double y, double x, efla_psi_slopes *s) {
  if (method->closed_psi_slopes) {
    method->closed_psi_slopes(y, x, s);
    return;
  }
  const fraction f = form(method);
  const bivariate L = by_second(&f), K = by_both(&f, &L);
  const efla_pair at = efla_pair_of(y), z = efla_pair_sum(y, x);
  s->by_y = evaluate(&f, &K, 2, 2, at, z);
  s->by_x = evaluate(&f, &L, 1, 2, at, z);
  s->of_product = efla_psi_diagonal(method, z);
}
