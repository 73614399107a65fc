/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnose/diagnosis_report.h"

#include "app/provenance.h"

#include <json.h>
#include <math.h>

/* put() takes ownership of the value.  json-c returns NULL where memory ends; `failed` then becomes true. */
typedef struct builder {
  bool failed;
} builder;

static json_object *checked(builder *b, json_object *value) {
  if (!value) b->failed = true;
  return value;
}

static void put(builder *b, json_object *object, const char *key, json_object *value) {
  if (object && json_object_object_add(object, key, value) == 0) return;
  json_object_put(value);
  b->failed = true;
}

static void append(builder *b, json_object *array, json_object *value) {
  if (array && json_object_array_add(array, value) == 0) return;
  json_object_put(value);
  b->failed = true;
}

static json_object *new_object(builder *b) { return checked(b, json_object_new_object()); }
static json_object *new_array(builder *b) { return checked(b, json_object_new_array()); }
static json_object *text(builder *b, const char *value) { return checked(b, json_object_new_string(value)); }
static json_object *count(builder *b, size_t value) { return checked(b, json_object_new_uint64(value)); }

/* With 17 digits, which read back to the same number; JSON has no inf and no nan. */
static json_object *real(builder *b, double value) {
  char digits[32];
  if (isnan(value)) return text(b, "nan");
  if (isinf(value)) return text(b, value > 0 ? "inf" : "-inf");
  snprintf(digits, sizeof digits, "%.17g", value);
  return checked(b, json_object_new_double_s(value, digits));
}

static json_object *place(builder *b, efla_place at) {
  if (!efla_somewhere(at)) return NULL; /* JSON's null */
  json_object *object = new_object(b);
  put(b, object, "token", count(b, at.token));
  put(b, object, "head", count(b, at.head));
  put(b, object, "sequence", count(b, at.sequence));
  return object;
}

static json_object *steps(builder *b, efla_statistics *f) {
  json_object *object = new_object(b), *quantiles = new_array(b), *histogram = new_array(b), *beyond = new_array(b);
  for (size_t i = 0; i < EFLA_DIAGNOSIS_QUANTILES; i++) {
    json_object *quantile = new_object(b);
    put(b, quantile, "order", real(b, efla_diagnosis_quantiles[i]));
    put(b, quantile, "x", real(b, efla_quantiles_at(&f->x, efla_diagnosis_quantiles[i])));
    put(b, quantile, "euler_over_exact_coefficient",
        real(b, efla_statistics_coefficient_ratio(f, efla_diagnosis_quantiles[i])));
    append(b, quantiles, quantile);
  }
  for (size_t i = 0; i < efla_quantiles_bars(EFLA_DIAGNOSIS_BARS); i++) {
    double from, to;
    size_t tokens = efla_quantiles_bar(&f->x, EFLA_DIAGNOSIS_BARS, i, &from, &to);
    if (tokens == 0) continue;
    json_object *bar = new_object(b);
    put(b, bar, "from", real(b, from));
    put(b, bar, "to", real(b, to));
    put(b, bar, "tokens", count(b, tokens));
    append(b, histogram, bar);
  }
  for (size_t i = 0; i < f->limits; i++) {
    json_object *limit = new_object(b);
    put(b, limit, "x", real(b, f->beyond[i].limit));
    put(b, limit, "tokens", count(b, f->beyond[i].tokens));
    put(b, limit, "share", real(b, (double)f->beyond[i].tokens / (double)f->tokens));
    put(b, limit, "first", place(b, f->beyond[i].first));
    append(b, beyond, limit);
  }
  put(b, object, "quantiles", quantiles);
  put(b, object, "histogram", histogram);
  put(b, object, "beyond", beyond);
  return object;
}

