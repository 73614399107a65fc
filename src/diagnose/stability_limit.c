/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnose/stability_limit.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <math.h>

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
