#include "check/reference_trajectory.h"

#include "efla/reference/recurrence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool every_method(const efla_oracle *oracle) { return !strcmp(oracle->name, "longdouble"); }

efla_status efla_claim_check(const efla_claim *claim, efla_message *why) {
  if (every_method(claim->truth) || !strcmp(claim->method->name, "exact")) return EFLA_OK;
  return efla_fail(why, EFLA_USAGE, "--truth %s: knows the exact flow only, expected longdouble for --method %s",
                   claim->truth->name, claim->method->name);
}

efla_status efla_track_init(efla_track *track, const efla_claim *claim, size_t dk, size_t dv) {
  *track = (efla_track){.claim = claim, .dk = dk, .dv = dv};
  track->S = calloc(dk * dv + 2 * dv + 2 * dk, sizeof *track->S);
  track->key = calloc(dk + dv, sizeof *track->key);
  if (!track->S || !track->key || efla_budget_init(&track->budget, &claim->units, dk) != EFLA_OK) {
    efla_track_clear(track);
    return EFLA_MEMORY;
  }
  track->o = track->S + dk * dv;
  track->wide = track->o + dv;
  track->read = track->key + dk;
  return EFLA_OK;
}

void efla_track_clear(efla_track *track) {
  free(track->S);
  free(track->key);
  efla_budget_clear(&track->budget);
  *track = (efla_track){0};
}

void efla_track_start(efla_track *track, const double *S) {
  for (size_t e = 0; e < track->dk * track->dv; e++) track->S[e] = S[e];
  track->error = 0;
  efla_budget_start(&track->budget, track->dv, track->S);
}

/* What the budget wants to know of a token, from the decayed state before it. */
static efla_token_sizes measure(const efla_track *track, const double *v) {
  efla_token_sizes sizes = {.k = track->key};
  double *read = track->read;
  memset(read, 0, track->dv * sizeof *read);
  for (size_t i = 0; i < track->dk; i++)
    for (size_t j = 0; j < track->dv; j++) read[j] += track->key[i] * (double)track->S[i * track->dv + j];
  for (size_t j = 0; j < track->dv; j++) {
    sizes.v += v[j] * v[j];
    sizes.read += read[j] * read[j];
    sizes.u += (v[j] - read[j]) * (v[j] - read[j]);
  }
  return sizes;
}

static efla_status advance(efla_track *track, const efla_tokens *x, size_t t, const long double *k, const long double *v,
                           long double gate, efla_message *why) {
  if (every_method(track->claim->truth)) {
    efla_recurrence_long(1, track->dk, track->dv, NULL, k, v, &gate, track->S, NULL);
    return EFLA_OK;
  }
  efla_tokens one = efla_tokens_slice(x, t, 1);
  one.k = track->key;
  return efla_oracle_advance(track->claim->truth, &one, track->S, &track->error, why);
}

efla_status efla_track_step(efla_track *track, const efla_tokens *x, size_t t, double g, efla_message *why) {
  size_t dk = track->dk, dv = track->dv;
  const efla_claim *claim = track->claim;
  long double *q = track->wide, *k = q + dk, *v = k + dk, lambda = 0, decay = expl(g);
  memcpy(track->key, x->k + t * dk, dk * sizeof *track->key);
  claim->keys->apply(dk, track->key);
  for (size_t i = 0; i < dk; i++) {
    q[i] = x->q[t * dk + i], k[i] = track->key[i];
    lambda += k[i] * k[i];
  }
  for (size_t j = 0; j < dv; j++) v[j] = x->v[t * dv + j];
  for (size_t e = 0; g != 0 && e < dk * dv; e++) track->S[e] *= decay;
  track->error *= (double)decay;
  long double gate = efla_gate_long(claim->method, x->beta[t], lambda);
  efla_token_sizes sizes = measure(track, x->v + t * dv);
  sizes.gate = (double)gate, sizes.decay = (double)decay;
  efla_status status = advance(track, x, t, k, v, gate, why);
  if (status != EFLA_OK) return status;
  efla_budget_step(&track->budget, &sizes, dv, track->S);
  efla_readout_long(dk, dv, q, track->S, track->o);
  double o2 = 0;
  for (size_t j = 0; j < dv; j++) {
    track->o[j] *= claim->scale;
    o2 += (double)(track->o[j] * track->o[j]);
  }
  track->variance = efla_budget_readout(&track->budget, x->q + t * dk, claim->scale, o2, dv, &claim->o);
  return EFLA_OK;
}

double efla_track_readout_tolerance(const efla_track *track, const double *q) {
  return EFLA_BUDGET_TOKEN * sqrt(track->variance) + fabs(track->claim->scale) * sqrt(efla_lambda(track->dk, q)) * track->error;
}

double efla_track_state_tolerance(const efla_track *track) {
  return EFLA_BUDGET_TOKEN * sqrt(efla_budget_state(&track->budget, track->dv, &track->claim->state)) + track->error;
}