/* Half-lives, and where split and joint differ; null without decay. */
static json_object *fading(builder *b, efla_statistics *f) {
  if (!f->decay || !f->decay->gated) return NULL;
  const size_t judged = efla_statistics_judged(f);
  json_object *object = new_object(b), *half_lives = new_array(b), *differ = new_array(b);
  for (size_t i = 0; i < EFLA_DIAGNOSIS_QUANTILES; i++) {
    json_object *quantile = new_object(b);
    put(b, quantile, "order", real(b, efla_diagnosis_quantiles[i]));
    put(b, quantile, "tokens", real(b, efla_statistics_half_life(f, efla_diagnosis_quantiles[i])));
    append(b, half_lives, quantile);
  }
  for (size_t i = 0; i < EFLA_STATISTICS_UNITS && judged > 0; i++) {
    const efla_format *format = efla_statistics_unit(i);
    json_object *unit = new_object(b);
    put(b, unit, "precision", text(b, format->name));
    put(b, unit, "unit", real(b, efla_format_unit(format)));
    put(b, unit, "tokens", count(b, f->differ[i]));
    put(b, unit, "share", real(b, (double)f->differ[i] / (double)judged));
    append(b, differ, unit);
  }
  put(b, object, "half_life", half_lives);
  put(b, object, f->channels ? "lie_differs_from_exact" : "split_differs_from_joint", differ);
  return object;
}

/* Splittings beside the exact flow; null without g per channel. */
static json_object *splittings(builder *b, const efla_statistics *f) {
  const efla_splitting_statistics *s = &f->splitting;
  if (s->tokens == 0) return NULL;
  json_object *object = new_object(b);
  put(b, object, "tokens", count(b, s->tokens));
  for (size_t i = 0; i < EFLA_STATISTICS_SPLITTINGS; i++) {
    json_object *one = new_object(b);
    put(b, one, "state_error", real(b, s->error[i].value));
    put(b, one, "largest_state_error", real(b, s->largest[i].value));
    put(b, object, efla_statistics_splitting(i), one);
  }
  return object;
}

/* mu = p^T k; null without an erase key. */
static json_object *erase_key(builder *b, efla_statistics *f) {
  if (!f->erase_key) return NULL;
  json_object *object = new_object(b), *quantiles = new_array(b);
  for (size_t i = 0; i < EFLA_DIAGNOSIS_QUANTILES; i++) {
    json_object *quantile = new_object(b);
    put(b, quantile, "order", real(b, efla_diagnosis_quantiles[i]));
    put(b, quantile, "mu", real(b, efla_statistics_mu(f, efla_diagnosis_quantiles[i])));
    append(b, quantiles, quantile);
  }
  put(b, object, "quantiles", quantiles);
  put(b, object, "negative", count(b, f->against.n));
  put(b, object, "share", real(b, (double)f->against.n / (double)f->tokens));
  put(b, object, "largest_log_growth", f->against.n > 0 ? real(b, f->rise.value) : NULL);
  put(b, object, "place", place(b, f->rise.at));
  return object;
}

static void put_deviation(builder *b, json_object *object, const efla_deviation *d) {
  put(b, object, "state_error", real(b, d->state.value));
  put(b, object, "readout_error", real(b, d->readout.value));
  put(b, object, "largest_state_error", real(b, d->largest.value));
  put(b, object, "lost", place(b, d->lost));
  put(b, object, "overflow", place(b, d->overflow));
}

static json_object *methods(builder *b, const efla_statistics *f) {
  json_object *array = new_array(b);
  for (const efla_method_statistics *m = f->method; m < f->method + f->methods; m++) {
    json_object *object = new_object(b);
    put(b, object, "method", text(b, m->method->name));
    put(b, object, "growth_rate", real(b, m->rate.value));
    put(b, object, "growth_rate_by_law", real(b, m->law.value));
    put(b, object, "largest_log_growth", real(b, m->rise.value));
    put(b, object, "diverging_heads", count(b, m->diverging));
    put(b, object, "overflow_f32", place(b, m->overflow_f32));
    put_deviation(b, object, &m->deviation);
    append(b, array, object);
  }
  return array;
}

