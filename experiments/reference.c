/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reference: how far can each ground truth be trusted?
 *
 * Inputs    one token, |k| = 1, v = 0, and the first columns of the identity as state, so that the new state
 *           holds those of E = exp(-x k k^T); Gaussian and flat keys.
 * Varies    x = beta*lambda over 1e-8...1e6, with extra points just below x = dk*10^j, where GSL's table of
 *           Taylor degrees changes for flat keys; dk; the oracle, and beside them the closed form in f64.
 * Measures  relative error of those columns (Frobenius) against certified truth, and of the coefficient that
 *           one would read off them; what the oracle itself says of its error; the time.
 * Expects   the closed form within a few u everywhere; expm1 squaring within (2dk+16) u max(1,x); GSL good
 *           for Gaussian keys, wrong by many orders of magnitude, or nan, for flat ones; u/x in any
 *           coefficient read off E.
 * Writes    one row per key family, dk, x and oracle. */
#include "laboratory.h"

#include <math.h>

static efla_list families, lengths;
static size_t truth_row, per_decade, seed;
static double smallest, largest;

static const efla_option options[] = {
    {"truth", "NAME", EFLA_ORACLE_BEST, NULL, "oracle to measure against", EFLA_NAME, &truth_row, 0, 0,
     efla_oracle_name},
    {"family", "LIST", "gaussian,flat", NULL, "families of the key", EFLA_NAMES, &families, 0, 0, efla_family_name},
    {"dk", "LIST", "4,16,64,128,256", "4,16,64", "lengths of the key", EFLA_COUNTS, &lengths, 1, 1024, NULL},
    {"smallest", "X", "1e-8", NULL, "first x", EFLA_REAL, &smallest, 1e-300, 1e300, NULL},
    {"largest", "X", "1e6", "1e4", "last x", EFLA_REAL, &largest, 1e-300, 1e300, NULL},
    {"per-decade", "N", "4", "1", "points per decade of x", EFLA_COUNT, &per_decade, 1, 100, NULL},
    {.name = NULL},
};

typedef struct row {
  const char *family;
  size_t dk;
  double x;
  const char *oracle;
  double error, coefficient_error, claimed, floor;
  const char *verdict;
  double seconds;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, family, "", "family of the key"),
    EFLA_COLUMN(row, dk, "", "length of the key, dk"),
    EFLA_COLUMN(row, x, "", "x = beta*lambda"),
    EFLA_COLUMN(row, oracle, "", "oracle; closed_form: the exact coefficient in f64"),
    EFLA_COLUMN(row, error, "", "relative error of exp(-x k k^T); Frobenius norm; nan where the truth refuses"),
    EFLA_COLUMN(row, coefficient_error, "", "relative error of the coefficient a; read off the exponential"),
    EFLA_COLUMN(row, claimed, "", "error that the oracle itself claims"),
    EFLA_COLUMN(row, floor, "", "error of the truth; of its own"),
    EFLA_COLUMN(row, verdict, "", "vouched or refused"),
    EFLA_COLUMN(row, seconds, "s", "time of a call"),
    EFLA_COLUMNS_END(row)};

/* dv columns of E are computed: enough to see its error, few enough for odeiv. */
static efla_spec spec_of(size_t i) {
  efla_spec spec = efla_spec_default(&efla_families[families.row[i / lengths.n]]);
  spec.dk = lengths.count[i % lengths.n], spec.dv = spec.dk < 16 ? spec.dk : 16, spec.seed = seed;
  return spec;
}

static void put(efla_table *table, const char *family, const efla_exponential *e, const char *oracle,
                const efla_exponential_trial *t) {
  efla_table_put(table, &(row){family, e->x.dk, efla_token_x(&e->x, 0), oracle, t->error, t->coefficient_error,
                               t->claimed, e->floor, t->vouched ? "vouched" : "refused", t->seconds});
}

