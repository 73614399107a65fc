/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stability: from which key norm on does each method blow up?
 *
 * Inputs    keys N(0, norm^2 I/dk) with beta = sigmoid(N(0,1)), raw or scaled to norm one; the same with a
 *           fraction of long keys; keys correlated from token to token.
 * Varies    method, decay, key norm, x = beta*lambda, dk, fraction and size of the long keys, correlation.
 * Measures  growth rate gamma, the mean log growth per token of the product of transitions, predicted (law
 *           of growth.h) and measured on a stream with its 95 % interval; the norm at which gamma is zero.
 * Expects   thresholds near norm 1.8 for Euler, RK2, RK4 at dk = 32, lower for correlated keys or with a few
 *           long ones; none for A-stable methods, nor for Euler with unit keys and beta <= 1.
 * Writes    one row per point of each study: map, point, curve, threshold, phase, correlated. */
#include "laboratory.h"

#include <math.h>
#include <stdint.h>

static size_t tokens, d, seed;
static double rate;
static efla_list methods, decays, lengths, correlations, norms, fractions, sizes;
static const efla_list treatments = {.n = 2}, norm_grid = {.n = 61}, x_grid = {.n = 81}; /* of map and curve */

static const efla_option options[] = {
    {"methods", "LIST", "all", NULL, "methods", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"decay", "LIST", "none", NULL, "decays", EFLA_NAMES, &decays, 0, 0, efla_decay_name},
    {"rate", "R", "0.05", NULL, "their rate y per token", EFLA_REAL, &rate, 0, 1, NULL},
    {"tokens", "N", "20000", "2000", "length of a stream", EFLA_COUNT, &tokens, 100, 1e8, NULL},
    {"dk", "N", "32", NULL, "length of keys", EFLA_COUNT, &d, 2, 1024, NULL},
    {"lengths", "LIST", "4,8,16,32,64,128,256", "8,32", "lengths of keys for the thresholds", EFLA_COUNTS, &lengths, 2,
     1024, NULL},
    {"norms", "LIST", "0.5,1,1.5,1.75,2,2.5,3,4,6,8", "1,2,4", "key norms at which gamma is measured", EFLA_REALS,
     &norms, 1e-3, 100, NULL},
    {"rho", "LIST", "0,0.3,0.6,0.8,0.9,0.95,0.99", "0,0.9", "correlations of successive keys", EFLA_REALS,
     &correlations, 0, 0.9999, NULL},
    {"fractions", "LIST", "0.001,0.00178,0.00316,0.00562,0.01,0.0178,0.0316,0.0562,0.1,0.178,0.316", "0.01,0.1",
     "shares of long keys", EFLA_REALS, &fractions, 0, 1, NULL},
    {"sizes", "LIST", "1,1.41,2,2.83,4,5.66,8,11.3,16", "1,4,16", "norms of the long keys", EFLA_REALS, &sizes, 1e-3,
     1e3, NULL},
    {.name = NULL},
};

typedef struct row {
  const char *study, *method, *decay, *keys;
  size_t dk;
  double norm, rate, parameter;
  efla_stability_point at;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(
        row, study, "",
        "map: gamma over norm; curve: over x for unit keys; point: measured; threshold: norm where gamma is zero, over dk; "
        "phase: a fraction of long keys; correlated: threshold for correlated keys"),
    EFLA_COLUMN(row, method, "", "one-step method"),
    EFLA_COLUMN(row, decay, "", "decay"),
    EFLA_COLUMN(row, keys, "", "keys raw or scaled to norm one (unit)"),
    EFLA_COLUMN(row, dk, "", "length of keys, dk"),
    EFLA_COLUMN(row, norm, "", "root mean square key norm; phase: of the long keys"),
    EFLA_COLUMN(row, rate, "per token", "decay rate y"),
    EFLA_COLUMN(row, parameter, "", "parameter of the study; curve: x; phase: fraction; correlated: rho"),
    EFLA_COLUMN_NAMED("predicted", row, at.predicted, "",
                      "predicted; thresholds are norms, all else gamma per token; inf: stable always"),
    EFLA_COLUMN_NAMED("measured", row, at.measured.mean, "", "measured; nan: not of this study"),
    EFLA_COLUMN_NAMED("low", row, at.measured.low, "", "low end of the 95 % interval"),
    EFLA_COLUMN_NAMED("high", row, at.measured.high, "", "high end of the 95 % interval"),
    EFLA_COLUMNS_END(row)};

