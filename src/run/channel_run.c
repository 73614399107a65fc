/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/channel_run.h"

#include "run/direction.h"

#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

efla_status efla_channel_tokens_init(efla_channel_tokens *c, size_t tokens, size_t dk, size_t dv) {
  *c = (efla_channel_tokens){.y = calloc(tokens ? tokens : 1, dk * sizeof *c->y)};
  return c->y ? efla_tokens_init(&c->x, tokens, dk, dv) : EFLA_NO_MEMORY;
}

void efla_channel_tokens_clear(efla_channel_tokens *c) {
  efla_tokens_clear(&c->x);
  free(c->y);
  *c = (efla_channel_tokens){.y = NULL};
}

efla_channel_tokens efla_channel_tokens_slice(const efla_channel_tokens *c, size_t first, size_t count) {
  return (efla_channel_tokens){efla_tokens_slice(&c->x, first, count), c->y + first * c->x.dk};
}

efla_status efla_channel_tokens_draw(efla_channel_tokens *c, size_t n, const efla_spec *spec, double spread, double x,
                                     efla_message *why) {
  efla_source source;
  efla_tokens first = efla_tokens_slice(&c->x, 0, n);
  double sum = 0;
  efla_status status = efla_source_init(&source, spec, why);
  if (status != EFLA_OK) return status;
  status = efla_source_next(&source, &first, why);
  gsl_rng *draw = source.draw[EFLA_DRAW_STEPS]; /* the steps that it has drawn are replaced */
  for (size_t e = 0; e < n * first.dk; e++) c->y[e] = spread * gsl_rng_uniform(draw);
  for (size_t t = 0; t < n; t++) sum += efla_lambda(first.dk, first.k + t * first.dk);
  for (size_t t = 0; t < n; t++) first.beta[t] = x * (double)n / sum;
  efla_source_clear(&source);
  return status;
}

void efla_channel_tokens_cut(const efla_channel_tokens *one, efla_channel_tokens *cut) {
  const size_t dk = one->x.dk, n = cut->x.tokens;
  const efla_tokens whole = efla_tokens_slice(&one->x, 0, 1);
  for (size_t t = 0; t < n; t++) {
    efla_tokens part = efla_tokens_slice(&cut->x, t, 1);
    efla_tokens_copy(&part, &whole);
    part.beta[0] /= (double)n;
    for (size_t i = 0; i < dk; i++) cut->y[t * dk + i] = one->y[i] / (double)n;
  }
}

efla_status efla_channel_run_init(efla_channel_run *run, size_t dk, size_t dv) {
  const size_t n = dk * dv;
  *run = (efla_channel_run){
      .dk = dk, .dv = dv, .start = calloc(2 * n, sizeof *run->start), .exact = calloc(n, sizeof *run->exact)};
  if (!run->start || !run->exact) return EFLA_NO_MEMORY;
  run->S = run->start + n;
  return EFLA_OK;
}

void efla_channel_run_clear(efla_channel_run *run) {
  free(run->start);
  free(run->exact);
  *run = (efla_channel_run){.dk = 0};
}

efla_status efla_channel_run_know(efla_channel_run *run, const efla_channel_oracle *oracle,
                                  const efla_channel_tokens *c, efla_message *why) {
  const size_t n = run->dk * run->dv;
  double error = 0;
  for (size_t e = 0; e < n; e++) run->exact[e] = run->start[e];
  efla_status status = efla_channel_oracle_advance(oracle, &c->x, c->y, run->exact, &error, why);
  run->norm = status == EFLA_OK ? efla_norm(n, run->exact) : NAN;
  run->floor = status == EFLA_OK ? error / run->norm : INFINITY;
  return status;
}

efla_status efla_channel_run_error(efla_channel_run *run, const efla_channel_scheme *scheme, const efla_method *method,
                                   const efla_channel_tokens *c, efla_channel_error *error) {
  const size_t n = run->dk * run->dv;
  memcpy(run->S, run->start, n * sizeof *run->S);
  efla_status status = scheme->advance(method, &c->x, c->y, run->S);
  error->state = efla_distance(n, run->S, run->exact) / run->norm;
  error->direction = efla_direction_error(n, run->S, run->exact);
  return status;
}

efla_status efla_channel_run_predict(efla_channel_run *run, const efla_channel_tokens *c,
                                     efla_channel_lie_theory *theory) {
  memcpy(run->S, run->start, run->dk * run->dv * sizeof *run->S);
  efla_status status = efla_channel_lie_predict(&c->x, c->y, run->S, theory);
  theory->bound /= run->norm, theory->leading /= run->norm;
  return status;
}
