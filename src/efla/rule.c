/* SPDX-License-Identifier: MIT */
#include "efla/rule.h"

#include <math.h>
#include <string.h>

/* ---- decays ---- */

static void none(const efla_method *method, double lambda, double beta, double g, efla_coefficients *c) {
  (void)g;
  double a = beta * efla_phi(method, beta * lambda);
  *c = (efla_coefficients){1, a, a};
}

static void none_long(const efla_method *method, long double lambda, long double beta, long double g,
                      efla_coefficients_long *c) {
  (void)g;
  long double a = efla_coefficient_long(method, beta, lambda);
  *c = (efla_coefficients_long){1, a, a};
}

static void none_slopes(const efla_method *method, double lambda, double beta, double g, efla_coefficient_slopes *s) {
  (void)g;
  double by_beta, by_lambda;
  efla_coefficient_derivatives(method, beta, lambda, &by_beta, &by_lambda);
  *s = (efla_coefficient_slopes){{0, by_lambda, by_lambda}, {0, by_beta, by_beta}, {0, 0, 0}};
}

static void split(const efla_method *method, double lambda, double beta, double g, efla_coefficients *c) {
  double a = beta * efla_phi(method, beta * lambda), d = exp(g);
  *c = (efla_coefficients){d, d * a, a};
}

static void split_long(const efla_method *method, long double lambda, long double beta, long double g,
                       efla_coefficients_long *c) {
  long double a = efla_coefficient_long(method, beta, lambda), d = expl(g);
  *c = (efla_coefficients_long){d, d * a, a};
}

static void split_slopes(const efla_method *method, double lambda, double beta, double g, efla_coefficient_slopes *s) {
  double a = beta * efla_phi(method, beta * lambda), d = exp(g), by_beta, by_lambda;
  efla_coefficient_derivatives(method, beta, lambda, &by_beta, &by_lambda);
  *s = (efla_coefficient_slopes){{0, d * by_lambda, by_lambda}, {0, d * by_beta, by_beta}, {d, d * a, 0}};
}

const efla_decay efla_decays[] = {
    {"none", "no decay", false, true, none, none_long, none_slopes},
    {"split", "exp(g) before each step (Gated DeltaNet)", true, true, split, split_long, split_slopes},
    {.name = NULL},
};

const char *efla_decay_name(size_t i) {
  return i < sizeof efla_decays / sizeof *efla_decays ? efla_decays[i].name : NULL;
}

const efla_decay *efla_decay_find(const char *name) {
  for (const efla_decay *d = efla_decays; d->name; d++)
    if (!strcmp(d->name, name)) return d;
  return NULL;
}

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

static const efla_decay *decay_of(const efla_rule *rule) { return rule->decay ? rule->decay : efla_decays; }

efla_status efla_rule_coefficients(const efla_rule *rule, double lambda, double beta, double g, efla_coefficients *c) {
  if (!rule || !rule->method || !c) return EFLA_INVALID;
  decay_of(rule)->coefficients(rule->method, lambda, beta, g, c);
  return EFLA_OK;
}

efla_status efla_rule_coefficients_long(const efla_rule *rule, long double lambda, long double beta, long double g,
                                        efla_coefficients_long *c) {
  if (!rule || !rule->method || !c) return EFLA_INVALID;
  decay_of(rule)->coefficients_long(rule->method, lambda, beta, g, c);
  return EFLA_OK;
}

efla_status efla_rule_slopes(const efla_rule *rule, double lambda, double beta, double g, efla_coefficient_slopes *s) {
  if (!rule || !rule->method || !s) return EFLA_INVALID;
  decay_of(rule)->slopes(rule->method, lambda, beta, g, s);
  return EFLA_OK;
}
