/* SPDX-License-Identifier: GPL-3.0-or-later */
/* channel_decay: what does it cost to split a token with a decay rate per channel into decay and delta rule?
 *
 * Inputs    tokens of every input family, one beta such that beta*lambda has mean x, and rates y of every channel and
 *           token uniform in [0, spread].
 * Varies    spread, x, and the scheme: Lie splitting (KDA), Strang splitting, the same through a Lie kernel with merged
 *           rates, the exact flow by its Chebyshev series.
 * Measures  error of the state against an oracle, after a stream of tokens at one step each, and after one more token
 *           in substeps; for Lie also in theory, a bound by the commutator and the error of first order in the rates.
 * Expects   orders 1 and 2, the exact flow at rounding level; Strang far ahead of Lie at the same cost where x < 1, and
 *           not at all where x is large: there a token is stiff and both splittings are of first order in the rates.
 * Writes    one row per family, spread, x and scheme, and for the first family also per number of substeps. */
#include "laboratory.h"

#include <float.h>
#include <math.h>
#include <string.h>

static size_t dk, dv, tokens, most_substeps, method, truth, seed;
static efla_list families, spreads, steps, schemes;

static const efla_option options[] = {
    {"truth", "NAME", "gsl", NULL, "oracle", EFLA_NAME, &truth, 0, 0, efla_channel_oracle_name},
    {"family", "LIST", "gaussian,unit,flat,ar1,cone,dictionary,spikes", "gaussian,dictionary",
     "input families, the first one also for substeps; all needs MNIST", EFLA_NAMES, &families, 0, 0, efla_family_name},
    {"spread", "LIST", "0.01,0.03,0.1,0.3,1,3,10", "0.1,1", "spreads of the rates", EFLA_REALS, &spreads, 0, 1e3, NULL},
    {"x", "LIST", "0.03,0.1,0.3,1,3,10,30", "0.3,3", "means of beta*lambda", EFLA_REALS, &steps, 0, 1e3, NULL},
    {"schemes", "LIST", "all", NULL, "schemes", EFLA_NAMES, &schemes, 0, 0, efla_channel_scheme_name},
    {"method", "NAME", "exact", NULL, "method of the delta rule's step", EFLA_NAME, &method, 0, 0, efla_method_name},
    {"tokens", "N", "128", "32", "length of a stream", EFLA_COUNT, &tokens, 1, 1e6, NULL},
    {"substeps", "N", "1024", "64", "most substeps of a token", EFLA_COUNT, &most_substeps, 1, 1 << 20, NULL},
    {"dk", "N", "32", "8", "length of keys (mnist: 28)", EFLA_COUNT, &dk, 1, 1024, NULL},
    {"dv", "N", "32", "8", "length of values (mnist: 28)", EFLA_COUNT, &dv, 1, 1024, NULL},
    {.name = NULL},
};

typedef struct row {
  const char *study, *family;
  double spread, x;
  const char *scheme;
  size_t tokens, substeps;
  efla_channel_error error;
  double floor;
  efla_channel_lie_theory lie;
  double order;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, study, "", "substeps: of one token; stream: one step per token"),
    EFLA_COLUMN(row, family, "", "input family"),
    EFLA_COLUMN(row, spread, "", "spread of the decay rates; uniform in [0, spread] for every channel and token"),
    EFLA_COLUMN(row, x, "", "mean of beta*lambda; over the tokens of the stream"),
    EFLA_COLUMN(row, scheme, "", "splitting; or the exact flow"),
    EFLA_COLUMN(row, tokens, "", "number of tokens"),
    EFLA_COLUMN(row, substeps, "", "substeps per token, n"),
    EFLA_COLUMN_NAMED("error", row, error.state, "", "relative error of the state; nan where the oracle refuses"),
    EFLA_COLUMN_NAMED("direction", row, error.direction, "", "what the best common factor leaves of the error"),
    EFLA_COLUMN(row, floor, "", "relative error of the oracle itself"),
    EFLA_COLUMN_NAMED("bound", row, lie.bound, "", "commutator bound of the Lie error; relative, exact method"),
    EFLA_COLUMN_NAMED("leading", row, lie.leading, "", "Lie error to first order in the rates; relative, exact method"),
    EFLA_COLUMN(row, order, "", "observed order; from half as many substeps to these, nan where rounding rules"),
    EFLA_COLUMNS_END(row)};

