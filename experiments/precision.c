/* SPDX-License-Identifier: GPL-3.0-or-later */
/* precision: what does storing the state, or the inputs, in few bits cost, and when is such a state useless?
 *
 * Inputs    Gaussian keys (what is old fades) and a dictionary of 8 keys (directions in which nothing fades).
 * Varies    the number format; what is stored in it; rounding to nearest or stochastic; token number.
 * Measures  relative error of the state of the exact method, beside its prediction (rounding_law.h); its
 *           power law in tokens; the first recorded token with an error above one half; what discretisation
 *           (methods against exact, f64), rounding (formats against f64) and chunking (f32) add.
 * Expects   saturation for Gaussian keys; growth as t^(1/2) for the dictionary, from u until nothing is left.
 * Writes    a row per family, format, storage, rounding and token number; one per law; one per part. */
#include "laboratory.h"

#include <math.h>

enum { BLOCK = 1024, CHUNK = 64 };

static size_t tokens, d, seed;
static double norm;
static efla_list families, formats, methods, truth;

static const efla_option options[] = {
    {"family", "LIST", "gaussian,dictionary", NULL, "input families", EFLA_NAMES, &families, 0, 0, efla_family_name},
    {"precision", "LIST", "f32,tf32,fp16,bf16,e4m3,e5m2", NULL, "formats", EFLA_NAMES, &formats, 0, 0,
     efla_format_name},
    {"methods", "LIST", "all", NULL, "methods for the contributions", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"truth", "NAME", "longdouble", NULL, "oracle", EFLA_NAME, &truth.row[0], 0, 0, efla_oracle_name},
    {"norm", "S", "1", NULL, "root mean square key norm", EFLA_REAL, &norm, 0, 1e6, NULL},
    {"tokens", "N", "250000", "2000", "length of a run", EFLA_COUNT, &tokens, 10, 1e9, NULL},
    {"dk", "N", "32", "16", "length of keys and values", EFLA_COUNT, &d, 1, 1024, NULL},
    {.name = NULL},
};

typedef struct row {
  const char *study, *family, *name, *stored, *rounding;
  size_t tokens;
  double error, floor, predicted, slope;
  size_t useless;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, study, "", "tokens, law or contribution"),
    EFLA_COLUMN(row, family, "", "input family"),
    EFLA_COLUMN(row, name, "", "number format; contribution of discretisation: the method"),
    EFLA_COLUMN(row, stored, "", "state, inputs or both; contribution: discretisation, rounding or chunking"),
    EFLA_COLUMN(row, rounding, "", "nearest or stochastic"),
    EFLA_COLUMN(row, tokens, "", "number of tokens so far"),
    EFLA_COLUMN(row, error, "", "relative error of the state; contribution: relative difference of the states"),
    EFLA_COLUMN(row, floor, "", "relative error of the oracle itself"),
    EFLA_COLUMN(row, predicted, "", "relative error of the state, predicted from the drift of rounding"),
    EFLA_COLUMN(row, slope, "", "slope of log error against log tokens; of laws"),
    EFLA_COLUMN(row, useless, "", "first recorded token with an error above one half; of laws, 0: none"),
    EFLA_COLUMNS_END(row)};

enum { RUNS = EFLA_LIST_MAX * EFLA_STORAGE_WAYS + EFLA_LIST_MAX + 2 };

/* Runs in this order: exact in f64, other methods in f64, exact by chunks in f32; then every format and what of it is
 * stored, from number `chunked` + 1 on. */
static size_t chunked;

static efla_status add_all(efla_lockstep *l) {
  const efla_rule exact = {.method = efla_method_find("exact")};
  const efla_storage f64 = efla_storage_state(efla_format_find("f64"));
  const efla_storage chunks = {efla_format_find("f32"), .state = true, .chunk = CHUNK};
  efla_status status = efla_lockstep_add(l, &exact, &f64);
  for (size_t m = 0; m < methods.n && status == EFLA_OK; m++) {
    const efla_rule other = {.method = &efla_methods[methods.row[m]]};
    if (other.method != exact.method) status = efla_lockstep_add(l, &other, &f64);
  }
  if (status == EFLA_OK) status = efla_lockstep_add(l, &exact, &chunks);
  return status == EFLA_OK ? efla_lockstep_add_formats(l, &exact, &formats, seed) : status;
}

