/* SPDX-License-Identifier: GPL-3.0-or-later */
/* coefficient: how accurately is the coefficient computed, and how much does each method let a token erase?
 *
 * Inputs    beta and lambda with random mantissas, log-uniform: x = beta*lambda over 1e-300...1e4, lambda over
 *           1e-12...1e4.
 * Varies    the form in which the exact coefficient (1 - e^-x)/lambda is written, f64 and f32; for the erase,
 *           the method.
 * Measures  largest and mean error in ulps against x, largest relative error against lambda; the share a*lambda
 *           = 1 - R(-x) of the old association that one token erases, against x.
 * Expects   two or three ulps for expm1 and phi everywhere; all digits lost below x = u for 1 - exp; up to 50 %
 *           for the clamped form at lambda <= 1e-6; erase up to 1 for exact and implicit, at most 1/2 for RK2
 *           and .73 for RK4.
 * Writes    one row per form, precision and bin of x or lambda, and per method and x.
 *
 * Truth is the coefficient in long double from the same beta and lambda: the product, expm1 and the division err by
 * 2^-64 each (expm1 by one ulp), the condition of either is at most 1, so truth is within 2^-62 or .003 ulp of f64. */
#include "laboratory.h"

#include <float.h>
#include <gsl/gsl_rng.h>
#include <math.h>

static size_t samples, per_decade;
static efla_list methods;

static const efla_option options[] = {
    {"methods", "LIST", "all", NULL, "methods whose erase is shown", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"samples", "N", "4000", "200", "pairs of beta and lambda per bin", EFLA_COUNT, &samples, 1, 1e9, NULL},
    {"per-decade", "N", "4", "1", "bins per decade of lambda and points per decade of the erase", EFLA_COUNT,
     &per_decade, 1, 1000, NULL},
    {.name = NULL},
};

typedef struct row {
  const char *study, *name, *precision;
  double start, ulps, mean_ulps, relative_error, erase;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, study, "", "x or lambda, for bins of that quantity; or erase"),
    EFLA_COLUMN(row, name, "", "form of the coefficient; for the erase the method"),
    EFLA_COLUMN(row, precision, "", "number format"),
    EFLA_COLUMN(row, start, "", "x = beta*lambda; or, in the study of that name, lambda; where the bin starts"),
    EFLA_COLUMN(row, ulps, "ulp", "largest error; nan for the erase"),
    EFLA_COLUMN(row, mean_ulps, "ulp", "mean error; nan for the erase"),
    EFLA_COLUMN(row, relative_error, "", "largest relative error; nan for the erase"),
    EFLA_COLUMN(row, erase, "", "share that one token erases, a*lambda = 1 - R(-x); nan for bins"),
    EFLA_COLUMNS_END(row)};

static double naive(double beta, double lambda) { return (1 - exp(-beta * lambda)) / lambda; }
static double by_expm1(double beta, double lambda) { return -expm1(-beta * lambda) / lambda; }
static double by_phi(double beta, double lambda) { return efla_coefficient(efla_method_find("exact"), beta, lambda); }
/* The released code keeps lambda from zero twice; with expm1 here, so that only the clamping is seen. */
static double clamped(double beta, double lambda) {
  return -expm1(-beta * fmax(lambda, 1e-6)) / (fmax(lambda, 1e-6) + 1e-6);
}

static float naive_f32(float beta, float lambda) { return (1 - expf(-beta * lambda)) / lambda; }
static float by_expm1_f32(float beta, float lambda) { return -expm1f(-beta * lambda) / lambda; }
static float by_phi_f32(float beta, float lambda) { return beta * (-expm1f(-beta * lambda) / (beta * lambda)); }
static float clamped_f32(float beta, float lambda) {
  return -expm1f(-beta * fmaxf(lambda, 1e-6f)) / (fmaxf(lambda, 1e-6f) + 1e-6f);
}

