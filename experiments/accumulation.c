/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accumulation: does the error of a method grow with the number of tokens, and what makes it grow?
 *
 * Inputs    a stream of tokens of every family, at several key norms, from the zero state; or rows of MNIST.
 * Varies    the method, the number format that stores the state, and the decay.
 * Measures  relative error of state and read-out against an oracle, at token numbers spaced evenly in their
 *           logarithm; the first token after which the state was not finite; the mean log growth per token of
 *           the product of transitions, and what theory predicts for keys of random direction (growth.h).
 * Expects   saturation after 10-100 tokens where that growth is negative, blow-up where it is positive; the
 *           exact flow at rounding level everywhere, growing as sqrt(t) only in directions that are never
 *           revisited.
 * Writes    one row per family, norm, key treatment, decay, oracle, method, format and token number. */
#include "laboratory.h"

enum { BLOCK = 4096 };
static efla_spec spec;
static size_t tokens, dk, dv;
static double rate;
static efla_list families, norms, treatments, truths, methods, formats, decays;

static const efla_option options[] = {
    {"family", "LIST", "gaussian,unit,flat,ar1,dictionary,spikes", NULL, "input families; all needs MNIST", EFLA_NAMES,
     &families, 0, 0, efla_family_name},
    {"norm", "LIST", "1,2,4", NULL, "root mean square key norms (unit: one)", EFLA_REALS, &norms, 0, 1e6, NULL},
    {"keys", "LIST", "raw", NULL, "key treatments", EFLA_NAMES, &treatments, 0, 0, efla_key_treatment_name},
    {"methods", "LIST", "all", NULL, "methods", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"decay", "LIST", "none", NULL, "decays", EFLA_NAMES, &decays, 0, 0, efla_decay_name},
    {"rate", "R", "0.05", NULL, "their rate y per token", EFLA_REAL, &rate, 0, 1, NULL},
    {"precision", "LIST", "f64,f32,bf16", NULL, "formats of the state", EFLA_NAMES, &formats, 0, 0, efla_format_name},
    {"truth", "LIST", "gsl,longdouble", NULL, "oracles: first the truth", EFLA_NAMES, &truths, 0, 0, efla_oracle_name},
    {"tokens", "N", "100000", "1000", "length of a run", EFLA_COUNT, &tokens, 1, 1e9, NULL},
    {"dk", "N", "32", NULL, "length of keys (mnist: 28)", EFLA_COUNT, &dk, 1, 4096, NULL},
    {"dv", "N", "32", NULL, "length of values (mnist: 28)", EFLA_COUNT, &dv, 1, 4096, NULL},
    {"beta", "B", "-1", NULL, "step; negative: sigmoid(N(0,1)) for each token", EFLA_REAL, &spec.beta, -1, 1e6, NULL},
    {"rho", "R", "0.9", NULL, "ar1: correlation of successive keys", EFLA_REAL, &spec.rho, -1, 1, NULL},
    {"words", "N", "8", NULL, "dictionary: number of keys", EFLA_COUNT, &spec.words, 1, 1e6, NULL},
    {"fraction", "F", "0.01", NULL, "spikes: share of large tokens", EFLA_REAL, &spec.fraction, 0, 1, NULL},
    {"size", "S", "10", NULL, "spikes: their key norm in units of norm", EFLA_REAL, &spec.size, 0, 1e6, NULL},
    {"mnist", "DIR", NULL, NULL, "directory of MNIST's files (or EFLA_MNIST)", EFLA_TEXT, &spec.mnist, 0, 0, NULL},
    {.name = NULL},
};

typedef struct row {
  const char *family, *decay;
  double norm, rate;
  const char *keys, *truth, *method, *precision;
  size_t tokens;
  double error, floor, readout_error, readout_floor, growth, growth_predicted;
  size_t blowup;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, family, "", "input family"),
    EFLA_COLUMN(row, decay, "", "decay"),
    EFLA_COLUMN(row, norm, "", "root mean square key norm"),
    EFLA_COLUMN(row, rate, "per token", "decay rate y"),
    EFLA_COLUMN(row, keys, "", "key treatment"),
    EFLA_COLUMN(row, truth, "", "oracle against which errors are measured"),
    EFLA_COLUMN(row, method, "", "one-step method"),
    EFLA_COLUMN(row, precision, "", "number format of the state"),
    EFLA_COLUMN(row, tokens, "", "number of tokens so far"),
    EFLA_COLUMN(row, error, "", "relative error of the state; Frobenius norm, nan where the oracle refuses"),
    EFLA_COLUMN(row, floor, "", "relative error of the oracle itself; of the state"),
    EFLA_COLUMN(row, readout_error, "", "relative error of the read-out"),
    EFLA_COLUMN(row, readout_floor, "", "relative error of the oracle itself; of the read-out"),
    EFLA_COLUMN(row, growth, "per token", "growth rate gamma, measured; mean log of the product of transitions"),
    EFLA_COLUMN(row, growth_predicted, "per token", "growth rate gamma, predicted for keys of random direction"),
    EFLA_COLUMN(row, blowup, "", "first token after which the state is not finite; 0: none"),
    EFLA_COLUMNS_END(row)};

