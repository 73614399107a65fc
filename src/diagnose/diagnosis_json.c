/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnose/diagnosis_report.h"

#include "app/json.h"
#include "app/provenance.h"

#include <math.h>

static json_object *place(efla_json *b, efla_place at) {
  if (!efla_somewhere(at)) return NULL; /* JSON's null */
  json_object *object = efla_json_object(b);
  efla_json_put(b, object, "token", efla_json_count(b, at.token));
  efla_json_put(b, object, "head", efla_json_count(b, at.head));
  efla_json_put(b, object, "sequence", efla_json_count(b, at.sequence));
  return object;
}

static json_object *steps(efla_json *b, efla_statistics *f) {
  json_object *object = efla_json_object(b), *quantiles = efla_json_array(b), *histogram = efla_json_array(b),
              *beyond = efla_json_array(b);
  for (size_t i = 0; i < EFLA_DIAGNOSIS_QUANTILES; i++) {
    json_object *quantile = efla_json_object(b);
    efla_json_put(b, quantile, "order", efla_json_real(b, efla_diagnosis_quantiles[i]));
    efla_json_put(b, quantile, "x", efla_json_real(b, efla_quantiles_at(&f->x, efla_diagnosis_quantiles[i])));
    efla_json_put(b, quantile, "euler_over_exact_coefficient",
                  efla_json_real(b, efla_statistics_coefficient_ratio(f, efla_diagnosis_quantiles[i])));
    efla_json_append(b, quantiles, quantile);
  }
  for (size_t i = 0; i < efla_quantiles_bars(EFLA_DIAGNOSIS_BARS); i++) {
    double from, to;
    size_t tokens = efla_quantiles_bar(&f->x, EFLA_DIAGNOSIS_BARS, i, &from, &to);
    if (tokens == 0) continue;
    json_object *bar = efla_json_object(b);
    efla_json_put(b, bar, "from", efla_json_real(b, from));
    efla_json_put(b, bar, "to", efla_json_real(b, to));
    efla_json_put(b, bar, "tokens", efla_json_count(b, tokens));
    efla_json_append(b, histogram, bar);
  }
  for (size_t i = 0; i < f->limits; i++) {
    json_object *limit = efla_json_object(b);
    efla_json_put(b, limit, "x", efla_json_real(b, f->beyond[i].limit));
    efla_json_put(b, limit, "tokens", efla_json_count(b, f->beyond[i].tokens));
    efla_json_put(b, limit, "share", efla_json_real(b, (double)f->beyond[i].tokens / (double)f->tokens));
    efla_json_put(b, limit, "first", place(b, f->beyond[i].first));
    efla_json_append(b, beyond, limit);
  }
  efla_json_put(b, object, "quantiles", quantiles);
  efla_json_put(b, object, "histogram", histogram);
  efla_json_put(b, object, "beyond", beyond);
  return object;
}

/* Half-lives, and where split and joint differ; null without decay. */
static json_object *fading(efla_json *b, efla_statistics *f) {
  if (!f->decay || !f->decay->gated) return NULL;
  const size_t judged = efla_statistics_judged(f);
  json_object *object = efla_json_object(b), *half_lives = efla_json_array(b), *differ = efla_json_array(b);
  for (size_t i = 0; i < EFLA_DIAGNOSIS_QUANTILES; i++) {
    json_object *quantile = efla_json_object(b);
    efla_json_put(b, quantile, "order", efla_json_real(b, efla_diagnosis_quantiles[i]));
    efla_json_put(b, quantile, "tokens", efla_json_real(b, efla_statistics_half_life(f, efla_diagnosis_quantiles[i])));
    efla_json_append(b, half_lives, quantile);
  }
  for (size_t i = 0; i < EFLA_STATISTICS_UNITS && judged > 0; i++) {
    const efla_format *format = efla_statistics_unit(i);
    json_object *unit = efla_json_object(b);
    efla_json_put(b, unit, "precision", efla_json_text(b, format->name));
    efla_json_put(b, unit, "unit", efla_json_real(b, efla_format_unit(format)));
    efla_json_put(b, unit, "tokens", efla_json_count(b, f->differ[i]));
    efla_json_put(b, unit, "share", efla_json_real(b, (double)f->differ[i] / (double)judged));
    efla_json_append(b, differ, unit);
  }
  efla_json_put(b, object, "half_life", half_lives);
  efla_json_put(b, object, f->channels ? "lie_differs_from_exact" : "split_differs_from_joint", differ);
  return object;
}

