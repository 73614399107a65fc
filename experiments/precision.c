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

static efla_status open_source(efla_source *source, size_t family, efla_message *why) {
  efla_spec spec = efla_spec_default(&efla_families[families.row[family]]);
  spec.seed = seed, spec.norm = norm;
  if (!spec.family->side) spec.dk = spec.dv = d;
  return efla_source_init(source, &spec, why);
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

/* One run of the exact method: piece i is one family, format and way. */
static efla_status follow(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  (void)context;
  const struct way *way = &ways[i % WAYS];
  const efla_format *format = &efla_formats[formats.row[i / WAYS % formats.n]];
  efla_storage storage = {format, way->state, way->inputs, way->stochastic, seed * 1000 + i};
  efla_source source;
  efla_tokens x = {0};
  efla_run run = {0};
  efla_reference reference = {0};
  double at[MARKS], error[MARKS];
  size_t n = 0, useless = 0;
  efla_status status = open_source(&source, i / WAYS / formats.n, why);
  if (status != EFLA_OK) return status;
  size_t dk = source.spec.dk, dv = source.spec.dv;
  const char *family = source.spec.family->name;
  if (efla_tokens_init(&x, BLOCK, dk, dv) != EFLA_OK ||
      efla_run_init(&run, efla_method_find("exact"), &storage, dk, dv) != EFLA_OK ||
      efla_reference_init(&reference, &efla_oracles[truth], dk, dv) != EFLA_OK)
    status = efla_fail_memory(why);
  for (size_t t = 0, mark = 0; t < tokens && status == EFLA_OK;) {
    size_t goal = t;
    while (goal <= t) goal = (size_t)lround(pow(10, (double)mark++ / PER_DECADE));
    if (goal > tokens) goal = tokens;
    for (; t < goal && status == EFLA_OK; t += x.tokens) {
      x.tokens = goal - t < BLOCK ? goal - t : BLOCK;
      status = efla_source_next(&source, &x, why);
      if (status == EFLA_OK) status = efla_reference_advance(&reference, &x);
      efla_run_advance(&run, &x);
      efla_progress_add(progress, x.tokens);
    }
    efla_errors e = efla_reference_compare(&reference, run.S, run.o);
    at[n] = (double)t, error[n] = e.state;
    if (!useless && !(e.state <= 0.5)) useless = t;
    n++;
    efla_table_row(rows, efla_text("tokens"), efla_text(family), efla_text(format->name), efla_text(way->stored),
                   efla_text(way->rounding), efla_count(t), efla_real(e.state), efla_real(e.state_floor), efla_real(NAN),
                   efla_count(0));
  }
  efla_table_row(rows, efla_text("law"), efla_text(family), efla_text(format->name), efla_text(way->stored),
                 efla_text(way->rounding), efla_count(tokens), efla_real(n ? error[n - 1] : NAN), efla_real(NAN),
                 efla_real(slope(at, error, n)), efla_count(useless));
  if (status == EFLA_UNTRUSTED) *why = reference.why;
  efla_source_clear(&source);
  efla_tokens_clear(&x);
  efla_run_clear(&run);
  efla_reference_clear(&reference);
  return status;
}

static void budget_row(efla_table *rows, const char *family, const char *name, const char *part, size_t t, const double *S,
                       const double *S0, size_t n) {
  double difference = 0, whole = 0;
  for (size_t e = 0; e < n; e++) difference += (S[e] - S0[e]) * (S[e] - S0[e]), whole += S0[e] * S0[e];
  efla_table_row(rows, efla_text("budget"), efla_text(family), efla_text(name), efla_text(part), efla_text("nearest"),
                 efla_count(t), efla_real(sqrt(difference / whole)), efla_real(NAN), efla_real(NAN), efla_count(0));
}

/* Recurrence and chunkwise form of the exact method on the same tokens in f32; S_chunk, S_token (n) from their zero states. */
static efla_status both_forms(const efla_tokens *x, double *S_chunk, double *S_token) {
  size_t dk = x->dk, dv = x->dv, T = x->tokens, n = dk * dv, scratch = efla_chunk_scratch(CHUNK, dk, dv);
  float *block = calloc(T * (dk + dv + 1) + 2 * n + scratch, sizeof *block);
  double *gate = malloc(T * sizeof *gate);
  float *k = block, *v = k + T * dk, *a = v + T * dv, *A = a + T, *B = A + n;
  if (block && gate) {
    efla_gates(efla_method_find("exact"), x, gate);
    for (size_t e = 0; e < T * dk; e++) k[e] = (float)x->k[e];
    for (size_t e = 0; e < T * dv; e++) v[e] = (float)x->v[e];
    for (size_t t = 0; t < T; t++) a[t] = (float)gate[t];
    efla_chunk_f32(T, dk, dv, CHUNK, NULL, k, v, a, A, NULL, B + n);
    efla_recurrence_f32(T, dk, dv, NULL, k, v, a, B, NULL);
    for (size_t e = 0; e < n; e++) S_chunk[e] = (double)A[e], S_token[e] = (double)B[e];
  }
  efla_status status = block && gate ? EFLA_OK : EFLA_MEMORY;
  free(block);
  free(gate);
  return status;
}

/* The parts of one run's error, each a difference of two states after the same tokens. */
static efla_status budget(size_t family, efla_table *rows, efla_message *why) {
  efla_source source;
  efla_tokens x = {0};
  efla_run exact = {0}, other = {0};
  size_t T = tokens < 4 * BLOCK ? tokens : 4 * BLOCK;
  efla_status status = open_source(&source, family, why);
  if (status != EFLA_OK) return status;
  size_t dk = source.spec.dk, dv = source.spec.dv, n = dk * dv;
  const char *name = source.spec.family->name;
  double *states = malloc(2 * n * sizeof *states);
  const efla_method *exact_method = efla_method_find("exact");
  efla_storage f64 = efla_storage_state(efla_format_find("f64"));
  if (!states || efla_tokens_init(&x, T, dk, dv) != EFLA_OK || efla_run_init(&exact, exact_method, &f64, dk, dv) != EFLA_OK)
    status = efla_fail_memory(why);
  if (status == EFLA_OK) status = efla_source_next(&source, &x, why);
  if (status == EFLA_OK) efla_run_advance(&exact, &x);
  for (size_t i = 0; i < methods.n + formats.n && status == EFLA_OK; i++) {
    bool by_method = i < methods.n;
    const efla_method *method = by_method ? &efla_methods[methods.row[i]] : exact_method;
    efla_storage storage = by_method ? f64 : efla_storage_state(&efla_formats[formats.row[i - methods.n]]);
    if (efla_run_init(&other, method, &storage, dk, dv) != EFLA_OK) status = efla_fail_memory(why);
    if (status == EFLA_OK) {
      efla_run_advance(&other, &x);
      if (method != exact_method || !by_method)
        budget_row(rows, name, by_method ? method->name : storage.format->name, by_method ? "discretisation" : "rounding", T,
                   other.S, exact.S, n);
    }
    efla_run_clear(&other);
  }
  if (status == EFLA_OK && both_forms(&x, states, states + n) == EFLA_OK)
    budget_row(rows, name, "f32", "chunking", T, states, states + n, n);
  efla_source_clear(&source);
  efla_tokens_clear(&x);
  efla_run_clear(&exact);
  free(states);
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  size_t n = families.n * formats.n * WAYS;
  seed = cli->seed;
  efla_status status = efla_program_parallel(table, n, follow, NULL, "tokens", n * tokens, why);
  for (size_t f = 0; f < families.n && status == EFLA_OK; f++) status = budget(f, table, why);
  return status;
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
