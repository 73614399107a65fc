/* SPDX-License-Identifier: MIT */
/* What passes ask of a rule, with its defaults filled in. */
#ifndef EFLA_INTERNAL_RULE_H
#define EFLA_INTERNAL_RULE_H

#include "efla/rule.h"

static inline const efla_decay *efla_rule_decay(const efla_rule *rule) {
  return rule->decay ? rule->decay : efla_decays;
}
static inline const efla_key_treatment *efla_rule_keys(const efla_rule *rule) {
  return rule->keys ? rule->keys : efla_key_treatments;
}
static inline double efla_rule_scale(const efla_rule *rule) { return rule->scale == 0 ? 1 : rule->scale; }

#endif
