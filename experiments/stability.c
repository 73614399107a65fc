/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stability: from which key norm on does each method blow up?
 *
 * Inputs    keys N(0, norm^2 I/dk) with beta = sigmoid(N(0,1)), raw or scaled to norm one; the same with a
 *           fraction of long keys; keys correlated from token to token.
 * Varies    method, key norm, x = beta*lambda, dk, fraction and size of the long keys, correlation.
 * Measures  growth rate gamma, the mean log growth per token of the product of transitions, predicted (law
 *           of growth.h) and measured on a stream with its 95 % interval; the norm at which gamma is zero.
 * Expects   thresholds near norm 1.8 for Euler, RK2, RK4 at dk = 32, lower for correlated keys or with a few
 *           long ones; none for A-stable methods, nor for Euler with unit keys and beta <= 1.
 * Writes    one row per point of each study: map, point, curve, threshold, phase, correlated. */
#include "laboratory.h"

#include <math.h>
#include <stdint.h>

static size_t tokens, d, seed;
static efla_list methods, lengths, correlations, norms, fractions, sizes;

static const efla_option options[] = {
    {"methods", "LIST", "all", NULL, "methods", EFLA_NAMES, &methods, 0, 0, efla_method_name},
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
  const char *study, *method, *keys;
  size_t dk;
  double norm, parameter, predicted, measured, low, high;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(
        row, study, "",
        "map: gamma over norm; curve: over x for unit keys; point: measured; threshold: norm where gamma is zero, over dk; "
        "phase: a fraction of long keys; correlated: threshold for correlated keys"),
    EFLA_COLUMN(row, method, "", "one-step method"),
    EFLA_COLUMN(row, keys, "", "keys raw or scaled to norm one (unit)"),
    EFLA_COLUMN(row, dk, "", "length of keys, dk"),
    EFLA_COLUMN(row, norm, "", "root mean square key norm; phase: of the long keys"),
    EFLA_COLUMN(row, parameter, "", "parameter of the study; curve: x; phase: fraction; correlated: rho"),
    EFLA_COLUMN(row, predicted, "", "predicted; thresholds are norms, all else gamma per token; inf: stable always"),
    EFLA_COLUMN(row, measured, "", "measured; nan: not of this study"),
    EFLA_COLUMN(row, low, "", "low end of the 95 % interval"),
    EFLA_COLUMN(row, high, "", "high end of the 95 % interval"),
    EFLA_COLUMNS_END(row)};

static efla_spec spec_of(const char *family, size_t dk, double norm) {
  efla_spec spec = efla_spec_default(efla_family_find(family));
  spec.dk = dk, spec.dv = 1, spec.norm = norm, spec.seed = seed;
  return spec;
}

/* gamma against norm and against x on fine grids. */
static efla_status predict(const efla_method *method, efla_table *rows, efla_message *why) {
  efla_stability_limit_law law;
  if (efla_stability_limit_law_init(&law, d) != EFLA_OK) return efla_fail_memory(why);
  for (int unit = 0; unit < 2; unit++)
    for (int i = 0; i <= 60; i++) {
      double norm = 0.5 * pow(2, i / 12.), gamma = efla_stability_limit_expected(&law, method, norm, unit);
      efla_table_put(rows, &(row){"map", method->name, unit ? "unit" : "raw", d, norm, NAN, gamma, NAN, NAN, NAN});
    }
  for (int i = 0; i <= 80; i++) {
    double x = 0.1 * pow(10, i / 32.), gamma = efla_growth_expected(&law.directions, efla_stability(method, x));
    efla_table_put(rows, &(row){"curve", method->name, "unit", d, NAN, x, gamma, NAN, NAN, NAN});
  }
  return EFLA_OK;
}

/* The keys of point i of a study that measures, and the columns that tell it from the others. */
static efla_spec point_keys(size_t i, row *r) {
  r->norm = norms.value[i];
  return spec_of("gaussian", d, r->norm);
}

static efla_spec phase_keys(size_t i, row *r) {
  efla_spec spec = spec_of("spikes", d, 1);
  spec.fraction = r->parameter = fractions.value[i / sizes.n];
  spec.size = r->norm = sizes.value[i % sizes.n];
  return spec;
}

static efla_spec threshold_keys(size_t i, row *r) { return r->dk = lengths.count[i], spec_of("gaussian", r->dk, 1); }

static efla_spec correlated_keys(size_t i, row *r) {
  efla_spec spec = spec_of("ar1", d, 1);
  spec.rho = r->parameter = correlations.value[i];
  return spec;
}

typedef efla_status measurement(const efla_method *method, const efla_spec *spec, size_t tokens,
                                efla_stability_point *point, efla_message *why);

static const struct study {
  const char *name;
  efla_spec (*keys)(size_t i, row *r);
  const efla_list *list, *other; /* points are their combinations */
  measurement *measure;
  bool all;       /* not explicit methods only */
  size_t longest; /* keys that are measured; longer ones: the law alone */
} studies[] = {{"point", point_keys, &norms, NULL, efla_stability_point_rate, true, SIZE_MAX},
               {"phase", phase_keys, &fractions, &sizes, efla_stability_point_rate, false, SIZE_MAX},
               {"threshold", threshold_keys, &lengths, NULL, efla_stability_point_threshold, true, 64},
               {"correlated", correlated_keys, &correlations, NULL, efla_stability_point_threshold, false, SIZE_MAX}};
enum { STUDIES = sizeof studies / sizeof *studies };

static efla_status study(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  (void)context;
  const struct study *s = &studies[i % STUDIES];
  const efla_method *method = &efla_methods[methods.row[i / STUDIES]];
  size_t points = !s->all && isinf(method->stable) ? 0 : s->list->n * (s->other ? s->other->n : 1);
  efla_status status = i % STUDIES == 0 ? predict(method, rows, why) : EFLA_OK;
  for (size_t n = 0; n < points && status == EFLA_OK; n++) {
    efla_stability_point p;
    row r = {.study = s->name, .method = method->name, .keys = "raw", .dk = d, .norm = NAN, .parameter = NAN};
    const efla_spec spec = s->keys(n, &r);
    status = s->measure(method, &spec, r.dk <= s->longest ? tokens : 0, &p, why);
    r.predicted = p.predicted, r.measured = p.measured.mean, r.low = p.measured.low, r.high = p.measured.high;
    efla_table_put(rows, &r);
  }
  efla_progress_add(progress, 1);
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  seed = cli->seed;
  return efla_program_parallel(table, STUDIES * methods.n, study, NULL, "studies", STUDIES * methods.n, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "stability",
      .summary = "Growth rates and limits of stability of the methods, predicted and measured.",
      .description = "gamma is the rate at which errors grow per token: below zero they fade, above zero they blow up.",
      .options = options,
      .columns = columns,
      .run = run};
  return efla_program_main(&program, argc, argv);
}
