/* SPDX-License-Identifier: MIT */
#include "efla/internal/rates.h"
#include "efla/internal/rule.h"

#include <math.h>
#include <string.h>

/* ---- keys ---- */

/* Eight squares at a time go to four sums, what is left to the first: the order of OpenBLAS's dnrm2 for x86-64, which
 * has the same bits where long double has 64. */
double efla_two_norm(size_t n, const double *x) {
  long double sum[4] = {0};
  size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (size_t j = 0; j < 8; j++) sum[j % 4] += (long double)x[i + j] * (long double)x[i + j];
  for (; i < n; i++) sum[0] += (long double)x[i] * (long double)x[i];
  return (double)sqrtl(((sum[0] + sum[2]) + sum[1]) + sum[3]);
}

static void keep(size_t dk, double *k) {
  (void)dk;
  (void)k;
}

/* First the largest entry goes to [1, 2), which is exact: a norm that is subnormal has lost digits, and one past the
 * largest number is inf, also where long double is no wider than double.  A zero key has no direction and stays
 * zero. */
static void normalise(size_t dk, double *k) {
  double largest = 0;
  for (size_t i = 0; i < dk; i++) largest = fmax(largest, fabs(k[i]));
  if (largest == 0) return;
  if (isfinite(largest))
    for (size_t i = 0; i < dk; i++) k[i] = ldexp(k[i], -ilogb(largest));
  double norm = efla_two_norm(dk, k);
  for (size_t i = 0; i < dk; i++) k[i] /= norm;
}

const efla_key_treatment efla_key_treatments[] = {
    {"raw", "keys as they are (EFLA)", keep, false},
    {"unit", "keys scaled to norm one (DeltaNet)", normalise, true},
    {.name = NULL},
};

const char *efla_key_treatment_name(size_t i) {
  return i < sizeof efla_key_treatments / sizeof *efla_key_treatments ? efla_key_treatments[i].name : NULL;
}

const efla_key_treatment *efla_key_treatment_find(const char *name) {
  for (const efla_key_treatment *k = efla_key_treatments; k->name; k++)
    if (!strcmp(k->name, name)) return k;
  return NULL;
}

/* ---- rules ---- */

efla_status efla_rule_find(const char *method, const char *decay, const char *keys, efla_rule *rule) {
  const efla_rule found = {.method = efla_method_find(method ? method : "exact"),
                           .decay = efla_decay_find(decay ? decay : "none"),
                           .keys = efla_key_treatment_find(keys ? keys : "raw")};
  if (!rule || !found.method || !found.decay || !found.keys) return EFLA_INVALID;
  *rule = found;
  return EFLA_OK;
}

/* Where y = 0, R is 1 and psi(0, x) = phi(x). */
void efla_rates_coefficients(const efla_method *method, const efla_rates *r, double lambda, efla_coefficients *c) {
  const double x = r->erase * lambda, y = r->decay, phi = efla_phi_pair(method, efla_pair_sum(y, x));
  efla_rates_combine(r, exp(r->before), y == 0 ? 1 : efla_stability_ratio(method, y),
                     y == 0 ? phi : efla_psi_offset(method, y, x), phi, c);
}

void efla_rates_coefficients_long(const efla_method *method, const efla_rates_long *r, long double lambda,
                                  efla_coefficients_long *c) {
  const long double x = r->erase * lambda, before = expl(r->before), phi = efla_phi_long(method, r->decay + x);
  c->decay = r->decay == 0 ? before : before * efla_stability_ratio_long(method, r->decay);
  c->erase = before * (r->erase * (r->decay == 0 ? phi : efla_psi_offset_long(method, r->decay, x)));
  c->write = r->write * phi;
}

efla_status efla_rule_coefficients(const efla_rule *rule, double lambda, double beta, double g, efla_coefficients *c) {
  if (!rule || !rule->method || !c) return EFLA_INVALID;
  efla_rates r;
  efla_rule_decay(rule)->rates(beta, g, &r);
  efla_rates_coefficients(rule->method, &r, lambda, c);
  return EFLA_OK;
}

