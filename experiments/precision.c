/* SPDX-License-Identifier: GPL-3.0-or-later */
/* precision: what does storing the state, or the inputs, in few bits cost, and when is such a state useless?
 *
 * Inputs    Gaussian keys (what is old fades) and a dictionary of 8 keys (directions in which nothing fades).
 * Varies    the decay; the number format; what is stored in it; rounding to nearest or stochastic; token number.
 * Measures  relative error of the state of the exact method, beside its prediction (rounding_law.h); its
 *           power law in tokens; the first recorded token with an error above one half; what discretisation
 *           (methods against exact, f64), rounding (formats against f64) and chunking (f32) add.
 * Expects   saturation for Gaussian keys; growth as t^(1/2) for the dictionary, from u until nothing is left.
 * Writes    a row per family, format, storage, rounding and token number; one per law; one per part. */
#include "laboratory.h"

#include <math.h>

enum { BLOCK = 1024, CHUNK = 64 };

static size_t tokens, d, seed;
static double norm, rate;
static efla_list families, formats, methods, decays, truth;

static const efla_option options[] = {
    {"family", "LIST", "gaussian,dictionary", NULL, "input families", EFLA_NAMES, &families, 0, 0, efla_family_name},
    {"precision", "LIST", "f32,tf32,fp16,bf16,e4m3,e5m2", NULL, "formats", EFLA_NAMES, &formats, 0, 0,
     efla_format_name},
    {"methods", "LIST", "all", NULL, "methods for the contributions", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"decay", "LIST", "none", NULL, "decays", EFLA_NAMES, &decays, 0, 0, efla_decay_name},
    {"rate", "R", "0.05", NULL, "their rate y per token", EFLA_REAL, &rate, 0, 1, NULL},
    {"truth", "NAME", "longdouble", NULL, "oracle", EFLA_NAME, &truth.row[0], 0, 0, efla_oracle_name},
    {"norm", "S", "1", NULL, "root mean square key norm", EFLA_REAL, &norm, 0, 1e6, NULL},
    {"tokens", "N", "250000", "2000", "length of a run", EFLA_COUNT, &tokens, 10, 1e9, NULL},
    {"dk", "N", "32", "16", "length of keys and values", EFLA_COUNT, &d, 1, 1024, NULL},
    {.name = NULL},
};

typedef struct row {
  const char *study, *family, *decay, *name, *stored, *rounding;
  double rate;
  size_t tokens;
  double error, floor, predicted, slope;
  size_t useless;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, study, "", "tokens, law or contribution"),
    EFLA_COLUMN(row, family, "", "input family"),
    EFLA_COLUMN(row, decay, "", "decay"),
    EFLA_COLUMN(row, name, "", "number format; contribution of discretisation: the method"),
    EFLA_COLUMN(row, stored, "", "state, inputs or both; contribution: discretisation, rounding or chunking"),
    EFLA_COLUMN(row, rounding, "", "nearest or stochastic"),
    EFLA_COLUMN(row, rate, "per token", "decay rate y"),
    EFLA_COLUMN(row, tokens, "", "number of tokens so far"),
    EFLA_COLUMN(row, error, "", "relative error of the state; contribution: relative difference of the states"),
    EFLA_COLUMN(row, floor, "", "relative error of the oracle itself"),
    EFLA_COLUMN(row, predicted, "", "relative error of the state, predicted from the drift of rounding"),
    EFLA_COLUMN(row, slope, "", "slope of log error against log tokens; of laws"),
    EFLA_COLUMN(row, useless, "", "first recorded token with an error above one half; of laws, 0: none"),
    EFLA_COLUMNS_END(row)};

enum { RUNS = EFLA_LIST_MAX * EFLA_STORAGE_WAYS + EFLA_LIST_MAX + 2 };

/* A row of a run after the last token; what is not of every study is left open. */
static row row_of(const efla_lockstep *l, const char *study, size_t run) {
  const efla_storage *storage = &l->run[run].storage;
  row r = {.study = study, .family = l->source.spec.family->name, .decay = l->decay->name, .tokens = l->source.token};
  r.name = storage->format->name, r.stored = efla_storage_stored(storage), r.rounding = efla_storage_rounding(storage);
  r.rate = l->x.g ? rate : 0, r.error = l->error[run][l->marks - 1], r.floor = r.predicted = r.slope = NAN;
  return r;
}

static void record(efla_lockstep *l) {
  for (size_t i = 0; i < l->runs; i++) {
    if (!efla_error_parts_stores(l, i)) continue;
    const efla_run *run = &l->run[i];
    row r = row_of(l, "tokens", i);
    r.floor = efla_reference_compare(l->reference, run->S, run->o).state_floor;
    if (run->storage.state && !run->storage.inputs) r.predicted = efla_drift_error(&l->drift[i]);
    efla_table_put(l->rows, &r);
  }
}

/* Laws, of errors below one half: past that no digit is left to lose; and parts of the error after the last token. */
static void conclude(const efla_lockstep *l) {
  for (size_t i = 0; i < l->runs; i++) {
    efla_error_part part[2];
    row law = row_of(l, "law", i);
    law.slope = efla_log_slope(l->marks, l->at, l->error[i], 100, 0.5);
    law.useless = efla_lockstep_first_above(l, i, 0.5);
    if (efla_error_parts_stores(l, i)) efla_table_put(l->rows, &law);
    for (size_t n = efla_error_parts_of(l, i, part), p = 0; p < n; p++) {
      row r = row_of(l, "contribution", i);
      r.name = part[p].name, r.stored = part[p].part, r.error = part[p].distance;
      efla_table_put(l->rows, &r);
    }
  }
}

static efla_spec spec_of(size_t family) {
  efla_spec spec = efla_spec_default(&efla_families[families.row[family]]);
  spec.seed = seed, spec.norm = norm;
  if (!spec.family->side) spec.dk = spec.dv = d;
  return spec;
}

static efla_status study(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  const efla_spec spec = spec_of(i / decays.n);
  efla_lockstep l;
  (void)context;
  efla_status status = efla_lockstep_init(&l, &spec, NULL, &truth, RUNS, BLOCK, why);
  l.rows = rows;
  if (status == EFLA_OK && (efla_lockstep_decay(&l, &efla_decays[decays.row[i % decays.n]], rate) != EFLA_OK ||
                            efla_error_parts_add(&l, &methods, &formats, CHUNK, seed) != EFLA_OK))
    status = efla_fail_memory(why);
  if (status == EFLA_OK) status = efla_lockstep_follow(&l, tokens, record, progress, why);
  if (status == EFLA_OK || status == EFLA_UNTRUSTED) conclude(&l);
  efla_lockstep_clear(&l);
  return status;
}

static efla_status check(const efla_cli *cli, efla_message *why) {
  seed = cli->seed, truth.n = 1;
  return efla_source_check_all(families.n, spec_of, tokens, why);
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  (void)cli;
  const size_t n = families.n * decays.n;
  return efla_program_parallel(table, n, study, NULL, "tokens", n * tokens, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "precision",
      .summary = "What storing state or inputs in few bits costs, and how the error of a run divides.",
      .description = "Cells that are not of a study are nan or 0.",
      .options = options,
      .columns = columns,
      .run = run,
      .over_ranks = true,
      .check = check};
  return efla_program_main(&program, argc, argv);
}