static json_object *chunks(builder *b, const efla_statistics *f) {
  json_object *array = new_array(b);
  for (const efla_chunk_statistics *c = f->chunk; c < f->chunk + EFLA_STATISTICS_CHUNKS; c++)
    for (size_t g = 0; g < EFLA_STATISTICS_COEFFICIENTS; g++) {
      json_object *object = new_object(b);
      put(b, object, "chunk", count(b, c->chunk));
      put(b, object, "method", text(b, efla_statistics_coefficient(g)->name));
      put(b, object, "largest", real(b, c->largest[g].value));
      put(b, object, "condition", real(b, c->condition[g].value));
      append(b, array, object);
    }
  return array;
}

static json_object *formats(builder *b, const efla_statistics *f) {
  json_object *array = new_array(b);
  for (const efla_format_statistics *i = f->format; i < f->format + f->formats; i++) {
    json_object *object = new_object(b);
    put(b, object, "precision", text(b, i->format->name));
    put(b, object, "digits", count(b, (size_t)i->format->digits));
    put_deviation(b, object, &i->deviation);
    put(b, object, "state_error_at_the_end", real(b, i->deviation.largest.value * efla_diagnosis_walk(f)));
    append(b, array, object);
  }
  return array;
}

static json_object *sufficient(builder *b, const efla_statistics *f, const efla_diagnosis_about *about) {
  json_object *array = new_array(b);
  for (size_t i = 0; i < about->tolerances; i++) {
    json_object *object = new_object(b);
    const efla_format *format = efla_diagnosis_sufficient(f, about->tolerance[i]);
    put(b, object, "tolerance", real(b, about->tolerance[i]));
    put(b, object, "precision", format ? text(b, format->name) : NULL);
    append(b, array, object);
  }
  return array;
}

static json_object *statistics(builder *b, efla_statistics *f, const efla_diagnosis_about *about) {
  json_object *object = new_object(b);
  put(b, object, "tokens", count(b, f->tokens));
  put(b, object, "measured", count(b, f->measured));
  put(b, object, "largest_beta", real(b, f->beta.value));
  put(b, object, "largest_lambda", real(b, f->lambda.value));
  put(b, object, "x", steps(b, f));
  put(b, object, "decay", fading(b, f));
  put(b, object, "splittings", splittings(b, f));
  put(b, object, "erase_key", erase_key(b, f));
  put(b, object, "methods", methods(b, f));
  put(b, object, "chunks", chunks(b, f));
  put(b, object, "precisions", formats(b, f));
  put(b, object, "sufficient", sufficient(b, f, about));
  return object;
}

efla_status efla_diagnosis_write_json(efla_diagnosis *d, const efla_diagnosis_about *about, FILE *out,
                                      efla_message *why) {
  builder b = {false};
  char sentence[EFLA_SENTENCE];
  json_object *all = new_object(&b), *heads = new_array(&b);
  efla_diagnosis_sentence(d, sentence);
  put(&b, all, "version", text(&b, EFLA_VERSION));
  put(&b, all, "commit", text(&b, efla_commit()));
  put(&b, all, "input", text(&b, about->input));
  put(&b, all, "sequences", count(&b, d->options.sequences));
  put(&b, all, "dk", count(&b, d->options.dk));
  put(&b, all, "dv", count(&b, d->options.dv));
  put(&b, all, "decay", text(&b, efla_diagnosis_decay(d)));
  put(&b, all, "step", text(&b, efla_diagnosis_step(d)));
  put(&b, all, "truth", text(&b, d->options.truth->name));
  put(&b, all, "verdict", text(&b, sentence));
  put(&b, all, "total", statistics(&b, &d->total, about));
  for (size_t h = 0; h < d->options.heads; h++) append(&b, heads, statistics(&b, &d->head[h], about));
  put(&b, all, "heads", heads);
  const char *written =
      b.failed ? NULL : json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
  if (written) fprintf(out, "%s\n", written);
  json_object_put(all);
  return written ? EFLA_OK : efla_fail_memory(why);
}
