/* SPDX-License-Identifier: GPL-3.0-or-later */
/* precision: what does storing the state, or the inputs, in few bits cost, and when is such a state useless?
 *
 * Inputs    Gaussian keys (the flow contracts: what is old fades) and a dictionary of 8 keys (directions in which
 * nothing fades). Varies    the number format; what is stored in it (state, inputs, both); rounding to nearest or
 * stochastic; token number. Measures  relative error of the state of the exact method against an oracle, beside its
 * prediction (drift.h); the slope of log
 *           error against log tokens; the first recorded token with an error above one half; for every method the parts of the error
 *           that come from discretisation (method against exact, f64), from rounding (format against f64), and from chunking
 *           (chunkwise form against recurrence, f32).
 * Expects   saturation for Gaussian keys; growth as t^(1/2) for the dictionary, from u of the format on, until nothing
 * is left. Writes    one row per family, format, storage, rounding and token number; one per law; one per contribution
 * to the error. */
#include "laboratory.h"

#include <gsl/gsl_fit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PER_DECADE = 8, BLOCK = 1024, MARKS = 96, CHUNK = 64 };

static size_t tokens, d, seed, truth;
static double norm;
static efla_list families, formats, methods;

static const efla_option options[] = {
    {"family", "LIST", "gaussian,dictionary", NULL, "input families", EFLA_NAMES, &families, 0, 0, efla_family_name},
    {"precision", "LIST", "f32,tf32,fp16,bf16,e4m3,e5m2", NULL, "formats", EFLA_NAMES, &formats, 0, 0,
     efla_format_name},
    {"methods", "LIST", "all", NULL, "methods whose contribution is shown", EFLA_NAMES, &methods, 0, 0,
     efla_method_name},
    {"truth", "NAME", "longdouble", NULL, "oracle", EFLA_NAME, &truth, 0, 0, efla_oracle_name},
    {"norm", "S", "1", NULL, "root mean square key norm", EFLA_REAL, &norm, 0, 1e6, NULL},
    {"tokens", "N", "250000", "2000", "length of a run", EFLA_COUNT, &tokens, 10, 1e9, NULL},
    {"dk", "N", "32", "16", "length of keys and values", EFLA_COUNT, &d, 1, 1024, NULL},
    {.name = NULL},
};

/* Ways to store, one row each. */
static const struct way {
  const char *stored, *rounding;
  bool state, inputs, stochastic;
} ways[] = {{"state", "nearest", true, false, false},
            {"state", "stochastic", true, false, true},
            {"inputs", "nearest", false, true, false},
            {"both", "nearest", true, true, false}};
enum { WAYS = sizeof ways / sizeof *ways, RUNS = EFLA_LIST_MAX * WAYS + EFLA_LIST_MAX + 2 };

/* One run, its prediction where there is one, and its errors at the recorded tokens. */
typedef struct follower {
  efla_run run;
  const struct way *way; /* NULL: in f64, or chunkwise in f32, for the contribution only */
  efla_drift drift;
  double error[MARKS];
} follower;

/* One family with all runs on it: the exact method in f64, other methods in f64, exact by chunks in f32, then every
 * format stored in every way. */
typedef struct scene {
  efla_source source;
  efla_tokens x;
  efla_reference reference;
  follower followers[RUNS];
  size_t n, n_marks;
  double at[MARKS];
} scene;

static efla_status add(scene *s, const efla_method *method, const efla_storage *storage, const struct way *way) {
  const efla_spec *spec = &s->source.spec;
  follower *f = &s->followers[s->n++];
  f->way = way;
  f->drift = efla_drift_start(storage, spec->dk, strcmp(spec->family->name, "dictionary") ? spec->dk : spec->words);
  return efla_run_init(&f->run, method, storage, spec->dk, spec->dv);
}

