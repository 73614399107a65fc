/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reference: how far can each ground truth be trusted?
 *
 * Inputs    one token, |k| = 1, v = 0, and the first columns of the identity as state, so that the new state holds
 *           those of E = exp(-x k k^T); Gaussian and flat keys.
 * Varies    x = beta*lambda over 1e-8...1e6, with extra points just below x = dk*10^j, where GSL's table of Taylor
 *           degrees changes for flat keys; dk; the oracle, and beside them the closed form in f64.
 * Measures  relative error of those columns (Frobenius) against certified truth, relative error of the coefficient that
 * one
 *           would read off them, what the oracle itself says of its error, and the time.
 * Expects   the closed form within a few u everywhere; expm1 squaring within (2dk+16) u max(1,x); GSL good for Gaussian
 *           keys and wrong by many orders of magnitude, or nan, for flat ones; u/x in any coefficient read off E.
 * Writes    one row per key family, dk, x and oracle. */
#include "laboratory.h"

#include <math.h>
#include <stdlib.h>

enum { COLUMNS = 16 }; /* of E: enough to see its error, few enough for odeiv */

static efla_list families, lengths;
static size_t truth_row, per_decade;
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
/* One point: the token, its key known to be that of x, and the truth about it. */
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
    EFLA_COLUMN(row, dk, "", "length of the key"),
    EFLA_COLUMN(row, x, "", "x = beta*lambda"),
    EFLA_COLUMN(row, oracle, "", "oracle; closed_form: the exact coefficient in f64"),
    EFLA_COLUMN(row, error, "", "relative error of exp(-x k k^T); Frobenius norm; nan where the truth refuses"),
    EFLA_COLUMN(row, coefficient_error, "", "relative error of the coefficient a; read off the exponential"),
    EFLA_COLUMN(row, claimed, "", "error that the oracle itself claims"),
    EFLA_COLUMN(row, floor, "", "error of the truth; of its own"),
    EFLA_COLUMN(row, verdict, "", "vouched or refused"),
    EFLA_COLUMN(row, seconds, "s", "time of a call"),
    EFLA_COLUMNS_END(row)};

typedef struct point {
  efla_tokens x;
  long double *S, *truth; /* (dk, dv), dv columns of E */
  double *S64, norm, floor;
  long double coefficient;
} point;

static void identity(const point *p, long double *S) {
  for (size_t e = 0; e < p->x.dk * p->x.dv; e++) S[e] = e / p->x.dv == e % p->x.dv;
}

/* 1 - E_jj = a k_j^2, summed over the columns that are there. */
static long double read_coefficient(const point *p, const long double *E) {
  long double lost = 0, squares = 0;
  for (size_t j = 0; j < p->x.dv; j++) {
    lost += 1 - E[j * p->x.dv + j];
    squares += (long double)p->x.k[j] * p->x.k[j];
  }
  return lost / squares;
}

static void write_row(const point *p, efla_table *table, const char *family, const char *oracle, double claimed,
                      const char *verdict, double seconds) {
  size_t n = p->x.dk * p->x.dv;
  long double sum = 0;
  for (size_t e = 0; e < n; e++) sum += (p->S[e] - p->truth[e]) * (p->S[e] - p->truth[e]);
  double error = (double)sqrtl(sum) / p->norm,
         coefficient_error = (double)fabsl(read_coefficient(p, p->S) / p->coefficient - 1);
  efla_table_put(table, &(row){family, p->x.dk, efla_token_x(&p->x, 0), oracle, error, coefficient_error, claimed,
                               p->floor, verdict, seconds});
}

/* Returns EFLA_UNTRUSTED where there is no truth about this point: errors are nan then. */
static efla_status study(point *p, const char *family, efla_table *table, efla_message *why) {
  size_t dk = p->x.dk, n = dk * p->x.dv;
  efla_status status, known;
  efla_message unsaid;
  p->floor = 0;
  identity(p, p->truth);
  known = efla_oracle_advance(&efla_oracles[truth_row], &p->x, p->truth, &p->floor, why);
  if (known != EFLA_OK && known != EFLA_UNTRUSTED) return known;
  p->norm = efla_norm(n, p->truth);
  p->floor /= p->norm;
  long double lambda = 0;
  for (size_t i = 0; i < dk; i++) lambda += (long double)p->x.k[i] * p->x.k[i];
  p->coefficient = -expm1l(-p->x.beta[0] * lambda) / lambda;

  for (const efla_oracle *oracle = efla_oracles; oracle->name; oracle++) {
    double claimed = NAN, seconds = NAN;
    size_t calls = 0;
    status = EFLA_OK;
    bool admitted = efla_oracle_admits(oracle, &p->x, &unsaid) == EFLA_OK;
    for (size_t e = 0; e < n && !admitted; e++) p->S[e] = NAN;
    for (double start = efla_seconds(); admitted && !(seconds > 1e-3); calls++) {
      identity(p, p->S);
      status = efla_oracle_raw(oracle, &p->x, p->S, &claimed, &unsaid);
      if (status != EFLA_OK) break;
      seconds = efla_seconds() - start;
    }
    if (status == EFLA_NOT_BUILT) continue;
    if (status == EFLA_NO_MEMORY) return *why = unsaid, status;
    bool vouched = admitted && status == EFLA_OK && efla_oracle_vouches(oracle, n, p->S, claimed);
    write_row(p, table, family, oracle->name, claimed / p->norm, vouched ? "vouched" : "refused",
              seconds / (double)calls);
  }
  return known;
}

