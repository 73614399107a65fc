/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "number/rounding_law.h"

#include <math.h>

efla_drift efla_drift_start(const efla_storage *storage, size_t dk, size_t directions) {
  double u = efla_format_unit(storage->format), kappa = (storage->stochastic ? 4 : 2) * M_LN2 / 9;
  return (efla_drift){.added = kappa * u * u, .dk = (double)dk, .m = (double)(directions < dk ? directions : dk)};
}

/* Both terms of a decay are 0 without one, whose numbers they must not change. */
void efla_drift_advance(efla_drift *drift, const efla_rule *rule, const efla_tokens *x) {
  const bool decays = rule->decay && rule->decay->gated;
  const double share = drift->m / drift->dk;
  for (size_t t = 0; t < x->tokens; t++) {
    const double lambda = efla_lambda(x->dk, x->k + t * x->dk),
                 added = drift->added * (1 + drift->seen + drift->unseen);
    efla_coefficients c = {.decay = 1};
    if (decays) efla_rule_coefficients(rule, lambda, x->beta[t], x->g ? x->g[t] : 0, &c);
    const double along = decays ? c.decay - c.erase * lambda : efla_stability(rule->method, efla_token_x(x, t));
    const double kept = c.decay * c.decay;
    drift->seen += share * added - (kept - along * along) / drift->m * drift->seen - (1 - kept) * drift->seen;
    drift->unseen += (1 - share) * added - (1 - kept) * drift->unseen;
  }
}

double efla_drift_error(const efla_drift *drift) { return sqrt(drift->seen + drift->unseen); }
