/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Growth rates of a method on a source of tokens: the mean log growth per token, gamma, of the product of transitions
 * (ode/growth.h), predicted and measured, and the key norm at which it is zero: the limit of stability. */
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

/* gamma for keys of this root mean square norm; with `unit`, for these keys scaled to norm one. */
double efla_stability_limit_expected(const efla_stability_limit_law *law, const efla_method *method, double norm,
                                     bool unit);

/* The norm at which that is zero; INFINITY where the method is stable for every x. */
double efla_stability_limit_expected_threshold(const efla_stability_limit_law *law, const efla_method *method);

/* gamma of a method on the first `tokens` tokens of a source; Student's t over 20 batch means, which are nearly
 * independent where a batch is long.  Fails as efla_source_init and efla_source_next do. */
efla_status efla_stability_limit_measure(const efla_method *method, const efla_spec *spec, size_t tokens,
                                         efla_interval *gamma, efla_message *why);

/* The norm at which that is zero, by bisection over spec.norm from 0.1 to 10.  Keys are proportional to it, so that all
 * norms use the same random numbers.  The interval is that of gamma divided by the slope of gamma over the norm. */
efla_status efla_stability_limit_measure_threshold(const efla_method *method, efla_spec spec, size_t tokens,
                                                   efla_interval *norm, efla_message *why);

#endif
