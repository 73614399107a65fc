/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stability_plane: how far does a decay move the limits of a method?
 *
 * Inputs    one token of x = beta*lambda with the decay rate y; streams of unit keys, one repeated or of random
 *           direction, that have the same x and y at every token.
 * Varies    the method, the decay, y and x.
 * Measures  the factors d across and d - e lambda along the key of one step: whether it is bounded, contracting, monotone;
 *           the x at which the growth rate gamma of a stream is zero, predicted (one key: where the step ceases to be
 *           bounded; random keys: law of growth.h) and measured with its 95 % interval.
 * Expects   with one key Euler's limit of 2 at 1 + e^y where the decay comes before the step, at 2 - y within it; with
 *           random keys beyond 2 either way; no limit for the exact flow (docs/derivations.md#e7).
 * Writes    one row per point of the plane; per method, decay and y one row of each limit, and where it is measured. */
#include "laboratory.h"

#include <math.h>
#include <string.h>

static size_t tokens, d, per_unit, seed;
static double most_y, most_x;
static efla_list methods, decays, rates;

static const efla_option options[] = {
    {"methods", "LIST", "all", NULL, "methods", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"decay", "LIST", "split,joint,retention", NULL, "decays", EFLA_NAMES, &decays, 0, 0, efla_decay_name},
    {"rates", "LIST", "0.02,0.1,0.5,1.5", "0.1", "decay rates y at which limits are measured", EFLA_REALS, &rates, 0,
     10, NULL},
    {"most-y", "R", "3", NULL, "largest decay rate of the plane (retention: 1)", EFLA_REAL, &most_y, 0, 10, NULL},
    {"most-x", "X", "6", NULL, "largest x of the plane", EFLA_REAL, &most_x, 0, 100, NULL},
    {"per-unit", "N", "8", "4", "points of the plane per unit of x and of y; of limits per unit of y: 4 times",
     EFLA_COUNT, &per_unit, 1, 100, NULL},
    {"tokens", "N", "20000", "2000", "length of a stream", EFLA_COUNT, &tokens, 100, 1e8, NULL},
    {"dk", "N", "32", "16", "length of keys", EFLA_COUNT, &d, 2, 1024, NULL},
    {.name = NULL},
};

typedef struct row {
  const char *study, *method, *decay;
  double rate, x, across, along;
  size_t bounded, contracting, monotone;
  const char *limit;
  efla_stability_point at;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, study, "", "plane: one step; limit: x at which something ends; stream: the same beside streams"),
    EFLA_COLUMN(row, method, "", "one-step method"),
    EFLA_COLUMN(row, decay, "", "decay"),
    EFLA_COLUMN(row, rate, "per token", "decay rate y"),
    EFLA_COLUMN(row, x, "", "x = beta*lambda; of one step"),
    EFLA_COLUMN(row, across, "", "factor d; across the key"),
    EFLA_COLUMN(row, along, "", "factor d - e lambda; along the key"),
    EFLA_COLUMN(row, bounded, "", "1: neither factor is above 1 in size"),
    EFLA_COLUMN(row, contracting, "", "1: both factors are below 1 in size"),
    EFLA_COLUMN(row, monotone, "", "1: neither factor is negative"),
    EFLA_COLUMN(row, limit, "",
                "what ends at the limit; monotone: of a step; one: a stream of one key is bounded; random: of keys of "
                "random direction"),
    EFLA_COLUMN_NAMED("predicted", row, at.predicted, "", "limit, predicted; inf: none, 0: nothing is bounded"),
    EFLA_COLUMN_NAMED("measured", row, at.measured.mean, "", "limit, measured; nan: not measured"),
    EFLA_COLUMN_NAMED("low", row, at.measured.low, "", "low end of the 95 % interval"),
    EFLA_COLUMN_NAMED("high", row, at.measured.high, "", "high end of the 95 % interval"),
    EFLA_COLUMNS_END(row)};

enum { LIMITS_PER_POINT = 4 }; /* of the plane along y */
static const efla_stability_point unknown = {NAN, {NAN, NAN, NAN}};

/* The argument of retention, which is at least 0, ends the rates that it can have. */
static bool possible(const efla_decay *decay, double y) {
  return decay->gated ? strcmp(decay->argument, "alpha") != 0 || y <= 1 : y == 0;
}

static void plane(const efla_rule *rule, double y, efla_table *table) {
  for (size_t i = 0; (double)i <= most_x * (double)per_unit; i++) {
    const double x = (double)i / (double)per_unit;
    const efla_step_factors f = efla_step_factors_of(rule, y, x);
    efla_table_put(table, &(row){"plane", rule->method->name, rule->decay->name, y, x, f.across, f.along, f.bounded,
                                 f.contracting, f.monotone, "", unknown});
  }
}

/* All limits at one rate; streams: of so many tokens, 0: none. */
static efla_status limits(efla_rule rule, double y, size_t streams, efla_table *table, efla_message *why) {
  row r = {streams ? "stream" : "limit",
           rule.method->name,
           rule.decay->name,
           y,
           NAN,
           NAN,
           NAN,
           0,
           0,
           0,
           "monotone",
           unknown};
  efla_spec random = efla_spec_default(efla_family_find("gaussian")), one = efla_spec_default(efla_family_find("cone"));
  random.dk = one.dk = d, random.dv = one.dv = 1, random.seed = one.seed = seed, one.rho = 1;
  r.at.predicted = efla_step_monotone_limit(&rule, y);
  efla_table_put(table, &r);
  rule.keys = efla_key_treatment_find("unit");
  r.limit = "one";
  efla_status status = efla_stability_point_find(&rule, y, &one, EFLA_STABILITY_STEP, streams, &r.at, why);
  r.at.predicted = efla_step_bounded_limit(&rule, y);
  efla_table_put(table, &r);
  r.limit = "random";
  if (status == EFLA_OK)
    status = efla_stability_point_find(&rule, y, &random, EFLA_STABILITY_STEP, streams, &r.at, why);
  efla_table_put(table, &r);
  return status;
}

static const efla_list *const factors[] = {&methods, &decays, NULL};

static efla_status study(void *context, size_t i, efla_table *table, efla_progress *progress, efla_message *why) {
  (void)context;
  size_t at[2];
  efla_sweep_at(factors, i, at);
  const efla_rule rule = {.method = &efla_methods[methods.row[at[0]]], .decay = &efla_decays[decays.row[at[1]]]};
  const double fine = LIMITS_PER_POINT * (double)per_unit;
  efla_status status = EFLA_OK;
  for (size_t n = 0; (double)n <= most_y * fine && possible(rule.decay, (double)n / fine) && status == EFLA_OK; n++) {
    if (n % LIMITS_PER_POINT == 0) plane(&rule, (double)n / fine, table);
    status = limits(rule, (double)n / fine, 0, table, why);
  }
  for (size_t n = 0; n < rates.n && status == EFLA_OK; n++)
    if (possible(rule.decay, rates.value[n])) status = limits(rule, rates.value[n], tokens, table, why);
  efla_progress_add(progress, 1);
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  const size_t n = efla_sweep_size(factors);
  seed = cli->seed;
  return efla_program_parallel(table, n, study, NULL, "rules", n, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "stability_plane",
      .summary = "Where in the plane of x = beta*lambda and decay rate a step is bounded, and where a stream is.",
      .description = "Cells that are not of a study are nan, 0 or empty.",
      .options = options,
      .columns = columns,
      .run = run,
      .over_ranks = true};
  return efla_program_main(&program, argc, argv);
}
