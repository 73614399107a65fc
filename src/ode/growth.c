/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/growth.h"

#include <gsl/gsl_sf_psi.h>
#include <math.h>
#include <stdlib.h>

/* With c = z/sqrt(1+z^2) the expectation is (h(R) - h(1))/2, h(R) = E log(1 + R^2 z^2), and z = e^s turns the density
 * of z into one that decays exponentially on both sides.  The nearest singularities, s = +-i pi/2 and s = -log R +- i
 * pi/2, are pi/2 from the real line whatever R is; but beyond pi/4 from it (1 + z^2)^(-dk/2) grows with dk, so that the
 * trapezoidal rule's error is exp(-pi^2/(2 STEP)) for any dk (Trefethen and Weideman 2014). */
static const double STEP = 0.15; /* exp(-pi^2/0.3) = 5e-15 */
static const double TAIL = 36;   /* e^-36 = 2e-16 */

void efla_growth_law_init(efla_growth_law *law, size_t dk) {
  *law = (efla_growth_law){.dk = dk};
  if (dk == 1) return;
  double d = (double)dk, all = 0;
  for (double s = -TAIL; s < TAIL / (d - 1) + 1; s += STEP) {
    double z = exp(s);
    law->square[law->nodes] = z * z;
    all += law->weight[law->nodes] = z * pow(1 + z * z, -d / 2);
    law->nodes++;
  }
  for (size_t i = 0; i < law->nodes; i++) law->weight[i] /= all; /* the density's integral, by the same rule */
  law->at_one = efla_growth_expected(law, 1);
}

/* h(R)/2 - h(1)/2.  Below z = e^-12 R^(-2/3) the terms, about R^2 z^3, no longer count. */
double efla_growth_expected(const efla_growth_law *law, double R) {
  if (law->dk == 1 || isnan(R)) return log(fabs(R));
  double sum = 0, R2 = R * R, least = exp(-TAIL / 3 * 2) * pow(fmax(R2, 1), -2. / 3);
  for (size_t i = law->nodes; i > 0 && law->square[i - 1] > least; i--)
    sum += law->weight[i - 1] * log1p(R2 * law->square[i - 1]);
  return sum / 2 - law->at_one;
}

/* What is left where d is 0 lies along the key: log |e lambda| and the mean of log|c|, c^2 ~ Beta(1/2, (dk-1)/2). */
double efla_growth_of_token(const efla_growth_law *law, const efla_rule *rule, double lambda, double beta, double g,
                            efla_coefficients *c) {
  efla_rule_coefficients(rule, lambda, beta, g, c);
  if (!rule->decay || !rule->decay->gated)
    return efla_growth_expected(law, efla_stability(rule->method, beta * lambda));
  if (c->decay == 0) return log(fabs(c->erase) * lambda) + (gsl_sf_psi(0.5) - gsl_sf_psi((double)law->dk / 2)) / 2;
  return log(fabs(c->decay)) + efla_growth_expected(law, (c->decay - c->erase * lambda) / c->decay);
}

double efla_growth_rescale(size_t dk, double *w) {
  double norm = sqrt(efla_lambda(dk, w));
  if (!(norm > 0) || isinf(norm)) {
    for (size_t i = 0; i < dk; i++) w[i] = i == 0;
    return norm > 0 ? INFINITY : norm == 0 ? -INFINITY : NAN;
  }
  for (size_t i = 0; i < dk; i++) w[i] /= norm;
  return log(norm);
}

double efla_growth_transition(size_t dk, const double *k, double d, double e, double *w) {
  double along = 0;
  for (size_t i = 0; i < dk; i++) along += k[i] * w[i];
  for (size_t i = 0; i < dk; i++) w[i] = d * w[i] - e * along * k[i];
  return efla_growth_rescale(dk, w);
}

double efla_growth_wide_transition(size_t dk, const double *decay, const double *k, const double *p, double e,
                                   double *w) {
  double along = 0;
  for (size_t i = 0; i < dk; i++) along += p[i] * w[i];
  for (size_t i = 0; i < dk; i++) w[i] = decay[i] * w[i] - e * along * k[i];
  return efla_growth_rescale(dk, w);
}

void efla_growth_start(size_t dk, double *w) {
  for (size_t i = 0; i < dk; i++) w[i] = sqrt((double)(i + 1));
  double norm = sqrt(efla_lambda(dk, w));
  for (size_t i = 0; i < dk; i++) w[i] /= norm;
}

efla_status efla_growth_init(efla_growth *growth, const efla_rule *rule, size_t dk) {
  *growth = (efla_growth){.rule = *rule, .w = calloc(dk, sizeof *growth->w)};
  if (!growth->w) return EFLA_NO_MEMORY;
  efla_growth_start(dk, growth->w);
  efla_growth_law_init(&growth->law, dk);
  return EFLA_OK;
}

void efla_growth_clear(efla_growth *growth) {
  free(growth->w);
  *growth = (efla_growth){0};
}

void efla_growth_advance(efla_growth *growth, const efla_tokens *x) {
  const efla_rule *rule = &growth->rule;
  for (size_t t = 0; t < x->tokens; t++) {
    const double *k = x->k + t * x->dk, lambda = efla_lambda(x->dk, k), beta = x->beta[t];
    efla_coefficients c;
    growth->predicted += efla_growth_of_token(&growth->law, rule, lambda, beta, x->g ? x->g[t] : 0, &c);
    growth->measured += efla_growth_transition(x->dk, k, c.decay, c.erase, growth->w);
  }
  growth->tokens += x->tokens;
}