/* Returns EFLA_UNTRUSTED where there is no truth about this point. */
static efla_status study(efla_exponential *e, const char *family, efla_table *table, efla_message *why) {
  efla_exponential_trial trial;
  efla_message reason;
  efla_status known = efla_exponential_know(e, &efla_oracles[truth_row], why);
  if (known != EFLA_OK && known != EFLA_UNTRUSTED) return known;
  for (const efla_oracle *oracle = efla_oracles; oracle->name; oracle++) {
    efla_status status = efla_exponential_try(e, oracle, &trial, &reason);
    if (status == EFLA_NOT_BUILT) continue;
    if (status != EFLA_OK) return *why = reason, status;
    put(table, family, e, oracle->name, &trial);
  }
  trial = efla_exponential_try_closed_form(e);
  put(table, family, e, "closed_form", &trial);
  return known;
}

/* x over the range in equal ratios, and a thousandth below every dk*10^j in it. */
static efla_status sweep(efla_exponential *e, const char *family, efla_table *table, efla_message *why) {
  double lambda = efla_lambda(e->x.dk, e->x.k), ratio = pow(10, 1. / (double)per_decade), edge = (double)e->x.dk;
  efla_status status = EFLA_OK;
  efla_message reason;
  while (edge > smallest) edge /= 10;
  for (double regular = smallest;
       (status == EFLA_OK || status == EFLA_UNTRUSTED) && (regular <= largest * 1.0001 || 0.999 * edge <= largest);) {
    double x = fmin(regular, 0.999 * edge);
    if (x == regular)
      regular *= ratio;
    else
      edge *= 10;
    if (x < smallest || x > largest * 1.0001) continue;
    e->x.beta[0] = x / lambda;
    efla_status known = study(e, family, table, &reason);
    if (known != EFLA_OK && (status == EFLA_OK || known != EFLA_UNTRUSTED)) status = known, *why = reason;
  }
  return status;
}

static efla_status run_one(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  (void)context;
  const efla_spec spec = spec_of(i);
  efla_exponential e;
  efla_source source;
  efla_status status = efla_source_init(&source, &spec, why);
  if (efla_exponential_init(&e, spec.dk, spec.dv) != EFLA_OK) status = efla_fail_memory(why);
  if (status == EFLA_OK) status = efla_source_next(&source, &e.x, why);
  if (status == EFLA_OK) {
    efla_keys_apply(&efla_key_treatments[1], &e.x); /* unit */
    for (size_t j = 0; j < spec.dv; j++) e.x.v[j] = 0;
    status = sweep(&e, spec.family->name, rows, why);
  }
  efla_progress_add(progress, 1);
  efla_source_clear(&source);
  efla_exponential_clear(&e);
  return status;
}

static efla_status check(const efla_cli *cli, efla_message *why) {
  seed = cli->seed;
  if (largest < smallest)
    return efla_fail(why, EFLA_USAGE,
                     "--smallest %g, --largest %g: no x is in that range, expected smallest <= largest", smallest,
                     largest);
  return efla_source_check_all(families.n * lengths.n, spec_of, 1, why);
}

static void remarks(FILE *header) {
  for (const efla_oracle *oracle = efla_oracles; oracle->name; oracle++)
    fprintf(header, "# oracle %s: %s\n", oracle->name, oracle->what);
  fprintf(header, "# oracle closed_form: closed form in f64 (EFLA)\n");
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  (void)cli;
  return efla_program_parallel(table, families.n * lengths.n, run_one, NULL, "sweeps", families.n * lengths.n, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "reference",
      .summary = "Accuracy and cost of the oracles for one matrix exponential, against certified truth.",
      .description = "inf and nan are results: that is what came out.  Where the truth refuses, the exit status is 1.",
      .options = options,
      .columns = columns,
      .run = run,
      .over_ranks = true,
      .check = check,
      .remarks = remarks};
  return efla_program_main(&program, argc, argv);
}
