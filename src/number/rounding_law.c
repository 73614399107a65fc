/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "number/rounding_law.h"

#include <math.h>

efla_drift efla_drift_start(const efla_storage *storage, size_t dk, size_t directions) {
  double u = efla_format_unit(storage->format), kappa = (storage->stochastic ? 4 : 2) * M_LN2 / 9;
  return (efla_drift){.added = kappa * u * u, .dk = (double)dk, .m = (double)(directions < dk ? directions : dk)};
}

void efla_drift_advance(efla_drift *drift, const efla_method *method, const efla_tokens *x) {
  double share = drift->m / drift->dk;
  for (size_t t = 0; t < x->tokens; t++) {
    double R = efla_stability(method, efla_token_x(x, t)), added = drift->added * (1 + drift->seen + drift->unseen);
    drift->seen += share * added - (1 - R * R) / drift->m * drift->seen;
    drift->unseen += (1 - share) * added;
  }
}

double efla_drift_error(const efla_drift *drift) { return sqrt(drift->seen + drift->unseen); }
