/* SPDX-License-Identifier: MIT */
#include "efla/internal/rule.h"
#include "efla/internal/slopes.h"

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
  if (isfinite(largest)) {
    const int up = -ilogb(largest), first = up < 1023 ? up : 1023;
    const double by = ldexp(1, first), more = ldexp(1, up - first);
    for (size_t i = 0; i < dk; i++) k[i] = k[i] * by * more;
  }
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

/* decays: y is not 0 for every argument. */
static efla_token_slopes prepare(const efla_method *method, const efla_rates *r, double lambda, bool decays) {
  const double y = r->decay, x = r->erase * lambda;
  const efla_pair z = efla_pair_sum(y, x);
  efla_token_slopes t = {.rates = *r, .lambda = lambda, .before = exp(r->before), .R = 1};
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
  const efla_token_slopes t = prepare(rule->method, &r, lambda, decays);
  efla_slopes_combine(&t, &by_beta, &by_g, s);
  return EFLA_OK;
}
