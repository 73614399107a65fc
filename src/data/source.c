/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/source.h"

#include "base/seed.h"
#include "efla/reference/recurrence.h"

#include <assert.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

efla_spec efla_spec_default(const efla_family *family) {
  size_t side = family->side ? family->side : 32;
  return (efla_spec){.family = family,
                     .dk = side,
                     .dv = side,
                     .seed = 1,
                     .norm = 1,
                     .rho = 0.9,
                     .words = 8,
                     .fraction = 0.01,
                     .size = 10,
                     .beta = -1};
}

efla_status efla_source_init(efla_source *source, const efla_spec *spec, efla_message *why) {
  const efla_family *family = spec->family;
  efla_status status;
  *source = (efla_source){.spec = *spec};
  if (family->side && (spec->dk != family->side || spec->dv != family->side)) {
    status = efla_fail(why, EFLA_INPUT, "family %s: dk = %zu, dv = %zu, expected both %zu", family->name, spec->dk,
                       spec->dv, family->side);
    goto failed;
  }
  status = efla_fail_memory(why);
  for (int i = 0; i < EFLA_PURPOSES; i++) {
    source->draw[i] = gsl_rng_alloc(gsl_rng_mt19937);
    if (!source->draw[i]) goto failed;
    gsl_rng_set(source->draw[i], efla_seed(spec->seed, (uint64_t)i));
  }
  source->memory = calloc(family->room ? family->room(source) : 1, sizeof *source->memory);
  if (!source->memory) goto failed;
  status = family->start ? family->start(source, why) : EFLA_OK;
  if (status == EFLA_OK) return EFLA_OK;
failed:
  efla_source_clear(source);
  return status;
}

size_t efla_spec_directions(const efla_spec *spec) {
  return spec->family == efla_family_find("dictionary") ? spec->words : spec->dk;
}

efla_status efla_source_check(const efla_spec *spec, size_t tokens, efla_message *why) {
  efla_source source;
  const efla_family *family = spec->family;
  efla_status status = efla_source_init(&source, spec, why);
  if (status != EFLA_OK) return status;
  size_t there = family->tokens ? family->tokens(&source) : tokens;
  efla_source_clear(&source);
  if (there >= tokens) return EFLA_OK;
  return efla_fail(why, EFLA_INPUT, "family %s: %zu tokens, expected at least %zu", family->name, there, tokens);
}

efla_status efla_source_check_all(size_t n, efla_spec (*spec)(size_t i), size_t tokens, efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < n && status == EFLA_OK; i++) {
    const efla_spec one = spec(i);
    status = efla_source_check(&one, tokens, why);
  }
  return status;
}

void efla_source_clear(efla_source *source) {
  for (int i = 0; i < EFLA_PURPOSES; i++) gsl_rng_free(source->draw[i]);
  free(source->memory);
  efla_idx_clear(&source->images);
  *source = (efla_source){0};
}

static void gaussian(gsl_rng *draw, size_t n, double deviation, double *values) {
  for (size_t i = 0; i < n; i++) values[i] = gsl_ran_gaussian_ziggurat(draw, deviation);
}

static void to_f32(size_t n, double *values) {
  for (size_t i = 0; i < n; i++) values[i] = (double)(float)values[i];
}

efla_status efla_source_next(efla_source *source, efla_tokens *x, efla_message *why) {
  const efla_spec *spec = &source->spec;
  size_t dk = spec->dk, dv = spec->dv;
  assert(x->dk == dk && x->dv == dv);
  for (size_t t = 0; t < x->tokens; t++, source->token++) {
    double *q = x->q + t * dk, *k = x->k + t * dk, *v = x->v + t * dv;
    gaussian(source->draw[EFLA_DRAW_QUERIES], dk, 1 / sqrt((double)dk), q);
    gaussian(source->draw[EFLA_DRAW_VALUES], dv, 1, v);
    efla_status status = spec->family->next(source, source->token, k, v, why);
    if (status != EFLA_OK) return status;
    double drawn = 1 / (1 + exp(-gsl_ran_gaussian_ziggurat(source->draw[EFLA_DRAW_STEPS], 1)));
    x->beta[t] = spec->beta < 0 ? drawn : spec->beta;
    to_f32(dk, q);
    to_f32(dk, k);
    to_f32(dv, v);
    to_f32(1, x->beta + t);
  }
  return EFLA_OK;
}

efla_status efla_source_fill(efla_source *source, size_t tokens, double *S, efla_message *why) {
  size_t dk = source->spec.dk, dv = source->spec.dv;
  efla_tokens x;
  if (efla_tokens_init(&x, tokens, dk, dv) != EFLA_OK) return efla_fail_memory(why);
  efla_status status = efla_source_next(source, &x, why);
  memset(S, 0, dk * dv * sizeof *S);
  for (size_t t = 0; t < tokens && status == EFLA_OK; t++) {
    efla_coefficients c = efla_coefficients_of(x.beta[t]);
    efla_recurrence_f64(1, dk, dv, NULL, x.k + t * dk, x.v + t * dv, &c, S, NULL);
  }
  efla_tokens_clear(&x);
  return status;
}