efla_status efla_rule_coefficients_long(const efla_rule *rule, long double lambda, long double beta, long double g,
                                        efla_coefficients_long *c) {
  if (!rule || !rule->method || !c) return EFLA_INVALID;
  efla_rates_long r;
  efla_rule_decay(rule)->rates_long(beta, g, &r);
  efla_rates_coefficients_long(rule->method, &r, lambda, c);
  return EFLA_OK;
}

/* A term whose factor is 0 is absent: where an explicit method overflows, inf would make it nan. */
static double term(double factor, double value) { return factor == 0 ? 0 : factor * value; }

/* What the derivatives by beta and g have in common. */
typedef struct token_slopes {
  efla_rates rates;
  double lambda, before;             /* before: e^before */
  double R, R_slope, psi, phi_slope; /* R(-y), its derivative by y, psi(y, y + x), phi'(y + x) */
  efla_psi_slopes slopes;
} token_slopes;

/* docs/derivations.md#e7: d and e by the product rule.  In e, rho' psi + rho psi_x x' with x' = rho' lambda is rho'
 * times the derivative of x psi.  In w, b' phi + b phi' z' cancels where b' is not 0 and z large; with z' = y' +
 * rho' lambda it equals b' times the derivative of z phi, plus phi' (b z' - b' z), where for b and rho proportional
 * to beta the part of x is 0. */
static efla_coefficients differentiate(const token_slopes *t, const efla_rates *by) {
  const efla_rates *r = &t->rates;
  const double d = term(by->before, t->R) + term(by->decay, t->R_slope);
  const double e = term(by->before, r->erase * t->psi) + term(by->erase, t->slopes.of_product) +
                   term(by->decay, r->erase * t->slopes.by_y);
  const double turn = by->write == 0 ? r->write * fma(by->erase, t->lambda, by->decay)
                                     : t->lambda * (r->write * by->erase - by->write * r->erase) +
                                           (r->write * by->decay - by->write * r->decay);
  return (efla_coefficients){.decay = t->before * d,
                             .erase = t->before * e,
                             .write = term(by->write, t->slopes.of_product) + term(turn, t->phi_slope)};
}

/* decays: y is not 0 for every argument. */
static token_slopes prepare(const efla_method *method, const efla_rates *r, double lambda, bool decays) {
  const double y = r->decay, x = r->erase * lambda;
  const efla_pair z = efla_pair_sum(y, x);
  token_slopes t = {.rates = *r, .lambda = lambda, .before = exp(r->before), .R = 1};
  t.phi_slope = efla_phi_slope_pair(method, z);
  if (decays) {
    t.R = efla_stability_ratio(method, y), t.R_slope = -efla_psi_diagonal(method, efla_pair_of(y));
    t.psi = efla_psi_offset(method, y, x);
    efla_psi_derivatives(method, y, x, &t.slopes);
  } else {
    t.psi = efla_phi(method, x);
    t.slopes = (efla_psi_slopes){.by_x = t.phi_slope, .of_product = efla_psi_diagonal(method, z)};
  }
  return t;
}

efla_status efla_rule_slopes(const efla_rule *rule, double lambda, double beta, double g, efla_coefficient_slopes *s) {
  if (!rule || !rule->method || !s) return EFLA_INVALID;
  const efla_decay *decay = efla_rule_decay(rule);
  efla_rates r, by_beta, by_g;
  decay->rates(beta, g, &r);
  decay->slopes(beta, g, &by_beta, &by_g);
  *s = (efla_coefficient_slopes){.by_lambda = {0}};
  if (r.decay == INFINITY) return EFLA_OK; /* the limits, where R has one */
  const bool decays = r.decay != 0 || by_beta.decay != 0 || by_g.decay != 0;
  const token_slopes t = prepare(rule->method, &r, lambda, decays);
  s->by_lambda.erase = t.before * (r.erase * r.erase * t.slopes.by_x);
  s->by_lambda.write = r.write * r.erase * t.phi_slope;
  s->by_beta = differentiate(&t, &by_beta);
  s->by_g = differentiate(&t, &by_g);
  return EFLA_OK;
}