static efla_status add_all(scene *s) {
  const efla_method *exact = efla_method_find("exact");
  efla_storage f64 = efla_storage_state(efla_format_find("f64")), chunks = efla_storage_state(efla_format_find("f32"));
  chunks.chunk = CHUNK;
  efla_status status = add(s, exact, &f64, NULL);
  for (size_t m = 0; m < methods.n && status == EFLA_OK; m++)
    if (&efla_methods[methods.row[m]] != exact) status = add(s, &efla_methods[methods.row[m]], &f64, NULL);
  if (status == EFLA_OK) status = add(s, exact, &chunks, NULL);
  for (size_t i = 0; i < formats.n * WAYS && status == EFLA_OK; i++) {
    const struct way *way = &ways[i % WAYS];
    const efla_format *format = &efla_formats[formats.row[i / WAYS]];
    efla_storage storage = {format, way->state, way->inputs, way->stochastic, .seed = seed * 1000 + i};
    if (way == ways || format->digits < 24)
      status = add(s, exact, &storage, way); /* f32 and f64 have one way only: inputs are f32 anyway */
  }
  return status;
}

static efla_spec spec_of(const efla_family *family) {
  efla_spec spec = efla_spec_default(family);
  spec.seed = seed, spec.norm = norm;
  if (!family->side) spec.dk = spec.dv = d;
  return spec;
}

static efla_status scene_init(scene *s, const efla_family *family, efla_message *why) {
  const efla_spec spec = spec_of(family);
  efla_status status = efla_source_init(&s->source, &spec, why);
  if (status != EFLA_OK) return status;
  status = efla_tokens_init(&s->x, BLOCK, spec.dk, spec.dv);
  if (status == EFLA_OK) status = efla_reference_init(&s->reference, &efla_oracles[truth], spec.dk, spec.dv);
  if (status == EFLA_OK) status = add_all(s);
  return status == EFLA_OK ? EFLA_OK : efla_fail_memory(why);
}

static void scene_clear(scene *s) {
  efla_source_clear(&s->source);
  efla_tokens_clear(&s->x);
  efla_reference_clear(&s->reference);
  for (size_t i = 0; i < s->n; i++) efla_run_clear(&s->followers[i].run);
}

/* The least-squares slope of log error against log tokens from 100 tokens on, as long as the error is below one half:
 * past that there is no digit left to lose. */
static double slope(const scene *s, const double *error) {
  double x[MARKS], y[MARKS], intercept, result = NAN, cov00, cov01, cov11, squares;
  size_t used = 0;
  for (size_t i = 0; i < s->n_marks; i++)
    if (s->at[i] >= 100 && error[i] > 0 && error[i] < 0.5) x[used] = log(s->at[i]), y[used++] = log(error[i]);
  if (used >= 3) gsl_fit_linear(x, 1, y, 1, used, &intercept, &result, &cov00, &cov01, &cov11, &squares);
  return result;
}

static void row(efla_table *rows, const scene *s, const char *study, const char *name, const char *stored,
                const char *rounding, double error, double floor, double predicted, double law, size_t useless) {
  efla_table_row(rows, efla_text(study), efla_text(s->source.spec.family->name), efla_text(name), efla_text(stored),
                 efla_text(rounding), efla_count(s->source.token), efla_real(error), efla_real(floor),
                 efla_real(predicted), efla_real(law), efla_count(useless));
}

static void record(scene *s, efla_table *rows) {
  s->at[s->n_marks] = (double)s->source.token;
  for (follower *f = s->followers; f < s->followers + s->n; f++) {
    if (!f->way) continue;
    efla_errors e = efla_reference_compare(&s->reference, f->run.S, f->run.o);
    double predicted = f->way->state && !f->way->inputs ? efla_drift_error(&f->drift) : NAN;
    f->error[s->n_marks] = e.state;
    row(rows, s, "tokens", f->run.storage.format->name, f->way->stored, f->way->rounding, e.state, e.state_floor,
        predicted, NAN, 0);
  }
  s->n_marks++;
}

/* How far the state of one run is from that of another, relative to the latter. */
static double apart(const efla_run *run, const efla_run *from) {
  size_t n = run->dk * run->dv;
  double difference = 0;
  for (size_t e = 0; e < n; e++) difference += pow(run->S[e] - from->S[e], 2);
  return sqrt(difference / efla_lambda(n, from->S));
}