static const efla_list *const factors[] = {&families, &norms, &treatments, &decays, NULL};

/* The run of method m and format f is number m * formats.n + f. */
static efla_status follow_all(efla_lockstep *l, const efla_decay *decay) {
  efla_status status = efla_lockstep_decay(l, decay, rate);
  for (size_t m = 0; m < methods.n && status == EFLA_OK; m++) {
    const efla_rule rule = {.method = &efla_methods[methods.row[m]], .decay = decay};
    status = efla_lockstep_add_growth(l, &rule);
    for (size_t f = 0; f < formats.n && status == EFLA_OK; f++) {
      const efla_storage storage = efla_storage_state(&efla_formats[formats.row[f]]);
      status = efla_lockstep_add(l, &rule, &storage);
    }
  }
  return status;
}

static void record(efla_lockstep *l) {
  const efla_spec *of = &l->source.spec;
  const size_t t = l->source.token;
  for (size_t i = 0; i < truths.n; i++)
    for (size_t r = 0; r < l->runs; r++) {
      const efla_run *run = &l->run[r];
      const efla_growth *growth = &l->growth[r / formats.n];
      efla_errors e = efla_reference_compare(&l->reference[i], run->S, run->o);
      efla_table_put(l->rows, &(row){of->family->name, l->decay->name, of->norm, l->x.g ? rate : 0, l->keys->name,
                                     l->reference[i].oracle->name, run->rule.method->name, run->storage.format->name, t,
                                     e.state, e.state_floor, e.readout, e.readout_floor, growth->measured / (double)t,
                                     growth->predicted / (double)t, run->blowup});
    }
}

static efla_spec spec_of(const efla_family *family, double norm, size_t seed) {
  efla_spec one = spec;
  one.family = family, one.seed = seed, one.norm = family->scaled ? norm : 1;
  one.dk = family->side ? family->side : dk, one.dv = family->side ? family->side : dv;
  return one;
}

/* One family, norm, key treatment and decay; where an oracle has refused, the rows are there all the same. */
static efla_status study(void *seed, size_t i, efla_table *table, efla_progress *progress, efla_message *why) {
  size_t at[4];
  efla_sweep_at(factors, i, at);
  const efla_family *family = &efla_families[families.row[at[0]]];
  const efla_spec of = spec_of(family, norms.value[at[1]], *(size_t *)seed);
  if (!family->scaled && at[1] > 0) return efla_progress_add(progress, tokens), EFLA_OK; /* one norm */
  efla_lockstep l;
  efla_status status = efla_lockstep_init(&l, &of, &efla_key_treatments[treatments.row[at[2]]], &truths,
                                          methods.n * formats.n, BLOCK, why);
  if (status == EFLA_OK && follow_all(&l, &efla_decays[decays.row[at[3]]]) != EFLA_OK) status = efla_fail_memory(why);
  l.rows = table;
  if (status == EFLA_OK) status = efla_lockstep_follow(&l, tokens, record, progress, why);
  efla_lockstep_clear(&l);
  return status;
}

static efla_status check(const efla_cli *cli, efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t f = 0; f < families.n && status == EFLA_OK; f++) { /* any norm will do */
    const efla_spec one = spec_of(&efla_families[families.row[f]], norms.value[0], cli->seed);
    status = efla_source_check(&one, tokens, why);
  }
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  size_t n = efla_sweep_size(factors), seed = cli->seed;
  return efla_program_parallel(table, n, study, &seed, "tokens", n * tokens, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "accumulation",
      .summary = "Error of the delta rule against token number, for input families, methods and number formats.",
      .description = "Errors are nan where the oracle refuses, and then the exit status is 1.",
      .options = options,
      .columns = columns,
      .run = run,
      .over_ranks = true,
      .check = check};
  return efla_program_main(&program, argc, argv);
}
