/* SPDX-License-Identifier: GPL-3.0-or-later */
/* order: how fast does the error of a one-step method fall when the token is cut into substeps?
 *
 * Inputs    one token, and a row of tokens, with Gaussian keys, the same x = beta*lambda and a filled state.
 * Varies    the method, as coefficient (docs/derivations.md#e3) and, for one token, as textbook stages on the
 *           full state; the number of substeps, 1...4096.
 * Measures  relative error of the state against the oracles, observed order from halving to halving, time.
 * Expects   slopes 1, 2, 3, 4, 8 in h*lambda until rounding takes over near sqrt(n) u; the exact flow at
 *           rounding level for every n; error without bound for explicit methods beyond their limit.
 * Writes    one row per token count, method, form, oracle and number of substeps; orders also on stderr. */
#include "laboratory.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static size_t dk, dv, most_substeps;
static double step_x;
static efla_list methods, token_counts, truths;

static const efla_option options[] = {
    {"truth", "LIST", "gsl,longdouble", NULL, "oracles: the ground truth and further references", EFLA_NAMES, &truths,
     0, 0, efla_oracle_name},
    {"methods", "LIST", "all", NULL, "methods", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"dk", "N", "16", "8", "length of keys", EFLA_COUNT, &dk, 1, 4096, NULL},
    {"dv", "N", "16", "8", "length of values", EFLA_COUNT, &dv, 1, 4096, NULL},
    {"x", "X", "4", NULL, "beta*lambda of every token", EFLA_REAL, &step_x, 1e-6, 1e6, NULL},
    {"tokens", "LIST", "1,16", "1,4", "numbers of tokens", EFLA_COUNTS, &token_counts, 1, 1e6, NULL},
    {"substeps", "N", "4096", "256", "most substeps per token", EFLA_COUNT, &most_substeps, 1, 1 << 20, NULL},
    {.name = NULL},
};

typedef struct row {
  size_t tokens;
  const char *method, *form, *truth;
  size_t substeps;
  double h_lambda, error, floor, rounding, order, seconds;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, tokens, "", "number of tokens"),
    EFLA_COLUMN(row, method, "", "one-step method"),
    EFLA_COLUMN(row, form, "", "coefficient, or the tableau whose stages were computed"),
    EFLA_COLUMN(row, truth, "", "oracle against which the error is measured"),
    EFLA_COLUMN(row, substeps, "", "substeps per token, n"),
    EFLA_COLUMN(row, h_lambda, "", "substep times lambda, h*lambda = beta*lambda/n"),
    EFLA_COLUMN(row, error, "", "relative error of the state (Frobenius norm)"),
    EFLA_COLUMN(row, floor, "", "relative error of the oracle itself; below it nothing is said of the method"),
    EFLA_COLUMN(row, rounding, "", "rounding of n substeps, 4 sqrt(n) u; n those of all tokens"),
    EFLA_COLUMN(row, order, "", "observed order; from half as many substeps to these, nan where rounding rules"),
    EFLA_COLUMN(row, seconds, "s", "time for all tokens; shortest of 5 repeats"),
    EFLA_COLUMNS_END(row)};

typedef struct problem {
  const efla_method *method;
  const efla_tableau *tableau; /* NULL: by the method's coefficient */
  size_t n;                    /* substeps */
  efla_tokens x;
  efla_substeps substeps;
  efla_reference references[EFLA_LIST_MAX];
  efla_status status; /* of the last solution */
} problem;

static void solve(void *context) {
  problem *p = context;
  p->status = efla_substeps_solve(&p->substeps, p->method, p->tableau, &p->x, p->n);
}

/* One method, by its coefficient or by a tableau, with 1, 2, 4, ... substeps; the orders are printed as the last
 * reference sees them. */
