/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The law from which growth rates on a source of tokens are predicted (run/stability_point.h). */
#ifndef EFLA_DIAGNOSE_STABILITY_LIMIT_H
#define EFLA_DIAGNOSE_STABILITY_LIMIT_H

#include "ode/growth.h"
#include "data/source.h"
#include "stats/interval.h"

#define EFLA_RATE_NODES 24

/* The law for Gaussian keys, N(0, norm^2 I/dk), with beta = sigmoid(N(0,1)): quadrature over beta (Gauss-Hermite), over
 * lambda = norm^2 chi^2_dk/dk (Gauss-Laguerre) and over directions. */
typedef struct efla_stability_limit_law {
  efla_growth_law directions;
  double beta[EFLA_RATE_NODES], beta_weight[EFLA_RATE_NODES];
  double lambda[EFLA_RATE_NODES], lambda_weight[EFLA_RATE_NODES]; /* at norm one */
} efla_stability_limit_law;

/* For any dk >= 1.  Fails with EFLA_NO_MEMORY. */
efla_status efla_stability_limit_law_init(efla_stability_limit_law *law, size_t dk);

#endif