/* Splittings beside the exact flow; null without g per channel. */
static json_object *splittings(efla_json *b, const efla_statistics *f) {
  const efla_splitting_statistics *s = &f->splitting;
  if (s->tokens == 0) return NULL;
  json_object *object = efla_json_object(b);
  efla_json_put(b, object, "tokens", efla_json_count(b, s->tokens));
  for (size_t i = 0; i < EFLA_STATISTICS_SPLITTINGS; i++) {
    json_object *one = efla_json_object(b);
    efla_json_put(b, one, "state_error", efla_json_real(b, s->error[i].value));
    efla_json_put(b, one, "largest_state_error", efla_json_real(b, s->largest[i].value));
    efla_json_put(b, object, efla_statistics_splitting(i), one);
  }
  return object;
}

/* mu = p^T k; null without an erase key. */
static json_object *erase_key(efla_json *b, efla_statistics *f) {
  if (!f->erase_key) return NULL;
  json_object *object = efla_json_object(b), *quantiles = efla_json_array(b);
  for (size_t i = 0; i < EFLA_DIAGNOSIS_QUANTILES; i++) {
    json_object *quantile = efla_json_object(b);
    efla_json_put(b, quantile, "order", efla_json_real(b, efla_diagnosis_quantiles[i]));
    efla_json_put(b, quantile, "mu", efla_json_real(b, efla_statistics_mu(f, efla_diagnosis_quantiles[i])));
    efla_json_append(b, quantiles, quantile);
  }
  efla_json_put(b, object, "quantiles", quantiles);
  efla_json_put(b, object, "negative", efla_json_count(b, f->against.n));
  efla_json_put(b, object, "share", efla_json_real(b, (double)f->against.n / (double)f->tokens));
  efla_json_put(b, object, "largest_log_growth", f->against.n > 0 ? efla_json_real(b, f->rise.value) : NULL);
  efla_json_put(b, object, "place", place(b, f->rise.at));
  return object;
}

static void put_deviation(efla_json *b, json_object *object, const efla_deviation *d) {
  efla_json_put(b, object, "state_error", efla_json_real(b, d->state.value));
  efla_json_put(b, object, "readout_error", efla_json_real(b, d->readout.value));
  efla_json_put(b, object, "largest_state_error", efla_json_real(b, d->largest.value));
  efla_json_put(b, object, "lost", place(b, d->lost));
  efla_json_put(b, object, "overflow", place(b, d->overflow));
}

static json_object *methods(efla_json *b, const efla_statistics *f) {
  json_object *array = efla_json_array(b);
  for (const efla_method_statistics *m = f->method; m < f->method + f->methods; m++) {
    json_object *object = efla_json_object(b);
    efla_json_put(b, object, "method", efla_json_text(b, m->method->name));
    efla_json_put(b, object, "growth_rate", efla_json_real(b, m->rate.value));
    efla_json_put(b, object, "growth_rate_by_law", efla_json_real(b, m->law.value));
    efla_json_put(b, object, "largest_log_growth", efla_json_real(b, m->rise.value));
    efla_json_put(b, object, "diverging_heads", efla_json_count(b, m->diverging));
    efla_json_put(b, object, "overflow_f32", place(b, m->overflow_f32));
    put_deviation(b, object, &m->deviation);
    efla_json_append(b, array, object);
  }
  return array;
}

static json_object *chunks(efla_json *b, const efla_statistics *f) {
  json_object *array = efla_json_array(b);
  for (const efla_chunk_statistics *c = f->chunk; c < f->chunk + EFLA_STATISTICS_CHUNKS; c++)
    for (size_t g = 0; g < EFLA_STATISTICS_COEFFICIENTS; g++) {
      json_object *object = efla_json_object(b);
      efla_json_put(b, object, "chunk", efla_json_count(b, c->chunk));
      efla_json_put(b, object, "method", efla_json_text(b, efla_statistics_coefficient(g)->name));
      efla_json_put(b, object, "largest", efla_json_real(b, c->largest[g].value));
      efla_json_put(b, object, "condition", efla_json_real(b, c->condition[g].value));
      efla_json_append(b, array, object);
    }
  return array;
}

