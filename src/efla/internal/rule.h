/* SPDX-License-Identifier: MIT */
/* What passes ask of a rule, with its defaults filled in; functions of a method that only the rule needs. */
#ifndef EFLA_INTERNAL_RULE_H
#define EFLA_INTERNAL_RULE_H

#include "efla/internal/slopes.h"
#include "efla/rule.h"

static inline const efla_decay *efla_rule_decay(const efla_rule *rule) {
  return rule->decay ? rule->decay : efla_decays;
}
static inline const efla_key_treatment *efla_rule_keys(const efla_rule *rule) {
  return rule->keys ? rule->keys : efla_key_treatments;
}
/* Whether d = 1 and e = w for every token. */
static inline bool efla_rule_plain(const efla_rule *rule) {
  return !efla_rule_decay(rule)->gated && efla_rule_decay(rule)->proportional;
}
static inline double efla_rule_scale(const efla_rule *rule) { return rule->scale == 0 ? 1 : rule->scale; }

/* psi's numerator, formed from a method's integer coefficients. */
efla_fraction efla_psi_form(const efla_method *method);
efla_fraction_slopes efla_psi_slopes_form(const efla_method *method);
/* phi and phi' at the sum of a pair, which near a zero of either is not the same as at its rounded value; bit for bit
 * those of rule.h where there is no rest. */
double efla_phi_pair(const efla_method *method, efla_pair x);
double efla_phi_slope_pair(const efla_method *method, efla_pair x);
/* psi(z, z), the derivative of z phi(z) = 1 - R(-z). */
double efla_psi_diagonal(const efla_method *method, efla_pair z);
long double efla_phi_long(const efla_method *method, long double x);
long double efla_stability_ratio_long(const efla_method *method, long double x);

#endif