static efla_status study(problem *p, const efla_method *method, const efla_tableau *tableau, efla_table *table) {
  size_t tokens = p->x.tokens;
  const char *form = tableau ? tableau->name : "coefficient";
  double previous[EFLA_LIST_MAX] = {0};
  p->method = method, p->tableau = tableau;
  fprintf(stderr, "%6zu  %-10s %-18s", tokens, method->name, form);
  for (p->n = 1; p->n <= most_substeps; p->n *= 2) {
    double seconds = efla_shortest_seconds(solve, p, 5, 5e-4);
    double rounding = 4 * sqrt((double)(p->n * tokens)) * DBL_EPSILON / 2;
    for (size_t i = 0; i < truths.n && p->status == EFLA_OK; i++) {
      efla_errors e = efla_reference_compare(&p->references[i], p->substeps.S, NULL);
      double order = p->n > 1 && e.state > 4 * fmax(e.state_floor, rounding) ? log2(previous[i] / e.state) : NAN;
      previous[i] = e.state;
      efla_table_put(table, &(row){tokens, method->name, form, p->references[i].oracle->name, p->n,
                                   step_x / (double)p->n, e.state, e.state_floor, rounding, order, seconds});
      if (i + 1 == truths.n && p->n > 1) fprintf(stderr, isfinite(order) ? " %5.2f" : "     .", order);
    }
  }
  fputc('\n', stderr);
  return p->status;
}

/* Tokens with x = step_x after a few that fill the state, and the truth about them. */
static efla_status prepare(problem *p, size_t tokens, size_t seed, efla_message *why) {
  efla_source source;
  efla_spec spec = efla_spec_default(efla_family_find("gaussian"));
  spec.dk = dk, spec.dv = dv, spec.seed = seed;
  efla_status status = efla_source_init(&source, &spec, why);
  if (status == EFLA_OK && efla_tokens_init(&p->x, tokens, dk, dv) != EFLA_OK) status = efla_fail_memory(why);
  if (status == EFLA_OK) status = efla_source_fill(&source, 2 * dk, p->substeps.start, why);
  if (status == EFLA_OK) status = efla_source_next(&source, &p->x, why);
  efla_source_clear(&source);
  for (size_t t = 0; t < p->x.tokens; t++) p->x.beta[t] = step_x / efla_lambda(dk, p->x.k + t * dk);
  for (size_t i = 0; i < truths.n && status == EFLA_OK; i++) {
    efla_reference_start(&p->references[i], p->substeps.start);
    status = efla_reference_advance(&p->references[i], &p->x);
    *why = p->references[i].why;
  }
  return status;
}

static efla_status study_all(problem *p, size_t seed, efla_table *table, efla_message *why) {
  efla_status status = EFLA_OK;
  fprintf(stderr, "Observed order from n/2 to n substeps, n = 2, 4, ... (. where rounding rules)\n");
  for (size_t i = 0; i < token_counts.n && status == EFLA_OK; i++) {
    status = prepare(p, token_counts.count[i], seed, why);
    for (size_t m = 0; m < methods.n && status == EFLA_OK; m++) {
      const efla_method *method = &efla_methods[methods.row[m]];
      status = study(p, method, NULL, table);
      for (const efla_tableau *t = efla_tableaux; t->name && p->x.tokens == 1 && status == EFLA_OK; t++)
        if (t->method && !strcmp(t->method, method->name)) status = study(p, method, t, table);
      if (status != EFLA_OK) efla_fail_memory(why);
    }
    efla_tokens_clear(&p->x);
  }
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  problem p = {.method = NULL};
  efla_status status = efla_substeps_init(&p.substeps, dk, dv);
  for (size_t i = 0; i < truths.n && status == EFLA_OK; i++)
    status = efla_reference_init(&p.references[i], &efla_oracles[truths.row[i]], dk, dv);
  status = status == EFLA_OK ? study_all(&p, cli->seed, table, why) : efla_fail_memory(why);
  for (size_t i = 0; i < truths.n; i++) efla_reference_clear(&p.references[i]);
  efla_substeps_clear(&p.substeps);
  return status;
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "order",
      .summary = "Observed order of one-step methods for the delta rule, and work against precision.",
      .description = "Tokens are cut into substeps, each of which is one step of the method.",
      .options = options,
      .columns = columns,
      .run = run};
  return efla_program_main(&program, argc, argv);
}
