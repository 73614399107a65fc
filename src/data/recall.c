/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/recall.h"

#include "efla/reference/recurrence.h"

#include <gsl/gsl_cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

efla_status efla_recall_init(efla_recall *recall, size_t pairs, size_t dk, size_t dv) {
  *recall = (efla_recall){0};
  if (efla_tokens_init(&recall->x, pairs, dk, dv) != EFLA_OK) return EFLA_NO_MEMORY;
  recall->codes = calloc(pairs * dv + dk * dv + dv + 4 * pairs, sizeof *recall->codes);
  if (!recall->codes) {
    efla_tokens_clear(&recall->x);
    return EFLA_NO_MEMORY;
  }
  recall->S = recall->codes + pairs * dv;
  recall->o = recall->S + dk * dv;
  recall->x.g = recall->o + dv;
  void *c = recall->x.g + pairs;
  recall->c = c;
  return EFLA_OK;
}

void efla_recall_clear(efla_recall *recall) {
  efla_tokens_clear(&recall->x);
  free(recall->codes);
  *recall = (efla_recall){0};
}

efla_status efla_recall_next(efla_recall *recall, efla_source *source, efla_message *why) {
  efla_tokens *x = &recall->x;
  for (size_t t = 0; t < x->tokens;) {
    efla_tokens one = efla_tokens_slice(x, t, 1);
    efla_status status = efla_source_next(source, &one, why);
    if (status != EFLA_OK) return status;
    if (efla_lambda(x->dk, one.k) > 0 && efla_lambda(x->dv, one.v) > 0) t++;
  }
  memcpy(x->q, x->k, x->tokens * x->dk * sizeof *x->q);
  memcpy(recall->codes, x->v, x->tokens * x->dv * sizeof *recall->codes);
  return EFLA_OK;
}

/* Whether the code of pair t has the largest cosine with the read-out. */
static int recognised(const efla_recall *recall, size_t t) {
  size_t dv = recall->x.dv, best = 0;
  double largest = -INFINITY;
  for (size_t c = 0; c < recall->x.tokens; c++) {
    const double *code = recall->codes + c * dv;
    double cosine = cblas_ddot((int)dv, code, 1, recall->o, 1) / cblas_dnrm2((int)dv, code, 1);
    if (cosine > largest) largest = cosine, best = c;
  }
  return largest > -INFINITY && !memcmp(recall->codes + best * dv, recall->codes + t * dv, dv * sizeof *recall->codes);
}

efla_recall_score efla_recall_run(efla_recall *recall, const efla_rule *rule, double y) {
  const efla_tokens *x = &recall->x;
  size_t dk = x->dk, dv = x->dv, n = x->tokens;
  double signal = 0, noise = 0, right = 0;
  memset(recall->S, 0, dk * dv * sizeof *recall->S);
  for (size_t t = 0; t < n && rule->decay && rule->decay->gated; t++) x->g[t] = rule->decay->at_rate(y);
  efla_token_coefficients(rule, x, recall->c);
  efla_recurrence_f64(n, dk, dv, NULL, x->k, x->v, recall->c, recall->S, NULL);
  for (size_t t = 0; t < n; t++) {
    const double *code = recall->codes + t * dv;
    efla_readout_f64(dk, dv, x->q + t * dk, recall->S, recall->o);
    double square = efla_lambda(dv, code), gain = cblas_ddot((int)dv, code, 1, recall->o, 1) / square, rest = 0;
    for (size_t j = 0; j < dv; j++) rest += pow(recall->o[j] - gain * code[j], 2);
    if (!isfinite(rest) || !isfinite(gain)) return (efla_recall_score){0, INFINITY, -INFINITY};
    right += recognised(recall, t);
    signal += gain * gain * square, noise += rest;
  }
  return (efla_recall_score){right / (double)n, sqrt(noise / signal), 10 * log10(signal / noise)};
}
