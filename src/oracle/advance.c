/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "oracle/advance.h"

#include <float.h>
#include <gsl/gsl_cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void efla_augmented(size_t dk, const double *k, const double *p, const efla_rates *rates, double c, double *A) {
  size_t n = dk + 1;
  for (size_t i = 0; i < dk; i++) {
    for (size_t j = 0; j < dk; j++) A[i * n + j] = -rates->erase * k[i] * p[j];
    A[i * n + i] -= rates->decay;
    A[i * n + dk] = c * rates->write * k[i];
  }
  memset(A + dk * n, 0, n * sizeof *A);
}

void efla_augmented_apply(size_t dk, size_t dv, const double *F, double keep, const double *v, double c, double *S,
                          double *old) {
  size_t n = dk + 1;
  memcpy(old, S, dk * dv * sizeof *S);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)dk, (int)dv, (int)dk, 1, F, (int)n, old, (int)dv, keep, S,
              (int)dv);
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv && c > 0; j++) S[i * dv + j] += F[i * n + dk] * (v[j] / c);
}

double efla_transition_norm(const efla_tokens *x, const efla_decay *decay, size_t t) {
  const efla_method *exact = efla_method_find("exact");
  const double mu = efla_token_lambda(x, t), reach = efla_token_reach(x, t);
  efla_rates rates = efla_token_rates(decay, x, t);
  efla_coefficients c;
  rates.before = 0;
  efla_rates_coefficients(exact, &rates, mu, &c);
  const double d = c.decay, e = c.erase;
  if (!x->p) return d * (1 + 6 * DBL_EPSILON);
  const double trace = e * (e * reach * reach - 2 * d * mu), gap = fmax(0, reach * reach - mu * mu),
               above = fmax(0, (trace + hypot(trace, 2 * d * e * sqrt(gap))) / 2), sum = d + e * reach;
  return sqrt(d * d + above + 4 * ((double)x->dk + 10) * DBL_EPSILON * (1 + rates.erase * reach) * sum * sum);
}

efla_status efla_gap(const efla_tokens *x, const efla_decay *decay, const long double *before, const long double *S,
                     double *error, efla_message *why) {
  size_t n = x->dk * x->dv;
  long double *second = malloc(n * sizeof *second);
  if (!second) return efla_fail_memory(why);
  memcpy(second, before, n * sizeof *second);
  efla_status status = efla_longdouble_advance(x, decay, second, error, why);
  if (status == EFLA_OK) {
    for (size_t e = 0; e < n; e++) second[e] -= S[e];
    *error += efla_norm(n, second);
  }
  free(second);
  return status;
}
