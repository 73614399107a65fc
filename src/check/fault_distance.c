/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far a file is from a fault model. */
#include "check/fault_model.h"

#include <math.h>
#include <stdlib.h>

/* Tokens over which the sizes of the model's and the true read-outs are averaged. */
static const double SMOOTH = 32;

static double squares(size_t n, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sum;
}

/* error^2 over the finite numbers of the file; *finite: how many. */
static double error2(size_t n, const double *found, const double *own, size_t *finite) {
  double sum = 0;
  *finite = 0;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(found[i])) continue;
    const double difference = found[i] - own[i];
    sum += isfinite(difference) ? difference * difference : INFINITY;
    *finite += 1;
  }
  return sum;
}

static double larger(double part, double whole) { return part > whole && whole > 0 ? part / whole : 1; }

static void add_mean(double *mean, double *count, double value, double weight) {
  if (weight == 0) return;
  *count += weight;
  *mean += (value - *mean) * (weight / *count);
}

/* A state, transposed back if the model transposes it. */
static void add_state(efla_fault_distance *d, const efla_fault_model *model, const efla_lane *lane, const double *S) {
  const size_t dk = lane->x.dk, dv = lane->x.dv, n = dk * dv;
  double sum = 0;
  for (size_t e = 0; e < n; e++) {
    const double found = lane->S[model->transposed_final ? e % dk * dv + e / dk : e], difference = found - S[e];
    if (isfinite(found)) sum += isfinite(difference) ? difference * difference : INFINITY;
  }
  const double expected = lane->S_variance * larger(squares(n, S), squares(n, lane->S_truth));
  add_mean(&d->state, &d->states, sum == 0 ? 0 : sum / expected, 1);
}

void efla_fault_distance_add(efla_fault_distance *d, const efla_fault_model *model, const efla_evidence *e, size_t i,
                             const double *o, const double *S) {
  const efla_lane *lane = &e->lane[i];
  const size_t dv = lane->x.dv;
  double own = 0, truth = 0;
  for (size_t t = 0; t < lane->x.tokens; t++) {
    size_t finite;
    const double error = error2(dv, lane->found + t * dv, o + t * dv, &finite);
    own = own * (1 - 1 / SMOOTH) + squares(dv, o + t * dv);
    truth = truth * (1 - 1 / SMOOTH) + squares(dv, lane->truth + t * dv);
    const double expected = lane->variance[t] * larger(own, truth);
    if (finite && isfinite(expected))
      add_mean(&d->o, &d->tokens, error == 0 ? 0 : error / expected, (double)finite / (double)dv);
  }
  if (lane->S) add_state(d, model, lane, S);
}

efla_status efla_fault_model_distance(const efla_fault_model *model, const efla_evidence *e, double most,
                                      efla_fault_distance *d) {
  const size_t state = e->in->dk * e->in->dv;
  double *block = malloc((e->most * e->in->dv + state + efla_fault_scratch(e)) * sizeof *block);
  *d = (efla_fault_distance){0};
  if (!block) return EFLA_NO_MEMORY;
  double *o = block, *S = o + e->most * e->in->dv, *scratch = S + state;
  const bool carries = model->start == EFLA_START_CARRIED;
  for (size_t h = 0; h < e->heads; h++)
    for (size_t s = 0; s < e->sequences; s++) {
      const size_t i = s * e->heads + h;
      if (!e->lane[i].judged && !carries) continue;
      efla_fault_model_run(model, e, i, o, S, scratch);
      if (e->lane[i].judged) efla_fault_distance_add(d, model, e, i, o, S);
      if (d->o * d->tokens > most) d->o = d->state = INFINITY, h = e->heads, s = e->sequences;
    }
  if (isnan(d->o)) d->o = INFINITY;
  if (isnan(d->state)) d->state = INFINITY;
  free(block);
  return EFLA_OK;
}

double efla_fault_score(const efla_fault_distance *d) { return sqrt(fmax(d->o, d->state)) / EFLA_FAULT_SCALE; }

/* Below this a distance is that of a kernel whose roundings are far fewer than the bound's. */
static double part(double a, double b, double n) { return n * log(fmax(b, 1e-30) / fmax(a, 1e-30)) / 2; }

double efla_fault_likelihood(const efla_fault_distance *a, const efla_fault_distance *b) {
  return part(a->o, b->o, a->tokens / EFLA_FAULT_MEMORY) + part(a->state, b->state, a->states);
}