/* All schemes through c; errors: those with half as many substeps, replaced. */
static efla_status compare(efla_channel_run *run, const efla_channel_tokens *c, row r, double *errors,
                           efla_table *table) {
  efla_status status = efla_channel_run_predict(run, c, &r.lie);
  double floor = 4 * fmax(run->floor, 4 * sqrt((double)r.substeps) * DBL_EPSILON / 2);
  r.floor = run->floor;
  for (size_t i = 0; i < schemes.n && status == EFLA_OK; i++) {
    const efla_channel_scheme *scheme = &efla_channel_schemes[schemes.row[i]];
    status = efla_channel_run_error(run, scheme, &efla_methods[method], c, &r.error);
    r.scheme = scheme->name, r.order = r.substeps > 1 && r.error.state > floor ? log2(errors[i] / r.error.state) : NAN;
    errors[i] = r.error.state;
    efla_table_put(table, &r);
  }
  return status;
}

static const efla_list *const factors[] = {&families, &spreads, &steps, NULL};

/* A stream, and for the first family one more token in 1, 2, 4, ... substeps. */
static efla_status study(efla_channel_run *run, const efla_channel_tokens *c, row r, efla_table *table,
                         efla_message *why) {
  const efla_channel_oracle *oracle = &efla_channel_oracles[truth];
  efla_channel_tokens stream = efla_channel_tokens_slice(c, 0, tokens), one = efla_channel_tokens_slice(c, tokens, 1);
  double errors[EFLA_LIST_MAX] = {0};
  efla_status status = efla_channel_run_know(run, oracle, &stream, why);
  if (status != EFLA_OK && status != EFLA_UNTRUSTED) return status;
  if (compare(run, &stream, r, errors, table) != EFLA_OK) return EFLA_NO_MEMORY;
  if (status != EFLA_OK || strcmp(r.family, efla_family_name(families.row[0])) != 0) return status;
  for (size_t e = 0; e < run->dk * run->dv; e++) run->start[e] = (double)run->exact[e];
  status = efla_channel_run_know(run, oracle, &one, why);
  r.study = "substeps", r.tokens = 1;
  for (; r.substeps <= most_substeps && status == EFLA_OK; r.substeps *= 2) {
    efla_channel_tokens cut = efla_channel_tokens_slice(c, tokens + 1, r.substeps);
    efla_channel_tokens_cut(&one, &cut);
    status = compare(run, &cut, r, errors, table);
  }
  return status;
}

static efla_spec spec_at(size_t i) {
  const efla_family *family = &efla_families[families.row[i]];
  efla_spec spec = efla_spec_default(family);
  spec.dk = family->side ? family->side : dk, spec.dv = family->side ? family->side : dv, spec.seed = seed;
  return spec;
}

static efla_status config(void *none, size_t i, efla_table *table, efla_progress *progress, efla_message *why) {
  size_t at[3];
  efla_sweep_at(factors, i, at);
  const efla_spec spec = spec_at(at[0]);
  row r = {.study = "stream", .family = spec.family->name, .tokens = tokens, .substeps = 1};
  r.spread = spreads.value[at[1]], r.x = steps.value[at[2]];
  efla_channel_tokens c = {.y = none}; /* a stream, one token, its substeps */
  efla_channel_run run;
  efla_status status = efla_channel_run_init(&run, spec.dk, spec.dv);
  if (status == EFLA_OK) status = efla_channel_tokens_init(&c, tokens + 1 + most_substeps, spec.dk, spec.dv);
  if (status == EFLA_OK) status = efla_channel_tokens_draw(&c, tokens + 1, &spec, r.spread, r.x, why);
  if (status == EFLA_OK) status = study(&run, &c, r, table, why);
  efla_channel_tokens_clear(&c);
  efla_channel_run_clear(&run);
  efla_progress_add(progress, 1);
  return status == EFLA_NO_MEMORY ? efla_fail_memory(why) : status;
}

static efla_status check(const efla_cli *cli, efla_message *why) {
  seed = cli->seed;
  return efla_source_check_all(families.n, spec_at, tokens + 1, why);
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  (void)cli;
  size_t n = efla_sweep_size(factors);
  return efla_program_parallel(table, n, config, NULL, "configs", n, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "channel_decay",
      .summary = "Error of splitting the decay per channel from the delta rule, by Lie and by Strang.",
      .description = "Errors are nan where the oracle refuses, and then the exit status is 1.",
      .options = options,
      .columns = columns,
      .run = run,
      .over_ranks = true,
      .check = check};
  return efla_program_main(&program, argc, argv);
}
