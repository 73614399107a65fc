/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stability: from which key norm on does each method blow up?
 *
 * Inputs    keys N(0, norm^2 I/dk) with beta = sigmoid(N(0,1)), raw or scaled to norm one; the same with a fraction of
 * long keys;
 *           keys correlated from token to token.
 * Varies    method, key norm, x = beta*lambda, dk, fraction and size of the long keys, correlation. Measures  growth
 * rate gamma, the mean log growth per token of the product of transitions: predicted by the law for random
 *           directions (growth.h) with the distribution of x, and measured on a stream, with 95 % intervals from batch means; the
 *           norm at which gamma is zero.
 * Expects   thresholds near norm 1.8 for Euler, RK2 and RK4 at dk = 32; none for exact, implicit and other A-stable
 * methods, nor for
 *           Euler with unit keys and beta <= 1; correlation lowers the threshold; a few long keys suffice.
 * Writes    one row per point of each study: map, point, curve, threshold, phase, correlated. */
#include "laboratory.h"

#include <math.h>

static size_t tokens, d, seed;
static efla_list methods, lengths, correlations, norms, fractions, sizes;

static const efla_option options[] = {
    {"methods", "LIST", "all", NULL, "methods", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"tokens", "N", "20000", "2000", "length of a stream", EFLA_COUNT, &tokens, 100, 1e8, NULL},
    {"dk", "N", "32", NULL, "length of keys", EFLA_COUNT, &d, 2, 1024, NULL},
    {"lengths", "LIST", "4,8,16,32,64,128,256", "8,32", "lengths of keys for the thresholds", EFLA_COUNTS, &lengths, 2,
     300, NULL},
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

typedef struct stability_row {
  const char *study, *method, *keys;
  size_t dk;
  double norm, parameter, predicted, measured, low, high;
} stability_row;

static const efla_column columns[] = {
    EFLA_COLUMN(
        stability_row, study, "",
        "map: gamma over norm; curve: over x for unit keys; point: measured; threshold: norm where gamma is zero, over dk; "
        "phase: a fraction of long keys; correlated: threshold for correlated keys"),
    EFLA_COLUMN(stability_row, method, "", "one-step method"),
    EFLA_COLUMN(stability_row, keys, "", "keys raw or scaled to norm one (unit)"),
    EFLA_COLUMN(stability_row, dk, "", "length of keys"),
    EFLA_COLUMN(stability_row, norm, "", "key norm; phase: of the long ones"),
    EFLA_COLUMN(stability_row, parameter, "", "parameter of the study; curve: x; phase: fraction; correlated: rho"),
    EFLA_COLUMN(stability_row, predicted, "",
                "predicted; thresholds are norms, all else gamma per token; inf: stable always"),
    EFLA_COLUMN(stability_row, measured, "", "measured; nan: not of this study"),
    EFLA_COLUMN(stability_row, low, "", "low end of the 95 % interval"),
    EFLA_COLUMN(stability_row, high, "", "high end of the 95 % interval"),
    EFLA_COLUMNS_END(stability_row)};

static efla_spec spec_of(const char *family, size_t dk, double norm) {
  efla_spec spec = efla_spec_default(efla_family_find(family));
  spec.dk = dk, spec.dv = 1, spec.norm = norm, spec.seed = seed;
  return spec;
}

static void row(efla_table *rows, const char *study, const efla_method *method, const char *keys, size_t dk,
                double norm, double parameter, double predicted, efla_interval measured) {
  efla_table_put(rows, &(stability_row){study, method->name, keys, dk, norm, parameter, predicted, measured.mean,
                                        measured.low, measured.high});
}

static const efla_interval nothing = {NAN, NAN, NAN};

/* gamma against norm and against x: predicted on fine grids, measured at the norms asked for. */
static efla_status study_rates(const efla_stability_limit_law *law, const efla_method *method, efla_table *rows,
                               efla_message *why) {
  efla_status status = EFLA_OK;
  for (int unit = 0; unit < 2; unit++)
    for (int i = 0; i <= 60; i++) {
      double norm = 0.5 * pow(2, i / 12.);
      row(rows, "map", method, unit ? "unit" : "raw", d, norm, NAN,
          efla_stability_limit_expected(law, method, norm, unit), nothing);
    }
  for (int i = 0; i <= 80; i++) {
    double x = 0.1 * pow(10, i / 32.);
    row(rows, "curve", method, "unit", d, NAN, x, efla_growth_expected(&law->directions, efla_stability(method, x)),
        nothing);
  }
  for (size_t i = 0; i < norms.n && status == EFLA_OK; i++) {
    efla_spec spec = spec_of("gaussian", d, norms.value[i]);
    efla_interval gamma;
    status = efla_stability_limit_measure(method, &spec, tokens, &gamma, why);
    row(rows, "point", method, "raw", d, spec.norm, NAN, efla_stability_limit_expected(law, method, spec.norm, false),
        gamma);
  }
  return status;
}

/* Only a fraction of the tokens, of the norms given, among tokens of norm one: parameter is the fraction. */
static efla_status study_phase(const efla_stability_limit_law *law, const efla_method *method, efla_table *rows,
                               efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t f = 0; f < fractions.n; f++)
    for (size_t s = 0; s < sizes.n && status == EFLA_OK; s++) {
      efla_spec spec = spec_of("spikes", d, 1);
      efla_interval gamma;
      spec.fraction = fractions.value[f], spec.size = sizes.value[s];
      double rare = efla_stability_limit_expected(law, method, spec.size, false),
             rest = efla_stability_limit_expected(law, method, 1, false);
      status = efla_stability_limit_measure(method, &spec, tokens, &gamma, why);
      row(rows, "phase", method, "raw", d, spec.size, spec.fraction, spec.fraction * rare + (1 - spec.fraction) * rest,
          gamma);
    }
  return status;
}