static json_object *formats(efla_json *b, const efla_statistics *f) {
  json_object *array = efla_json_array(b);
  for (const efla_format_statistics *i = f->format; i < f->format + f->formats; i++) {
    json_object *object = efla_json_object(b);
    efla_json_put(b, object, "precision", efla_json_text(b, i->format->name));
    efla_json_put(b, object, "digits", efla_json_count(b, (size_t)i->format->digits));
    put_deviation(b, object, &i->deviation);
    efla_json_put(b, object, "state_error_at_the_end",
                  efla_json_real(b, i->deviation.largest.value * efla_diagnosis_walk(f)));
    efla_json_append(b, array, object);
  }
  return array;
}

static json_object *sufficient(efla_json *b, const efla_statistics *f, const efla_diagnosis_about *about) {
  json_object *array = efla_json_array(b);
  for (size_t i = 0; i < about->tolerances; i++) {
    json_object *object = efla_json_object(b);
    const efla_format *format = efla_diagnosis_sufficient(f, about->tolerance[i]);
    efla_json_put(b, object, "tolerance", efla_json_real(b, about->tolerance[i]));
    efla_json_put(b, object, "precision", format ? efla_json_text(b, format->name) : NULL);
    efla_json_append(b, array, object);
  }
  return array;
}

static json_object *statistics(efla_json *b, efla_statistics *f, const efla_diagnosis_about *about) {
  json_object *object = efla_json_object(b);
  efla_json_put(b, object, "tokens", efla_json_count(b, f->tokens));
  efla_json_put(b, object, "measured", efla_json_count(b, f->measured));
  efla_json_put(b, object, "largest_beta", efla_json_real(b, f->beta.value));
  efla_json_put(b, object, "largest_lambda", efla_json_real(b, f->lambda.value));
  efla_json_put(b, object, "x", steps(b, f));
  efla_json_put(b, object, "decay", fading(b, f));
  efla_json_put(b, object, "splittings", splittings(b, f));
  efla_json_put(b, object, "erase_key", erase_key(b, f));
  efla_json_put(b, object, "methods", methods(b, f));
  efla_json_put(b, object, "chunks", chunks(b, f));
  efla_json_put(b, object, "precisions", formats(b, f));
  efla_json_put(b, object, "sufficient", sufficient(b, f, about));
  return object;
}

efla_status efla_diagnosis_write_json(efla_diagnosis *d, const efla_diagnosis_about *about, FILE *out,
                                      efla_message *why) {
  efla_json b = {false};
  char sentence[EFLA_SENTENCE];
  json_object *all = efla_json_object(&b), *heads = efla_json_array(&b);
  efla_diagnosis_sentence(d, sentence);
  efla_json_put(&b, all, "version", efla_json_text(&b, EFLA_VERSION));
  efla_json_put(&b, all, "commit", efla_json_text(&b, efla_commit()));
  efla_json_put(&b, all, "input", efla_json_text(&b, about->input));
  efla_json_put(&b, all, "sequences", efla_json_count(&b, d->options.sequences));
  efla_json_put(&b, all, "dk", efla_json_count(&b, d->options.dk));
  efla_json_put(&b, all, "dv", efla_json_count(&b, d->options.dv));
  efla_json_put(&b, all, "decay", efla_json_text(&b, efla_diagnosis_decay(d)));
  efla_json_put(&b, all, "step", efla_json_text(&b, efla_diagnosis_step(d)));
  efla_json_put(&b, all, "truth", efla_json_text(&b, d->options.truth->name));
  efla_json_put(&b, all, "verdict", efla_json_text(&b, sentence));
  efla_json_put(&b, all, "total", statistics(&b, &d->total, about));
  for (size_t h = 0; h < d->options.heads; h++) efla_json_append(&b, heads, statistics(&b, &d->head[h], about));
  efla_json_put(&b, all, "heads", heads);
  return efla_json_write(&b, all, out, why);
}
