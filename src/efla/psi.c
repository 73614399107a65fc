/* SPDX-License-Identifier: MIT */
/* psi and its derivatives: fraction.h says how. */
#include "efla/internal/fraction.h"
#include "efla/internal/rule.h"

#include <stdbool.h>

enum { TERMS = EFLA_RATIO_TERMS };

/* m, n: what the degrees are at most. */
static void set_degrees(efla_bivariate *N, int m, int n) {
  N->m = N->n = 0;
  for (int a = 0; a <= m; a++) {
    int last = efla_degree(N->c[a], n + 1);
    if (last > 0 || N->c[a][0] != 0) N->m = a;
    if (last > N->n) N->n = last;
  }
}

efla_fraction efla_psi_form(const efla_method *method) {
  efla_fraction f = {.divisor = 1};
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

double efla_psi(const efla_method *method, double y, double z) {
  if (y > z) return efla_psi(method, z, y);
  if (y == 0) return efla_phi(method, z);
  if (method->closed_psi) return method->closed_psi(y, z - y);
  const efla_fraction f = efla_psi_form(method);
  return efla_fraction_evaluate(&f, &f.M, 1, 1, efla_pair_of(y), efla_pair_of(z));
}

double efla_psi_offset(const efla_method *method, double y, double x) {
  if (y == 0) return efla_phi(method, x);
  if (method->closed_psi) return method->closed_psi(y, x);
  const efla_fraction f = efla_psi_form(method);
  return efla_fraction_psi(&f, y, x);
}

static long double ratio_long(const efla_method *method, long double y, long double z) {
  const efla_fraction f = efla_psi_form(method);
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
static efla_bivariate by_second(const efla_fraction *f) {
  efla_bivariate L = {.c = {{0}}};
  for (int a = 0; a <= f->M.m; a++)
    for (int b = 0; b <= f->M.n; b++)
      for (int i = 0; i <= f->q; i++)
        if (b + i > 0) L.c[a][b + i - 1] += (b - i) * f->M.c[a][b] * f->Q[i];
  set_degrees(&L, f->M.m, f->M.n + f->q);
  return L;
}

/* K with (d/dy + d/dz) psi(y, z) = K/(Q(y)^2 Q(z)^2): psi and M are symmetric, hence K = L(z, y) Q(z) + L(y, z)
 * Q(y). */
static efla_bivariate by_both(const efla_fraction *f, const efla_bivariate *L) {
  const int side = (L->m > L->n ? L->m : L->n) + f->q;
  efla_bivariate K = {.c = {{0}}};
  for (int a = 0; a <= L->m; a++)
    for (int b = 0; b <= L->n; b++)
      for (int i = 0; i <= f->q; i++) {
        K.c[b][a + i] += L->c[a][b] * f->Q[i];
        K.c[a + i][b] += L->c[a][b] * f->Q[i];
      }
  set_degrees(&K, side, side);
  return K;
}

efla_fraction_slopes efla_psi_slopes_form(const efla_method *method) {
  efla_fraction_slopes f = {.psi = efla_psi_form(method)};
  f.by_second = by_second(&f.psi), f.by_both = by_both(&f.psi, &f.by_second);
  return f;
}

void efla_psi_derivatives(const efla_method *method, double y, double x, efla_psi_slopes *s) {
  if (method->closed_psi_slopes) {
    method->closed_psi_slopes(y, x, s);
    return;
  }
  const efla_fraction_slopes f = efla_psi_slopes_form(method);
  efla_fraction_slopes_at(&f, y, x, s);
  s->of_product = efla_psi_diagonal(method, efla_pair_sum(y, x));
}