static efla_status study_correlated(const efla_method *method, efla_table *rows, efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t r = 0; r < correlations.n && status == EFLA_OK; r++) {
    efla_spec spec = spec_of("ar1", d, 1);
    efla_interval norm;
    spec.rho = correlations.value[r];
    status = efla_stability_limit_measure_threshold(method, spec, tokens, &norm, why);
    row(rows, "correlated", method, "raw", d, NAN, spec.rho, NAN, norm);
  }
  return status;
}

static efla_status study_thresholds(const efla_method *method, efla_table *rows, efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < lengths.n && status == EFLA_OK; i++) {
    efla_stability_limit_law law;
    size_t dk = lengths.count[i];
    efla_interval norm = nothing;
    status = efla_stability_limit_law_init(&law, dk);
    if (status == EFLA_OK && dk <= 64)
      status = efla_stability_limit_measure_threshold(method, spec_of("gaussian", dk, 1), tokens, &norm,
                                                      why); /* longer: the law alone */
    if (status == EFLA_OK)
      row(rows, "threshold", method, "raw", dk, NAN, NAN, efla_stability_limit_expected_threshold(&law, method), norm);
  }
  return status;
}

static efla_status study(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  const efla_stability_limit_law *law = context;
  const efla_method *method = &efla_methods[methods.row[i / 4]];
  bool explicit_method = isfinite(method->stable);
  efla_status status = EFLA_OK;
  if (i % 4 == 0) status = study_rates(law, method, rows, why);
  if (i % 4 == 1 && explicit_method) status = study_phase(law, method, rows, why);
  if (i % 4 == 2) status = study_thresholds(method, rows, why);
  if (i % 4 == 3 && explicit_method) status = study_correlated(method, rows, why);
  efla_progress_add(progress, 1);
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  efla_stability_limit_law law;
  seed = cli->seed;
  efla_status status = efla_stability_limit_law_init(&law, d);
  return status == EFLA_OK ? efla_program_parallel(table, 4 * methods.n, study, &law, "studies", 4 * methods.n, why)
                           : status;
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
