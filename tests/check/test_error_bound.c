/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One step of the error bound: what roundings add to the error of S' = d S + k (w v - e S^T k)^T, by making them. */
#include "testing.h"

#include <gsl/gsl_rng.h>

enum { DK = 5, DV = 3, DRAWS = 20000 };

typedef struct token {
  double S[DK * DV], k[DK], v[DV];
  efla_coefficients c;
} token;

static token token_of(const char *decay, double argument) {
  token x;
  const efla_rule rule = {.method = efla_method_find("exact"), .decay = efla_decay_find(decay)};
  for (size_t e = 0; e < DK * DV; e++) x.S[e] = 4 * cos(1.3 * (double)e);
  for (size_t i = 0; i < DK; i++) x.k[i] = 0.6 * sin((double)i + 1);
  for (size_t j = 0; j < DV; j++) x.v[j] = 1 + 0.5 * (double)j;
  ck_assert_int_eq(efla_rule_coefficients(&rule, efla_lambda(DK, x.k), 0.9, argument, &x.c), EFLA_OK);
  return x;
}

/* The trace of C that the bound gives after one step from an exact state. */
static double granted(const token *x, const efla_units *units, bool apart) {
  efla_error_bound bound;
  long double after[DK * DV], S[DK * DV];
  double sum = 0, read[DV] = {0};
  double decay[DK];
  efla_token_sizes sizes = {.k = x->k, .p = x->k, .decay = decay, .erase = x->c.erase, .apart = apart, .series = 1};
  for (size_t i = 0; i < DK; i++) decay[i] = x->c.decay;
  for (size_t e = 0; e < DK * DV; e++) S[e] = x->S[e], read[e % DV] += x->k[e / DV] * x->S[e];
  for (size_t j = 0; j < DV; j++) {
    const double erased = x->c.erase * read[j], written = x->c.write * x->v[j];
    sizes.value += written * written, sizes.read += erased * erased, sizes.update += pow(written - erased, 2);
    for (size_t i = 0; i < DK; i++) after[i * DV + j] = x->c.decay * x->S[i * DV + j] + x->k[i] * (written - erased);
  }
  sizes.lambda = sizes.update + (apart ? sizes.value : 0);
  ck_assert_int_eq(efla_error_bound_init(&bound, units, DK), EFLA_OK);
  efla_error_bound_start(&bound, DV, S);
  memset(bound.C, 0, DK * DK * sizeof *bound.C);
  efla_error_bound_step(&bound, &sizes, DV, after);
  for (size_t i = 0; i < DK; i++) sum += bound.C[i * DK + i];
  efla_error_bound_clear(&bound);
  return sum;
}

/* A relative error that is uniform over a gap of unit u. */
static double gap(gsl_rng *draw, double u) { return 1 + u * (2 * gsl_rng_uniform(draw) - 1); }

/* The square of one step's error with every operand of a product rounded once: the state, the value, u and the key. */
static double by_operands(const token *x, gsl_rng *draw, double u) {
  double error2 = 0, key[DK];
  for (size_t i = 0; i < DK; i++) key[i] = x->k[i] * gap(draw, u);
  for (size_t j = 0; j < DV; j++) {
    double exact = x->c.write * x->v[j], rounded = exact * gap(draw, u);
    for (size_t i = 0; i < DK; i++) {
      const double product = x->c.erase * x->k[i] * x->S[i * DV + j];
      exact -= product, rounded -= product * gap(draw, u);
    }
    rounded *= gap(draw, u);
    for (size_t i = 0; i < DK; i++) error2 += pow(key[i] * rounded - x->k[i] * exact, 2);
  }
  return error2;
}

/* The same with e and w off by `both` roundings together, and w by `own` more. */
static double by_coefficients(const token *x, gsl_rng *draw, double u, size_t both, size_t own) {
  double together = 1, alone = 1, error2 = 0;
  for (size_t i = 0; i < both; i++) together *= gap(draw, u);
  for (size_t i = 0; i < own; i++) alone *= gap(draw, u);
  for (size_t j = 0; j < DV; j++) {
    double read = 0;
    for (size_t i = 0; i < DK; i++) read += x->k[i] * x->S[i * DV + j];
    const double written = x->c.write * x->v[j], erased = x->c.erase * read;
    for (size_t i = 0; i < DK; i++)
      error2 += pow(x->k[i] * (together * (alone * written - erased) - (written - erased)), 2);
  }
  return error2;
}

/* The mean of DRAWS squares is `expected` within 5 standard errors, and what products of several errors add to it, at
 * most a part 64 u^2 of it. */
static void check_mean(double sum, double squares, double expected, double u) {
  const double mean = sum / DRAWS, error = sqrt((squares / DRAWS - mean * mean) / DRAWS);
  CHECK_BOUND(fabs(expected - mean), 5 * error + 64 * u * u * mean);
}

/* Operands; the own errors of coefficients that are apart; and all of the arithmetic is at least the coefficients'. */
START_TEST(one_step_by_its_roundings) {
  static const double u = 0x1p-10;
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (size_t i = 0; efla_decay_name(i); i++) {
    const efla_decay *decay = &efla_decays[i];
    const token x = token_of(decay->name, decay->argument && !strcmp(decay->argument, "alpha") ? 0.6 : -0.4);
    const efla_units operands = {.operands = u}, arithmetic = {.arithmetic = u};
    const double joined = granted(&x, &arithmetic, false), apart = granted(&x, &arithmetic, true);
    double sums[3] = {0}, squares[3] = {0};
    for (size_t n = 0; n < DRAWS; n++) {
      const double drawn[] = {by_operands(&x, draw, u), by_coefficients(&x, draw, u, 0, DK + 5),
                              by_coefficients(&x, draw, u, DK + 4, 0)};
      for (size_t k = 0; k < 3; k++) sums[k] += drawn[k], squares[k] += drawn[k] * drawn[k];
    }
    check_mean(sums[0], squares[0], granted(&x, &operands, !decay->proportional), u);
    check_mean(sums[1], squares[1], apart - joined, u);
    ck_assert_double_gt(joined, sums[2] / DRAWS);
  }
  gsl_rng_free(draw);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {one_step_by_its_roundings};
  return testing_main("error_bound", tests, sizeof tests / sizeof *tests, 60);
}