static void study_closed_form(point *p, const char *family, efla_table *table) {
  size_t dk = p->x.dk, dv = p->x.dv, calls = 0;
  double seconds, start = efla_seconds(), coefficient;
  do {
    for (size_t e = 0; e < dk * dv; e++) p->S64[e] = e / dv == e % dv;
    efla_token_coefficients(efla_method_find("exact"), &p->x, &coefficient);
    efla_recurrence_f64(1, dk, dv, NULL, p->x.k, p->x.v, &coefficient, p->S64, NULL);
    calls++;
  } while ((seconds = efla_seconds() - start) < 1e-3);
  for (size_t e = 0; e < dk * dv; e++) p->S[e] = p->S64[e];
  write_row(p, table, family, "closed_form", NAN, "vouched", seconds / (double)calls);
}

static efla_spec spec_of(const efla_family *family, size_t dk, size_t seed) {
  efla_spec spec = efla_spec_default(family);
  spec.dk = dk, spec.dv = dk < COLUMNS ? dk : COLUMNS, spec.seed = seed;
  return spec;
}

/* x over the range in equal ratios, and a thousandth below every dk*10^j in it. */
static efla_status sweep(point *p, const efla_family *family, size_t seed, efla_table *table, efla_message *why) {
  size_t dk = p->x.dk, dv = p->x.dv;
  const efla_spec spec = spec_of(family, dk, seed);
  efla_source source;
  efla_status status = efla_source_init(&source, &spec, why);
  if (status == EFLA_OK) status = efla_source_next(&source, &p->x, why);
  efla_source_clear(&source);
  efla_keys_apply(&efla_key_treatments[1], &p->x); /* unit */
  for (size_t j = 0; j < dv; j++) p->x.v[j] = 0;
  double lambda = efla_lambda(dk, p->x.k), ratio = pow(10, 1. / (double)per_decade), edge = (double)dk;
  while (edge > smallest) edge /= 10;
  efla_message reason;
  for (double regular = smallest;
       (status == EFLA_OK || status == EFLA_UNTRUSTED) && (regular <= largest * 1.0001 || 0.999 * edge <= largest);) {
    double x = fmin(regular, 0.999 * edge);
    if (x == regular)
      regular *= ratio;
    else
      edge *= 10;
    if (x < smallest || x > largest * 1.0001) continue;
    p->x.beta[0] = x / lambda;
    efla_status known = study(p, family->name, table, &reason);
    if (known == EFLA_OK || known == EFLA_UNTRUSTED) study_closed_form(p, family->name, table);
    if (known != EFLA_OK && (status == EFLA_OK || known != EFLA_UNTRUSTED)) status = known, *why = reason;
  }
  return status;
}

static size_t seed;

static efla_status run_one(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  (void)context;
  const efla_family *family = &efla_families[families.row[i / lengths.n]];
  size_t dk = lengths.count[i % lengths.n], dv = dk < COLUMNS ? dk : COLUMNS, n = dk * dv;
  point p = {.S = calloc(2 * n, sizeof *p.S), .S64 = calloc(n, sizeof *p.S64)};
  p.truth = p.S + n;
  efla_status status = efla_tokens_init(&p.x, 1, dk, dv);
  if (status != EFLA_OK || !p.S || !p.S64)
    status = efla_fail_memory(why);
  else
    status = sweep(&p, family, seed, rows, why);
  efla_progress_add(progress, 1);
  efla_tokens_clear(&p.x);
  free(p.S);
  free(p.S64);
  return status;
}

static efla_status check(const efla_cli *cli, efla_message *why) {
  if (largest < smallest)
    return efla_fail(why, EFLA_USAGE,
                     "--smallest %g, --largest %g: no x is in that range, expected smallest <= largest", smallest,
                     largest);
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < families.n * lengths.n && status == EFLA_OK; i++) {
    const efla_spec spec =
        spec_of(&efla_families[families.row[i / lengths.n]], lengths.count[i % lengths.n], cli->seed);
    status = efla_source_check(&spec, 1, why);
  }
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  size_t n = families.n * lengths.n;
  seed = cli->seed;
  return efla_program_parallel(table, n, run_one, NULL, "sweeps", n, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "reference",
      .summary = "Accuracy and cost of the oracles for one matrix exponential, against certified truth.",
      .description = "inf and nan are results: that is what came out.  Where the truth refuses, the exit status is 1.",
      .options = options,
      .columns = columns,
      .run = run,
      .check = check};
  return efla_program_main(&program, argc, argv);
}
