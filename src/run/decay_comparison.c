/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/decay_comparison.h"

#include "number/format.h"
#include "oracle/state.h"
#include "run/direction.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1024 };

static bool takes_alpha(const efla_decay *decay) { return decay->argument && !strcmp(decay->argument, "alpha"); }

double efla_decay_argument(const efla_decay *decay, double y) { return takes_alpha(decay) ? exp(-y) : -y; }

/* With lambda = 1, so that beta is x. */
static efla_coefficients_long coefficients(const efla_method *method, const efla_decay *decay, long double y,
                                           long double x) {
  const efla_rule rule = {.method = method, .decay = decay};
  efla_coefficients_long c;
  efla_rule_coefficients_long(&rule, 1, x, takes_alpha(decay) ? expl(-y) : -y, &c);
  return c;
}

efla_decay_difference efla_decay_differ(const efla_method *method, const efla_decay *decay, double y, double x) {
  const efla_coefficients_long c = coefficients(method, decay, y, x),
                               exact = coefficients(efla_method_find("exact"), efla_decay_find("joint"), y, x);
  return (efla_decay_difference){(double)((c.decay - exact.decay) / exact.decay),
                                 (double)((c.erase - exact.erase) / exact.erase),
                                 (double)((c.write - exact.write) / exact.write)};
}

/* Near 0 by its series, 1/2 - x/12 + x^3/720 - ..., whose next term is x^5/30240: no digit cancels. */
double efla_decay_split_slope(double x) { return x < 1e-2 ? 0.5 - x / 12 + x * x * x / 720 : 1 / x - 1 / expm1(x); }

const char *efla_decay_exceeds(const efla_decay_difference *difference) {
  static const char *const names[] = {"bf16", "fp16", "f32"};
  const double largest = fmax(fabs(difference->decay), fmax(fabs(difference->erase), fabs(difference->write)));
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (largest > efla_format_unit(efla_format_find(names[i]))) return names[i];
  return "none";
}

double efla_decay_half_life(const efla_method *method, const efla_decay *decay, double y) {
  const long double kept = fabsl(coefficients(method, decay, y, 0).decay);
  return kept < 1 ? (double)(-logl(2) / logl(kept)) : INFINITY;
}

efla_status efla_decay_stream_init(efla_decay_stream *stream, const efla_spec *spec, double y, size_t most,
                                   efla_message *why) {
  const size_t dk = spec->dk, dv = spec->dv;
  *stream = (efla_decay_stream){.y = y};
  efla_status status = efla_source_init(&stream->source, spec, why);
  if (status != EFLA_OK) return status;
  stream->run = calloc(most + 1, sizeof *stream->run);
  stream->g = calloc(BLOCK, sizeof *stream->g);
  stream->S = calloc(dk * dv + 2 * dv + 2 * dk, sizeof *stream->S);
  if (!stream->run || !stream->g || !stream->S || efla_tokens_init(&stream->x, BLOCK, dk, dv) != EFLA_OK ||
      efla_decay_stream_add(stream, efla_method_find("exact"), efla_decay_find("joint")) != EFLA_OK)
    return efla_fail_memory(why);
  stream->o = stream->S + dk * dv, stream->v = stream->o + dv;
  stream->q = stream->v + dv, stream->k = stream->q + dk;
  return EFLA_OK;
}

void efla_decay_stream_clear(efla_decay_stream *stream) {
  for (size_t i = 0; i < stream->runs; i++) efla_run_clear(&stream->run[i]);
  efla_source_clear(&stream->source);
  efla_tokens_clear(&stream->x);
  free(stream->run);
  free(stream->g);
  free(stream->S);
  *stream = (efla_decay_stream){.y = 0};
}

efla_status efla_decay_stream_add(efla_decay_stream *stream, const efla_method *method, const efla_decay *decay) {
  const efla_rule rule = {.method = method, .decay = decay};
  const efla_storage storage = efla_storage_state(efla_format_find("f64"));
  const efla_spec *spec = &stream->source.spec;
  return efla_run_init(&stream->run[stream->runs++], &rule, &storage, spec->dk, spec->dv);
}

/* The definition, token by token. */
static void advance_truth(efla_decay_stream *stream, const efla_tokens *x) {
  const efla_rule rule = {.method = efla_method_find("exact"), .decay = efla_decay_find("joint")};
  for (size_t t = 0; t < x->tokens; t++) {
    efla_coefficients_long c;
    long double lambda = 0;
    for (size_t i = 0; i < x->dk; i++) stream->q[i] = x->q[t * x->dk + i], stream->k[i] = x->k[t * x->dk + i];
    for (size_t j = 0; j < x->dv; j++) stream->v[j] = x->v[t * x->dv + j];
    for (size_t i = 0; i < x->dk; i++) lambda += stream->k[i] * stream->k[i];
    efla_rule_coefficients_long(&rule, lambda, x->beta[t], -stream->y, &c);
    efla_recurrence_long(1, x->dk, x->dv, stream->q, stream->k, stream->v, &c, stream->S, stream->o);
  }
}

efla_status efla_decay_stream_advance(efla_decay_stream *stream, size_t tokens, efla_message *why) {
  while (stream->source.token < tokens) {
    const size_t left = tokens - stream->source.token;
    efla_tokens block = efla_tokens_slice(&stream->x, 0, left < BLOCK ? left : BLOCK);
    efla_status status = efla_source_next(&stream->source, &block, why);
    if (status != EFLA_OK) return status;
    advance_truth(stream, &block);
    block.g = stream->g;
    for (size_t i = 0; i < stream->runs; i++) {
      const double argument = efla_decay_argument(stream->run[i].rule.decay, stream->y);
      for (size_t t = 0; t < block.tokens; t++) block.g[t] = argument;
      efla_run_advance(&stream->run[i], &block);
    }
  }
  return EFLA_OK;
}

efla_decay_error efla_decay_stream_error(const efla_decay_stream *stream, size_t run) {
  const efla_run *r = &stream->run[run];
  const size_t n = r->dk * r->dv;
  return (efla_decay_error){efla_distance(n, r->S, stream->S) / efla_norm(n, stream->S),
                            efla_direction_error(n, r->S, stream->S),
                            efla_distance(r->dv, r->o, stream->o) / efla_norm(r->dv, stream->o)};
}

double efla_decay_rounding(size_t dk, double y) { return DBL_EPSILON / 2 * (sqrt(5. * (double)dk) + 3 / -expm1(-y)); }