/* The laws, and the parts of the error after the last token. */
static void conclude(const scene *s, efla_table *rows) {
  const efla_run *exact = &s->followers[0].run, *chunked = exact;
  for (const follower *f = s->followers + 1; f < s->followers + s->n; f++) {
    const char *format = f->run.storage.format->name;
    size_t useless = 0;
    if (f->run.method != exact->method)
      row(rows, s, "contribution", f->run.method->name, "discretisation", "nearest", apart(&f->run, exact), NAN, NAN,
          NAN, 0);
    if (f->run.storage.chunk > 1) chunked = &f->run;
    if (!f->way) continue;
    while (useless < s->n_marks && f->error[useless] <= 0.5) useless++;
    row(rows, s, "law", format, f->way->stored, f->way->rounding, f->error[s->n_marks - 1], NAN, NAN,
        slope(s, f->error), useless < s->n_marks ? (size_t)s->at[useless] : 0);
    if (f->way != ways) continue;
    row(rows, s, "contribution", format, "rounding", "nearest", apart(&f->run, exact), NAN, NAN, NAN, 0);
    if (f->run.storage.format == chunked->storage.format)
      row(rows, s, "contribution", format, "chunking", "nearest", apart(chunked, &f->run), NAN, NAN, NAN, 0);
  }
}

static efla_status advance(scene *s, size_t count, efla_message *why) {
  efla_tokens block = efla_tokens_slice(&s->x, 0, count);
  efla_status status = efla_source_next(&s->source, &block, why);
  if (status != EFLA_OK) return status;
  status = efla_reference_advance(&s->reference, &block);
  if (status != EFLA_OK) return *why = s->reference.why, status;
  for (follower *f = s->followers; f < s->followers + s->n; f++) {
    efla_run_advance(&f->run, &block);
    efla_drift_advance(&f->drift, f->run.method, &block);
  }
  return EFLA_OK;
}

static efla_status follow(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  (void)context;
  scene *s = calloc(1, sizeof *s);
  if (!s) return efla_fail_memory(why);
  efla_status status = scene_init(s, &efla_families[families.row[i]], why);
  for (size_t mark = 0; status == EFLA_OK && s->source.token < tokens;) {
    size_t goal = s->source.token;
    while (goal == s->source.token)
      goal = (size_t)lround(pow(10, (double)mark++ / PER_DECADE)); /* 1, 2, 3, 4, 6, 7, 10, ... */
    if (goal > tokens) goal = tokens;
    while (s->source.token < goal && status == EFLA_OK) {
      size_t count = goal - s->source.token < BLOCK ? goal - s->source.token : BLOCK;
      status = advance(s, count, why);
      efla_progress_add(progress, count);
    }
    if (status == EFLA_OK) record(s, rows);
  }
  if (status == EFLA_OK) conclude(s, rows);
  scene_clear(s);
  free(s);
  return status;
}

static efla_status check(const efla_cli *cli, efla_message *why) {
  efla_status status = EFLA_OK;
  seed = cli->seed;
  for (size_t i = 0; i < families.n && status == EFLA_OK; i++) {
    const efla_spec spec = spec_of(&efla_families[families.row[i]]);
    status = efla_source_check(&spec, tokens, why);
  }
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  (void)cli;
  return efla_program_parallel(table, families.n, follow, NULL, "tokens", families.n * tokens, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "precision",
      .summary = "What storing state or inputs in few bits costs, and how the error of a run divides.",
      .description = "Columns: study (tokens; law; contribution), family, name (format; method in the "
                     "contribution), stored (state, inputs, both; in the contribution "
                     "the part: discretisation, rounding, chunking), rounding (nearest, "
                     "stochastic), tokens, error (relative, of the state), floor (of "
                     "the oracle), predicted (error of the state, by the drift of rounding), "
                     "slope (law: of log error against log tokens), useless (law: "
                     "first recorded token with an error above one half; 0: "
                     "none).",
      .options = options,
      .column_names = "study,family,name,stored,rounding,tokens,error,floor,predicted,slope,useless",
      .run = run,
      .check = check};
  return efla_program_main(&program, argc, argv);
}
