/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one step of a rule with decay does to a state (docs/derivations.md#e7): it multiplies what lies across the key by
 * d and what lies along it by d - e lambda. */
#ifndef EFLA_ODE_STEP_FACTORS_H
#define EFLA_ODE_STEP_FACTORS_H

#include "efla/rule.h"

#include <stdbool.h>

/* Both factors, and whether they are at most 1 in size, below 1 in size, and not negative.  That is judged up to the
 * rounding of the coefficients (docs/bounds.md#rates). */
typedef struct efla_step_factors {
  double across, along;
  bool bounded, contracting, monotone;
} efla_step_factors;

/* The factors of a token with beta*lambda = x and the decay rate y, in the range of the decay's argument; a decay that
 * takes no argument does not use it. */
efla_step_factors efla_step_factors_of(const efla_rule *rule, double y, double x);

/* The x up to which a step is bounded, or monotone: 0 where it is not even without a key, INFINITY where it is for x =
 * 1000. */
double efla_step_bounded_limit(const efla_rule *rule, double y);
double efla_step_monotone_limit(const efla_rule *rule, double y);

#endif
