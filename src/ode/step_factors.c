/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/step_factors.h"

#include <float.h>
#include <math.h>

static const double LARGEST = 1000;

efla_step_factors efla_step_factors_of(const efla_rule *rule, double y, double x) {
  efla_coefficients c;
  efla_rule_coefficients(rule, 1, x, rule->decay && rule->decay->gated ? rule->decay->at_rate(y) : 0, &c);
  const double along = c.decay - c.erase, largest = fmax(fabs(c.decay), fabs(along));
  const double slack = 11 * DBL_EPSILON / 2 * (fabs(c.decay) + fabs(c.erase));
  const bool finite = isfinite(along); /* fmax passes over nan */
  return (efla_step_factors){c.decay, along, finite && largest <= 1 + slack, finite && largest < 1 - slack,
                             c.decay >= -slack && along >= -slack};
}

static double limit(const efla_rule *rule, double y, bool monotone) {
  double low = 0, high = LARGEST, at = LARGEST;
  for (;;) {
    const efla_step_factors f = efla_step_factors_of(rule, y, at);
    const bool holds = monotone ? f.monotone : f.bounded;
    if (holds && at == LARGEST) return INFINITY;
    *(holds ? &low : &high) = at;
    at = (low + high) / 2;
    if (at == low || at == high) return low;
  }
}

double efla_step_bounded_limit(const efla_rule *rule, double y) { return limit(rule, y, false); }
double efla_step_monotone_limit(const efla_rule *rule, double y) { return limit(rule, y, true); }
