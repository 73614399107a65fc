/* precision: what does storing the state, or the inputs, in few bits cost, and when is such a state useless?
 *
 * Inputs    Gaussian keys (the flow contracts: what is old fades) and a dictionary of 8 keys (directions in which nothing fades).
 * Varies    the number format; what is stored in it (state, inputs, both); rounding to nearest or stochastic; token number.
 * Measures  relative error of the state of the exact method against an oracle; the slope of log error against log tokens; the first
 *           recorded token with an error above one half; for every method the parts of the error that come from discretisation (method
 *           against exact, f64), from rounding (format against f64), and from chunking (chunkwise form against recurrence, f32).
 * Expects   saturation for Gaussian keys; growth as t^(1/2) for the dictionary, from u of the format on, until nothing is left.
 * Writes    one row per family, format, storage, rounding and token number; one per law; one per part of the budget. */
#include "efla.h"

#include <gsl/gsl_fit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PER_DECADE = 4, BLOCK = 1024, MARKS = 64, CHUNK = 64 };

static size_t tokens, d, seed, truth;
static double norm;
static efla_list families, formats, methods;

static const efla_option options[] = {
    {"family", "LIST", "gaussian,dictionary", NULL, "input families", EFLA_NAMES, &families, 0, 0, efla_family_name},
    {"precision", "LIST", "f32,tf32,bf16,fp16,e4m3,e5m2", NULL, "formats", EFLA_NAMES, &formats, 0, 0, efla_format_name},
    {"methods", "LIST", "all", NULL, "methods in the budget", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"truth", "NAME", "longdouble", NULL, "oracle", EFLA_NAME, &truth, 0, 0, efla_oracle_name},
    {"norm", "S", "1", NULL, "root mean square key norm", EFLA_REAL, &norm, 0, 1e6, NULL},
    {"tokens", "N", "100000", "1000", "length of a run", EFLA_COUNT, &tokens, 10, 1e9, NULL},
    {"dk", "N", "32", "8", "length of keys and values", EFLA_COUNT, &d, 1, 1024, NULL},
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
enum { WAYS = sizeof ways / sizeof *ways };

/* One family with all runs on it.  Runs and names: every format stored in every way, then what the budget needs: exact in f64, every
 * method in f64, and exact in f32 by chunks. */
enum { RUNS = EFLA_LIST_MAX * WAYS + EFLA_LIST_MAX + 2 };
typedef struct scene {
  efla_source source;
  efla_tokens x;
  efla_reference reference;
  efla_run runs[RUNS];
  size_t n_runs, n_stored, n_marks; /* n_stored: runs of formats and ways */
  double at[MARKS], error[RUNS][MARKS];
} scene;

static efla_status scene_init(scene *s, size_t family, efla_message *why) {
  efla_spec spec = efla_spec_default(&efla_families[families.row[family]]);
  const efla_method *exact = efla_method_find("exact");
  spec.seed = seed, spec.norm = norm;
  if (!spec.family->side) spec.dk = spec.dv = d;
  efla_status status = efla_source_init(&s->source, &spec, why);
  if (status != EFLA_OK) return status;
  status = efla_tokens_init(&s->x, BLOCK, spec.dk, spec.dv);
  if (status == EFLA_OK) status = efla_reference_init(&s->reference, &efla_oracles[truth], spec.dk, spec.dv);
  s->n_stored = formats.n * WAYS;
  for (size_t r = 0; r < s->n_stored + methods.n + 2 && status == EFLA_OK; r++, s->n_runs++) {
    const struct way *way = &ways[r % WAYS];
    const efla_method *method = exact;
    efla_storage storage = efla_storage_state(efla_format_find("f64"));
    if (r < s->n_stored)
      storage = (efla_storage){.format = &efla_formats[formats.row[r / WAYS]],
                               .state = way->state,
                               .inputs = way->inputs,
                               .stochastic = way->stochastic,
                               .seed = seed * 1000 + r};
    else if (r > s->n_stored + methods.n)
      storage = (efla_storage){.format = efla_format_find("f32"), .state = true, .chunk = CHUNK};
    else if (r > s->n_stored)
      method = &efla_methods[methods.row[r - s->n_stored - 1]];
    status = efla_run_init(&s->runs[r], method, &storage, spec.dk, spec.dv);
  }
  return status == EFLA_OK ? EFLA_OK : efla_fail_memory(why);
}

static void scene_clear(scene *s) {
  efla_source_clear(&s->source);
  efla_tokens_clear(&s->x);
  efla_reference_clear(&s->reference);
  for (size_t r = 0; r < s->n_runs; r++) efla_run_clear(&s->runs[r]);
}

/* The least-squares slope of log error against log tokens from 100 tokens on, as long as the error is below one half: past that
 * there is no digit left to lose. */
static double slope(const double *at, const double *error, size_t n) {
  double x[MARKS], y[MARKS], intercept, result = NAN, cov00, cov01, cov11, squares;
  size_t used = 0;
  for (size_t i = 0; i < n; i++)
    if (at[i] >= 100 && error[i] > 0 && error[i] < 0.5) x[used] = log(at[i]), y[used++] = log(error[i]);
  if (used >= 3) gsl_fit_linear(x, 1, y, 1, used, &intercept, &result, &cov00, &cov01, &cov11, &squares);
  return result;
}

static void row(efla_table *rows, const scene *s, const char *study, const char *name, const char *stored, const char *rounding,
                double error, double floor, double law, size_t useless) {
  efla_table_row(rows, efla_text(study), efla_text(s->source.spec.family->name), efla_text(name), efla_text(stored),
                 efla_text(rounding), efla_count(s->source.token), efla_real(error), efla_real(floor), efla_real(law),
                 efla_count(useless));
}

static void record(scene *s, efla_table *rows) {
  s->at[s->n_marks] = (double)s->source.token;
  for (size_t r = 0; r < s->n_stored; r++) {
    const efla_run *run = &s->runs[r];
    efla_errors e = efla_reference_compare(&s->reference, run->S, run->o);
    s->error[r][s->n_marks] = e.state;
    row(rows, s, "tokens", run->storage.format->name, ways[r % WAYS].stored, ways[r % WAYS].rounding, e.state, e.state_floor, NAN,
        0);
  }
  s->n_marks++;
}

/* How far the state of run r is from that of run r0, relative to the latter. */
static double apart(const scene *s, size_t r, size_t r0) {
  size_t n = s->runs[r].dk * s->runs[r].dv;
  double difference = 0, whole = efla_lambda(n, s->runs[r0].S);
  for (size_t e = 0; e < n; e++) difference += pow(s->runs[r].S[e] - s->runs[r0].S[e], 2);
  return sqrt(difference / whole);
}

/* The laws, and the parts of the error after the last token. */
static void conclude(const scene *s, efla_table *rows) {
  size_t exact = s->n_stored, chunked = s->n_runs - 1;
  for (size_t r = 0; r < s->n_stored; r++) {
    const char *format = s->runs[r].storage.format->name;
    size_t useless = 0;
    while (useless < s->n_marks && s->error[r][useless] <= 0.5) useless++;
    row(rows, s, "law", format, ways[r % WAYS].stored, ways[r % WAYS].rounding, s->error[r][s->n_marks - 1], NAN,
        slope(s->at, s->error[r], s->n_marks), useless < s->n_marks ? (size_t)s->at[useless] : 0);
    if (r % WAYS != 0) continue;
    row(rows, s, "budget", format, "rounding", "nearest", apart(s, r, exact), NAN, NAN, 0);
    if (s->runs[r].storage.format->digits == 24)
      row(rows, s, "budget", format, "chunking", "nearest", apart(s, chunked, r), NAN, NAN, 0);
  }
  for (size_t r = exact + 1; r < chunked; r++)
    if (s->runs[r].method != s->runs[exact].method)
      row(rows, s, "budget", s->runs[r].method->name, "discretisation", "nearest", apart(s, r, exact), NAN, NAN, 0);
}

static efla_status follow(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  (void)context;
  scene *s = calloc(1, sizeof *s);
  if (!s) return efla_fail_memory(why);
  efla_status status = scene_init(s, i, why);
  for (size_t mark = 0; status == EFLA_OK && s->source.token < tokens; mark++) {
    size_t goal = (size_t)lround(pow(10, (double)mark / PER_DECADE));
    if (goal > tokens) goal = tokens;
    while (s->source.token < goal && status == EFLA_OK) {
      efla_tokens block = efla_tokens_slice(&s->x, 0, goal - s->source.token < BLOCK ? goal - s->source.token : BLOCK);
      status = efla_source_next(&s->source, &block, why);
      if (status == EFLA_OK && (status = efla_reference_advance(&s->reference, &block)) != EFLA_OK) *why = s->reference.why;
      for (size_t r = 0; r < s->n_runs && status == EFLA_OK; r++) efla_run_advance(&s->runs[r], &block);
      efla_progress_add(progress, block.tokens);
    }
    if (status == EFLA_OK) record(s, rows);
  }
  if (status == EFLA_OK) conclude(s, rows);
  scene_clear(s);
  free(s);
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  seed = cli->seed;
  return efla_program_parallel(table, families.n, follow, NULL, "tokens", families.n * tokens, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {.name = "precision",
                                       .summary =
                                           "What storing state or inputs in few bits costs, and how the error of a run divides.",
                                       .description = "Columns: study (tokens; law; budget), family, name (format; method in the "
                                                      "budget), stored (state, inputs, both; in the budget "
                                                      "the part: discretisation, rounding, chunking), rounding (nearest, "
                                                      "stochastic), tokens, error (relative, of the state), floor (of "
                                                      "the oracle), slope (law: of log error against log tokens), useless (law: "
                                                      "first recorded token with an error above one half; 0: "
                                                      "none).",
                                       .options = options,
                                       .columns = "study,family,name,stored,rounding,tokens,error,floor,slope,useless",
                                       .run = run};
  return efla_program_main(&program, argc, argv);
}
