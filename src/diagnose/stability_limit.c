/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnose/stability_limit.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <math.h>

enum { BATCHES = 20 };

/* Gauss-Laguerre quadrature over the weight x^alpha e^-x / Gamma(alpha + 1): GSL's type with the total mass 1, as its
 * own mass Gamma(alpha + 1) overflows from alpha = 171 on. */
static int check_laguerre(size_t n, const gsl_integration_fixed_params *params) {
  return gsl_integration_fixed_laguerre->check(n, params);
}

static int init_laguerre(size_t n, double *diagonal, double *subdiagonal, gsl_integration_fixed_params *params) {
  double alpha = params->alpha;
  for (size_t i = 1; i <= n; i++) {
    diagonal[i - 1] = 2 * (double)i - 1 + alpha;
    subdiagonal[i - 1] = sqrt((double)i * ((double)i + alpha));
  }
  params->zemu = 1, params->shft = params->a, params->slp = 1 / params->b, params->al = alpha, params->be = 0;
  return GSL_SUCCESS;
}

efla_status efla_stability_limit_law_init(efla_stability_limit_law *law, size_t dk) {
  static const gsl_integration_fixed_type laguerre = {check_laguerre, init_laguerre};
  gsl_integration_fixed_workspace *normal =
      gsl_integration_fixed_alloc(gsl_integration_fixed_hermite, EFLA_RATE_NODES, 0, 0.5, 0, 0);
  gsl_integration_fixed_workspace *gamma =
      gsl_integration_fixed_alloc(&laguerre, EFLA_RATE_NODES, 0, 1, (double)dk / 2 - 1, 0);
  efla_growth_law_init(&law->directions, dk);
  for (int i = 0; normal && gamma && i < EFLA_RATE_NODES; i++) {
    law->beta[i] = 1 / (1 + exp(-gsl_integration_fixed_nodes(normal)[i]));
    law->beta_weight[i] = gsl_integration_fixed_weights(normal)[i] / sqrt(2 * M_PI); /* total mass sqrt(2 pi) */
    law->lambda[i] = 2 * gsl_integration_fixed_nodes(gamma)[i] / (double)dk;
    law->lambda_weight[i] = gsl_integration_fixed_weights(gamma)[i];
  }
  efla_status status = normal && gamma ? EFLA_OK : EFLA_NO_MEMORY;
  gsl_integration_fixed_free(normal);
  gsl_integration_fixed_free(gamma);
  return status;
}

double efla_stability_limit_expected(const efla_stability_limit_law *law, const efla_method *method, double norm,
                                     bool unit) {
  double sum = 0;
  for (int i = 0; i < EFLA_RATE_NODES; i++)
    for (int j = 0; j < (unit ? 1 : EFLA_RATE_NODES); j++) {
      double lambda = unit ? 1 : norm * norm * law->lambda[j],
             weight = law->beta_weight[i] * (unit ? 1 : law->lambda_weight[j]);
      sum += weight * efla_growth_expected(&law->directions, efla_stability(method, law->beta[i] * lambda));
    }
  return sum;
}

efla_status efla_stability_limit_measure(const efla_method *method, const efla_spec *spec, size_t tokens,
                                         efla_interval *gamma, efla_message *why) {
  efla_source source;
  efla_tokens x = {0};
  efla_growth growth = {0};
  double means[BATCHES] = {0};
  size_t length = tokens / BATCHES;
  efla_status status = efla_source_init(&source, spec, why);
  if (status != EFLA_OK) return status;
  if (efla_tokens_init(&x, length, spec->dk, spec->dv) != EFLA_OK ||
      efla_growth_init(&growth, &(efla_rule){.method = method}, spec->dk) != EFLA_OK)
    status = efla_fail_memory(why);
  for (int b = 0; b < BATCHES && status == EFLA_OK; b++) {
    double before = growth.measured;
    status = efla_source_next(&source, &x, why);
    efla_growth_advance(&growth, &x);
    means[b] = (growth.measured - before) / (double)length;
  }
  efla_student_mean(means, BATCHES, gamma);
  efla_source_clear(&source);
  efla_tokens_clear(&x);
  efla_growth_clear(&growth);
  return status;
}

efla_status efla_stability_limit_measure_threshold(const efla_method *method, efla_spec spec, size_t tokens,
                                                   efla_interval *norm, efla_message *why) {
  double low = 0.1, high = 10;
  efla_interval at = {0}, below = {0}, above = {0};
  *norm = (efla_interval){INFINITY, INFINITY, INFINITY};
  if (isinf(method->stable)) return EFLA_OK;
  efla_status status = EFLA_OK;
  for (int i = 0; i < 12 && status == EFLA_OK; i++) {
    spec.norm = sqrt(low * high);
    status = efla_stability_limit_measure(method, &spec, tokens, &at, why);
    *(at.mean > 0 ? &high : &low) = spec.norm;
  }
  double found = sqrt(low * high);
  spec.norm = 0.95 * found;
  if (status == EFLA_OK) status = efla_stability_limit_measure(method, &spec, tokens, &below, why);
  spec.norm = 1.05 * found;
  if (status == EFLA_OK) status = efla_stability_limit_measure(method, &spec, tokens, &above, why);
  double half = (at.high - at.mean) * 0.1 * found / (above.mean - below.mean);
  *norm = (efla_interval){found, found - half, found + half};
  return status;
}

double efla_stability_limit_expected_threshold(const efla_stability_limit_law *law, const efla_method *method) {
  double low = 0.1, high = 10;
  if (isinf(method->stable)) return INFINITY;
  while (high - low > 1e-6 * low) {
    double middle = sqrt(low * high);
    *(efla_stability_limit_expected(law, method, middle, false) > 0 ? &high : &low) = middle;
  }
  return sqrt(low * high);
}
