/* SPDX-License-Identifier: MIT */
/* Derivatives of phi, psi and the coefficients in double: what method.c, psi.c, decay.c and rule.c list, and a GPU
 * computes. */
#ifndef EFLA_INTERNAL_SLOPES_H
#define EFLA_INTERNAL_SLOPES_H

#include "efla/internal/fraction.h"
#include "efla/internal/rates.h"

/* ---- the exact flow ---- */

/* phi'(x) = -(1 - (1+x) e^-x)/x^2.  Near 0 the bracket cancels; up to 2 it equals e^-x x^2 sum x^n/(n+2)!, a sum of
 * positive terms, which Horner's rule gives to 4u; for x < 0 they alternate, and 16 u are left at -2. The first of the
 * terms left out is 2^24/26! = 4e-20. */
EFLA_SHARED double efla_phi_slope_exact(double x) {
  if (fabs(x) >= 2) return -(-expm1(-x) - x * exp(-x)) / x / x;
  double sum = 1;
  for (int n = 23; n >= 1; n--) sum = 1 + x / (n + 2) * sum;
  return -exp(-x) * sum / 2;
}

/* Of psi(y, y + x) = e^-y phi(x), and of x psi(y, y + x), whose derivative is e^-(y+x). */
EFLA_SHARED void efla_psi_slopes_exact(double y, double x, efla_psi_slopes *s) {
  const double kept = exp(-y);
  s->by_y = -kept * efla_phi_exact(x), s->by_x = kept * efla_phi_slope_exact(x), s->of_product = kept * exp(-x);
}

/* ---- ratios ---- */

/* (P/Q)' = (P'Q - PQ')/Q^2 with the numerator's coefficients formed first: they are integers, hence exact, and what
 * cancels does so there. */
EFLA_SHARED double efla_ratio_slope(const double *p, int m, const double *q, int n, efla_pair x, bool rough) {
  double top[2 * EFLA_RATIO_TERMS] = {0}, bottom[2 * EFLA_RATIO_TERMS] = {0};
  for (int i = 0; i <= m; i++)
    for (int j = 0; j <= n; j++) {
      if (i + j > 0) top[i + j - 1] += (i - j) * p[i] * q[j];
    }
  for (int i = 0; i <= n; i++)
    for (int j = 0; j <= n; j++) bottom[i + j] += q[i] * q[j];
  return efla_ratio(top, efla_degree(top, m + n + 1), bottom, 2 * n, x, rough);
}

/* phi' from phi's coefficients. */
EFLA_SHARED double efla_phi_ratio_slope(const double *p, const double *q, efla_pair x, bool rough) {
  return efla_ratio_slope(p, efla_degree(p, EFLA_PHI_TERMS), q, efla_degree(q, EFLA_PHI_TERMS), x, rough);
}

/* psi(z, z), the derivative of z phi(z), from phi's coefficients. */
EFLA_SHARED double efla_psi_ratio_diagonal(const double *numerator, const double *denominator, efla_pair z) {
  double P[EFLA_RATIO_TERMS] = {0};
  for (int i = 1; i < EFLA_RATIO_TERMS; i++) P[i] = numerator[i - 1];
  return efla_ratio_slope(P, efla_degree(P, EFLA_RATIO_TERMS), denominator, efla_degree(denominator, EFLA_PHI_TERMS), z,
                          false);
}

/* psi with what its derivatives by the second argument, and by both together, have as numerators. */
typedef struct efla_fraction_slopes {
  efla_fraction psi;
  efla_bivariate by_second, by_both;
} efla_fraction_slopes;

/* psi's derivatives by y and x at (y, y + x); of_product is not set. */
EFLA_SHARED void efla_fraction_slopes_at(const efla_fraction_slopes *f, double y, double x, efla_psi_slopes *s) {
  const efla_pair at = efla_pair_of(y), z = efla_pair_sum(y, x);
  s->by_y = efla_fraction_evaluate(&f->psi, &f->by_both, 2, 2, at, z);
  s->by_x = efla_fraction_evaluate(&f->psi, &f->by_second, 1, 2, at, z);
}

/* ---- coefficients ---- */

/* A term whose factor is 0 is absent: where an explicit method overflows, inf would make it nan. */
EFLA_SHARED double efla_slope_term(double factor, double value) { return factor == 0 ? 0 : factor * value; }

/* What the derivatives of one token's coefficients have in common. */
typedef struct efla_token_slopes {
  efla_rates rates;
  double lambda, before;             /* before: e^before */
  double R, R_slope, psi, phi_slope; /* R(-y), its derivative by y, psi(y, y + x), phi'(y + x) */
  efla_psi_slopes slopes;
} efla_token_slopes;

/* docs/derivations.md#e7: d and e by the product rule.  In e, rho' psi + rho psi_x x' with x' = rho' lambda is rho'
 * times the derivative of x psi.  In w, b' phi + b phi' z' cancels where b' is not 0 and z large; with z' = y' +
 * rho' lambda it equals b' times the derivative of z phi, plus phi' (b z' - b' z), where for b and rho proportional
 * to beta the part of x is 0. */
EFLA_SHARED void efla_slopes_along(const efla_token_slopes *t, const efla_rates *by, efla_coefficients *c) {
  const efla_rates *r = &t->rates;
  const double d = efla_slope_term(by->before, t->R) + efla_slope_term(by->decay, t->R_slope);
  const double e = efla_slope_term(by->before, r->erase * t->psi) + efla_slope_term(by->erase, t->slopes.of_product) +
                   efla_slope_term(by->decay, r->erase * t->slopes.by_y);
  const double turn = by->write == 0 ? r->write * fma(by->erase, t->lambda, by->decay)
                                     : t->lambda * (r->write * by->erase - by->write * r->erase) +
                                           (r->write * by->decay - by->write * r->decay);
  c->decay = t->before * d;
  c->erase = t->before * e;
  c->write = efla_slope_term(by->write, t->slopes.of_product) + efla_slope_term(turn, t->phi_slope);
}

/* From what they have in common, and the rates' derivatives. */
EFLA_SHARED void efla_slopes_combine(const efla_token_slopes *t, const efla_rates *by_beta, const efla_rates *by_g,
                                     efla_coefficient_slopes *s) {
  s->by_lambda.decay = 0;
  s->by_lambda.erase = t->before * (t->rates.erase * t->rates.erase * t->slopes.by_x);
  s->by_lambda.write = t->rates.write * t->rates.erase * t->phi_slope;
  efla_slopes_along(t, by_beta, &s->by_beta);
  efla_slopes_along(t, by_g, &s->by_g);
}

#endif