static const struct form {
  const char *name;
  double (*f64)(double beta, double lambda);
  float (*f32)(float beta, float lambda);
} forms[] = {{"naive", naive, naive_f32},
             {"expm1", by_expm1, by_expm1_f32},
             {"phi", by_phi, by_phi_f32},
             {"clamped", clamped, clamped_f32}};

typedef struct errors {
  double worst, mean, relative;
} errors;

static double log_uniform(gsl_rng *draw, double least, double most) {
  return least * pow(most / least, gsl_rng_uniform(draw));
}

/* One sample of a form in a precision; false where beta, lambda or x is no normal number there. */
static bool measure(const struct form *form, bool f32, double beta, double lambda, errors *e) {
  double least = f32 ? FLT_MIN : DBL_MIN, most = f32 ? FLT_MAX : DBL_MAX;
  if (f32) beta = (double)(float)beta, lambda = (double)(float)lambda;
  if (beta < least || beta > most || beta * lambda < least) return false;
  long double truth = -expm1l(-(long double)beta * lambda) / lambda;
  double value = f32 ? (double)form->f32((float)beta, (float)lambda) : form->f64(beta, lambda);
  double error = (double)fabsl(value - truth), ulps = ldexp(error, (f32 ? 23 : 52) - ilogb((double)truth));
  e->worst = fmax(e->worst, ulps);
  e->mean += ulps / (double)samples;
  e->relative = fmax(e->relative, error / (double)truth);
  return true;
}

/* One bin: x in [x, 10^width x) and lambda anywhere, or lambda in the bin and x anywhere. */
static void bin(gsl_rng *draw, efla_table *table, const char *study, double start, double width) {
  bool by_x = study[0] == 'x';
  for (size_t f = 0; f < sizeof forms / sizeof *forms; f++)
    for (int f32 = 0; f32 < 2; f32++) {
      errors e = {0};
      size_t taken = 0;
      for (size_t i = 0; i < samples; i++) {
        double drawn = log_uniform(draw, start, start * pow(10, width));
        double lambda = by_x ? log_uniform(draw, 1e-12, 1e4) : drawn,
               beta = by_x ? drawn / lambda : log_uniform(draw, 1e-3, 10);
        taken += measure(&forms[f], f32, beta, lambda, &e);
      }
      if (taken < samples) continue; /* the bin reaches past the range of f32 */
      efla_table_put(table, &(row){study, forms[f].name, f32 ? "f32" : "f64", start, e.worst, e.mean, e.relative, NAN});
    }
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  if (!draw) return efla_fail_memory(why);
  gsl_rng_set(draw, cli->seed);
  double width = 1. / (double)per_decade;
  for (int e = -300; e < -40; e += 10) bin(draw, table, "x", pow(10, e), 10);
  for (int e = -40; e < -18; e++) bin(draw, table, "x", pow(10, e), 1);
  for (int i = 0; i < (int)(22 * per_decade); i++) bin(draw, table, "x", pow(10, -18 + width * i), width);
  for (int i = 0; i < (int)(16 * per_decade); i++) bin(draw, table, "lambda", pow(10, -12 + width * i), width);
  gsl_rng_free(draw);
  for (size_t m = 0; m < methods.n; m++) {
    const efla_method *method = &efla_methods[methods.row[m]];
    for (double x = 0.01; x < 100; x *= pow(10, width / 8))
      efla_table_put(table, &(row){"erase", method->name, "f64", x, NAN, NAN, NAN, x * efla_phi(method, x)});
  }
  return EFLA_OK;
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "coefficient",
      .summary = "Accuracy of the exact coefficient in its forms, and what each method lets a token erase.",
      .description =
          "Forms: naive (1 - exp(-x))/lambda; expm1 -expm1(-x)/lambda; phi beta*phi(x); clamped: lambda kept from zero twice.",
      .options = options,
      .columns = columns,
      .run = run};
  return efla_program_main(&program, argc, argv);
}
