/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/stability_point.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCHES = 20 };

static bool is(const efla_spec *spec, const char *family) { return !strcmp(spec->family->name, family); }

/* A rule with one argument of its decay for all tokens. */
typedef struct gated {
  efla_rule rule;
  bool unit; /* treats keys to norm one */
  double g;
} gated;

static gated gated_of(const efla_rule *rule, double y) {
  const bool gates = rule->decay && rule->decay->gated;
  return (gated){*rule, rule->keys && rule->keys->unit, gates ? rule->decay->at_rate(y) : 0};
}

/* Of Gaussian keys of this norm: quadrature over beta and lambda, where they vary, of the law for one token. */
static double expected(const efla_stability_limit_law *law, const gated *of, const efla_spec *spec, double norm) {
  const int steps = spec->beta < 0 ? EFLA_RATE_NODES : 1, lengths = of->unit ? 1 : EFLA_RATE_NODES;
  double sum = 0;
  for (int i = 0; i < steps; i++)
    for (int j = 0; j < lengths; j++) {
      efla_coefficients c;
      const double beta = steps > 1 ? law->beta[i] : spec->beta, lambda = of->unit ? 1 : norm * norm * law->lambda[j],
                   weight = (steps > 1 ? law->beta_weight[i] : 1) * (of->unit ? 1 : law->lambda_weight[j]);
      sum += weight * efla_growth_of_token(&law->directions, &of->rule, lambda, beta, of->g, &c);
    }
  return sum;
}

static efla_status measure(const gated *of, const efla_spec *spec, size_t tokens, efla_interval *gamma,
                           efla_message *why) {
  efla_source source;
  efla_tokens x = {0};
  const size_t length = tokens / BATCHES, dk = spec->dk;
  double means[BATCHES] = {0}, total = 0, *w = malloc(dk * sizeof *w);
  efla_status status = efla_source_init(&source, spec, why);
  if (status != EFLA_OK) return free(w), status;
  if (!w || efla_tokens_init(&x, length, dk, spec->dv) != EFLA_OK) status = efla_fail_memory(why);
  if (w) efla_growth_start(dk, w);
  for (int b = 0; b < BATCHES && status == EFLA_OK; b++) {
    const double before = total;
    status = efla_source_next(&source, &x, why);
    if (of->rule.keys) efla_keys_apply(of->rule.keys, &x);
    for (size_t t = 0; t < length; t++) {
      efla_coefficients c;
      efla_rule_coefficients(&of->rule, efla_lambda(dk, x.k + t * dk), x.beta[t], of->g, &c);
      total += efla_growth_transition(dk, x.k + t * dk, c.decay, c.erase, w);
    }
    means[b] = (total - before) / (double)length;
  }
  efla_student_mean(means, BATCHES, gamma);
  efla_source_clear(&source);
  efla_tokens_clear(&x);
  free(w);
  return status;
}

static const struct range {
  double low, high;
  int halvings; /* of its logarithm, where gamma is measured */
} ranges[] = {[EFLA_STABILITY_NORM] = {0.1, 10, 12}, [EFLA_STABILITY_STEP] = {0.01, 1000, 14}};

static void set(efla_spec *spec, efla_stability_sought parameter, double value) {
  *(parameter == EFLA_STABILITY_NORM ? &spec->norm : &spec->beta) = value;
}

/* What a bisection found: an end of the range that was never moved says that there is no limit within. */
static double found(struct range of, double low, double high) {
  return high == of.high ? INFINITY : low == of.low ? 0 : sqrt(low * high);
}

static double expected_threshold(const efla_stability_limit_law *law, const gated *of, efla_spec spec,
                                 efla_stability_sought parameter) {
  double low = ranges[parameter].low, high = ranges[parameter].high;
  while (high - low > 1e-6 * low) {
    const double middle = sqrt(low * high);
    set(&spec, parameter, middle);
    *(expected(law, of, &spec, spec.norm) > 0 ? &high : &low) = middle;
  }
  return found(ranges[parameter], low, high);
}

static efla_status measure_threshold(const gated *of, efla_spec spec, efla_stability_sought parameter, size_t tokens,
                                     efla_interval *limit, efla_message *why) {
  double low = ranges[parameter].low, high = ranges[parameter].high;
  efla_interval at = {0}, below = {0}, above = {0};
  efla_status status = EFLA_OK;
  for (int i = 0; i < ranges[parameter].halvings && status == EFLA_OK; i++) {
    const double middle = sqrt(low * high);
    set(&spec, parameter, middle);
    status = measure(of, &spec, tokens, &at, why);
    *(at.mean > 0 ? &high : &low) = middle;
  }
  const double middle = found(ranges[parameter], low, high);
  *limit = (efla_interval){middle, middle, middle};
  if (status != EFLA_OK || isinf(middle) || middle == 0) return status;
  set(&spec, parameter, 0.95 * middle);
  status = measure(of, &spec, tokens, &below, why);
  set(&spec, parameter, 1.05 * middle);
  if (status == EFLA_OK) status = measure(of, &spec, tokens, &above, why);
  const double half = (at.high - at.mean) * 0.1 * middle / (above.mean - below.mean);
  *limit = (efla_interval){middle, middle - half, middle + half};
  return status;
}

static double predict(const gated *of, const efla_stability_limit_law *law, const efla_spec *spec,
                      efla_stability_sought sought) {
  const bool spikes = is(spec, "spikes");
  if (!is(spec, "gaussian") && (!spikes || of->unit || sought != EFLA_STABILITY_RATE)) return NAN;
  if (sought != EFLA_STABILITY_RATE) return expected_threshold(law, of, *spec, sought);
  const double rest = expected(law, of, spec, spec->norm);
  return spikes ? spec->fraction * expected(law, of, spec, spec->size * spec->norm) + (1 - spec->fraction) * rest
                : rest;
}

efla_status efla_stability_point_find(const efla_rule *rule, double y, const efla_spec *spec,
                                      efla_stability_sought sought, size_t tokens, efla_stability_point *point,
                                      efla_message *why) {
  const gated of = gated_of(rule, y);
  const bool always = sought != EFLA_STABILITY_RATE && isinf(rule->method->stable);
  const efla_interval none = {NAN, NAN, NAN}, infinite = {INFINITY, INFINITY, INFINITY};
  efla_stability_limit_law law;
  if (efla_stability_limit_law_init(&law, spec->dk) != EFLA_OK) return efla_fail_memory(why);
  *point =
      (efla_stability_point){always ? INFINITY : predict(&of, &law, spec, sought), tokens && always ? infinite : none};
  if (tokens == 0 || always) return EFLA_OK;
  return sought == EFLA_STABILITY_RATE ? measure(&of, spec, tokens, &point->measured, why)
                                       : measure_threshold(&of, *spec, sought, tokens, &point->measured, why);
}