static void write_row(const efla_lockstep *l, const char *study, const efla_run *run, double floor, double predicted,
                      double slope, size_t useless) {
  const efla_storage *storage = &run->storage;
  efla_table_put(l->rows, &(row){study, l->source.spec.family->name, storage->format->name,
                                 efla_storage_stored(storage), efla_storage_rounding(storage), l->source.token,
                                 l->error[run - l->run][l->marks - 1], floor, predicted, slope, useless});
}

static void record(efla_lockstep *l) {
  for (size_t r = chunked + 1; r < l->runs; r++) {
    const efla_run *run = &l->run[r];
    double floor = efla_reference_compare(l->reference, run->S, run->o).state_floor;
    bool law = run->storage.state && !run->storage.inputs;
    write_row(l, "tokens", run, floor, law ? efla_drift_error(&l->drift[r]) : NAN, NAN, 0);
  }
}

static void write_part(const efla_lockstep *l, const char *name, const char *part, const efla_run *run,
                       const efla_run *from) {
  efla_table_put(l->rows, &(row){"contribution", l->source.spec.family->name, name, part, "nearest", l->source.token,
                                 efla_run_distance(run, from), NAN, NAN, NAN, 0});
}

/* Parts of the error after the last token; laws, of errors below one half: past that no digit is left to lose. */
static void conclude(const efla_lockstep *l) {
  const efla_run *exact = l->run, *chunks = l->run + chunked;
  for (size_t r = 1; r < chunked; r++) write_part(l, l->run[r].rule.method->name, "discretisation", &l->run[r], exact);
  for (size_t r = chunked + 1; r < l->runs; r++) {
    const efla_run *run = &l->run[r];
    const efla_format *format = run->storage.format;
    write_row(l, "law", run, NAN, NAN, efla_log_slope(l->marks, l->at, l->error[r], 100, 0.5),
              efla_lockstep_first_above(l, r, 0.5));
    if (run->storage.inputs || run->storage.stochastic) continue;
    write_part(l, format->name, "rounding", run, exact);
    if (format == chunks->storage.format) write_part(l, format->name, "chunking", chunks, run);
  }
}

static efla_spec spec_of(size_t family) {
  efla_spec spec = efla_spec_default(&efla_families[families.row[family]]);
  spec.seed = seed, spec.norm = norm;
  if (!spec.family->side) spec.dk = spec.dv = d;
  return spec;
}

static efla_status study(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  const efla_spec spec = spec_of(i);
  efla_lockstep l;
  (void)context;
  efla_status status = efla_lockstep_init(&l, &spec, NULL, &truth, RUNS, BLOCK, why);
  l.rows = rows;
  if (status == EFLA_OK && add_all(&l) != EFLA_OK) status = efla_fail_memory(why);
  if (status == EFLA_OK) status = efla_lockstep_follow(&l, tokens, record, progress, why);
  if (status == EFLA_OK || status == EFLA_UNTRUSTED) conclude(&l);
  efla_lockstep_clear(&l);
  return status;
}

static efla_status check(const efla_cli *cli, efla_message *why) {
  seed = cli->seed, truth.n = 1, chunked = 1;
  for (size_t m = 0; m < methods.n; m++) chunked += &efla_methods[methods.row[m]] != efla_method_find("exact");
  return efla_source_check_all(families.n, spec_of, tokens, why);
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  (void)cli;
  return efla_program_parallel(table, families.n, study, NULL, "tokens", families.n * tokens, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "precision",
      .summary = "What storing state or inputs in few bits costs, and how the error of a run divides.",
      .description = "Cells that are not of a study are nan or 0.",
      .options = options,
      .columns = columns,
      .run = run,
      .check = check};
  return efla_program_main(&program, argc, argv);
}
