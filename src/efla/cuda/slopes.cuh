/* SPDX-License-Identifier: MIT */
/* The derivatives of a token's coefficients, on the device. */
#ifndef EFLA_CUDA_SLOPES_CUH
#define EFLA_CUDA_SLOPES_CUH

#include "efla/cuda/number.cuh"
#include "efla/internal/slopes.h"

__device__ inline void rates_slopes(int decay, double beta, double g, efla_rates *by_beta, efla_rates *by_g) {
  switch (decay) {
  case EFLA_CUDA_SPLIT:
    return efla_slopes_split(beta, g, by_beta, by_g);
  case EFLA_CUDA_JOINT:
    return efla_slopes_joint(beta, g, by_beta, by_g);
  case EFLA_CUDA_RETENTION:
    return efla_slopes_retention(beta, g, by_beta, by_g);
  case EFLA_CUDA_STRANG:
    return efla_slopes_strang(beta, g, by_beta, by_g);
  default:
    return efla_slopes_none(beta, g, by_beta, by_g);
  }
}

/* What rule.c's efla_rule_slopes takes from a method, of a rule without pointers. */
static __device__ __noinline__ void ratio_slopes(const efla_cuda_rule &rule, const efla_fraction_slopes &forms,
                                                 bool decays, efla_token_slopes *t) {
  const double y = t->rates.decay, x = t->rates.erase * t->lambda;
  const efla_pair z = efla_pair_sum(y, x);
  t->phi_slope = efla_phi_ratio_slope(rule.numerator, rule.denominator, z, z.rest == 0);
  t->slopes.of_product = efla_psi_ratio_diagonal(rule.numerator, rule.denominator, z);
  if (decays) {
    t->R = efla_stability_from(rule.numerator, rule.denominator, y);
    t->R_slope = -efla_psi_ratio_diagonal(rule.numerator, rule.denominator, efla_pair_of(y));
    efla_fraction_slopes_at(&forms, y, x, &t->slopes);
  }
  t->psi = y == 0 ? efla_phi_ratio(rule.numerator, rule.denominator, z, true) : efla_fraction_psi(&forms.psi, y, x);
}

__device__ inline void closed_slopes(bool decays, efla_token_slopes *t) {
  const double y = t->rates.decay, x = t->rates.erase * t->lambda;
  t->phi_slope = efla_phi_slope_exact(y + x);
  efla_psi_slopes_exact(y, x, &t->slopes);
  if (decays) t->R = efla_stability_exact(y), t->R_slope = -t->R;
  t->psi = efla_psi_exact(y, x);
}

/* efla_rule_slopes; forms: of a method that is not closed, with a decay that has a rate. */
__device__ inline void slopes_of(const efla_cuda_rule &rule, const efla_fraction_slopes &forms, double lambda,
                                 double beta, double g, efla_coefficient_slopes *s) {
  efla_token_slopes t = {};
  efla_rates by_beta, by_g;
  rates_of(rule.decay, beta, g, &t.rates);
  rates_slopes(rule.decay, beta, g, &by_beta, &by_g);
  *s = {};
  if (isinf(t.rates.decay)) return; /* the limits, where R has one */
  const bool decays = t.rates.decay != 0 || by_beta.decay != 0 || by_g.decay != 0;
  t.lambda = lambda, t.before = exp(t.rates.before), t.R = 1;
  if (rule.closed)
    closed_slopes(decays, &t);
  else
    ratio_slopes(rule, forms, decays, &t);
  if (!decays) t.slopes.by_x = t.phi_slope, t.slopes.by_y = 0;
  efla_slopes_combine(&t, &by_beta, &by_g, s);
}

#endif