/* The keys of point i of a study, other than those of its family, and the columns that tell it from the others. */
static void map_keys(size_t i, row *r, efla_spec *spec) {
  r->keys = i / norm_grid.n ? "unit" : "raw";
  r->norm = spec->norm = 0.5 * pow(2, (double)(i % norm_grid.n) / 12);
}

static void curve_keys(size_t i, row *r, efla_spec *spec) {
  r->keys = "unit", r->parameter = spec->beta = 0.1 * pow(10, (double)i / 32);
}

static void point_keys(size_t i, row *r, efla_spec *spec) { r->norm = spec->norm = norms.value[i]; }

static void phase_keys(size_t i, row *r, efla_spec *spec) {
  r->parameter = spec->fraction = fractions.value[i / sizes.n];
  r->norm = spec->size = sizes.value[i % sizes.n];
}

static void threshold_keys(size_t i, row *r, efla_spec *spec) { r->dk = spec->dk = lengths.count[i]; }

static void correlated_keys(size_t i, row *r, efla_spec *spec) { r->parameter = spec->rho = correlations.value[i]; }

static const struct study {
  const char *name, *family;
  void (*keys)(size_t i, row *r, efla_spec *spec);
  const efla_list *list, *other; /* points are their combinations */
  efla_stability_sought sought;
  bool all;       /* not explicit methods only */
  size_t longest; /* keys that are measured; longer ones: the law alone */
} studies[] = {{"map", "gaussian", map_keys, &treatments, &norm_grid, EFLA_STABILITY_RATE, true, 0},
               {"curve", "gaussian", curve_keys, &x_grid, NULL, EFLA_STABILITY_RATE, true, 0},
               {"point", "gaussian", point_keys, &norms, NULL, EFLA_STABILITY_RATE, true, SIZE_MAX},
               {"phase", "spikes", phase_keys, &fractions, &sizes, EFLA_STABILITY_RATE, false, SIZE_MAX},
               {"threshold", "gaussian", threshold_keys, &lengths, NULL, EFLA_STABILITY_NORM, true, 64},
               {"correlated", "ar1", correlated_keys, &correlations, NULL, EFLA_STABILITY_NORM, false, SIZE_MAX}};
enum { STUDIES = sizeof studies / sizeof *studies };

static efla_status study(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  (void)context;
  const struct study *s = &studies[i % STUDIES];
  efla_rule rule = {.method = &efla_methods[methods.row[i / STUDIES / decays.n]],
                    .decay = &efla_decays[decays.row[i / STUDIES % decays.n]]};
  size_t points = !s->all && isinf(rule.method->stable) ? 0 : s->list->n * (s->other ? s->other->n : 1);
  efla_status status = EFLA_OK;
  for (size_t n = 0; n < points && status == EFLA_OK; n++) {
    row r = {.study = s->name, .method = rule.method->name, .decay = rule.decay->name, .keys = "raw", .dk = d};
    r.norm = r.parameter = NAN, r.rate = rule.decay->gated ? rate : 0;
    efla_spec spec = efla_spec_default(efla_family_find(s->family));
    spec.dk = d, spec.dv = 1, spec.seed = seed;
    s->keys(n, &r, &spec);
    rule.keys = efla_key_treatment_find(r.keys);
    status = efla_stability_point_find(&rule, rate, &spec, s->sought, r.dk <= s->longest ? tokens : 0, &r.at, why);
    efla_table_put(rows, &r);
  }
  efla_progress_add(progress, 1);
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  seed = cli->seed;
  return efla_program_parallel(table, STUDIES * methods.n * decays.n, study, NULL, "studies",
                               STUDIES * methods.n * decays.n, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "stability",
      .summary = "Growth rates and limits of stability of the methods, predicted and measured.",
      .description = "gamma is the rate at which errors grow per token: below zero they fade, above zero they blow up.",
      .options = options,
      .columns = columns,
      .run = run,
      .over_ranks = true};
  return efla_program_main(&program, argc, argv);
}
