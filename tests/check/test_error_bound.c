/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One step of the error bound: what roundings add to the error of S' = diag(d) S + k (w v - e S^T p)^T, by making
 * them. */
#include "testing.h"

#include <gsl/gsl_rng.h>

enum { DK = 5, DV = 3, DRAWS = 20000 };

typedef struct token {
  double S[DK * DV], k[DK], p[DK], v[DV], d[DK];
  efla_rule rule;
  efla_coefficients c, by_lambda;
  double lambda, argument;
  double reach; /* |k| |p|; 0: p is k */
  bool channels;
} token;

static token token_of(const char *decay, double argument, bool erase_key, bool channels) {
  token x = {.channels = channels};
  efla_coefficient_slopes slopes;
  double lambda = 0;
  const efla_rule rule = {.method = efla_method_find("exact"), .decay = efla_decay_find(decay)};
  for (size_t e = 0; e < DK * DV; e++) x.S[e] = 4 * cos(1.3 * (double)e);
  for (size_t i = 0; i < DK; i++) {
    x.p[i] = x.k[i] = 0.6 * sin((double)i + 1);
    if (erase_key) x.p[i] -= 0.5 * cos(2 * (double)i);
    lambda += x.k[i] * x.p[i];
  }
  if (erase_key) x.reach = sqrt(efla_lambda(DK, x.k) * efla_lambda(DK, x.p));
  for (size_t j = 0; j < DV; j++) x.v[j] = 1 + 0.5 * (double)j;
  ck_assert_int_eq(efla_rule_coefficients(&rule, lambda, 0.9, argument, &x.c), EFLA_OK);
  ck_assert_int_eq(efla_rule_slopes(&rule, lambda, 0.9, argument, &slopes), EFLA_OK);
  x.by_lambda = slopes.by_lambda, x.rule = rule, x.lambda = lambda, x.argument = argument;
  for (size_t i = 0; i < DK; i++) x.d[i] = channels ? exp(-0.3 * (double)i) : x.c.decay;
  return x;
}

/* The trace of C that the bound gives after one step from an exact state. */
static double granted(const token *x, const efla_units *units, bool apart) {
  efla_error_bound bound;
  long double after[DK * DV], S[DK * DV];
  double sum = 0, read[DV] = {0};
  efla_token_sizes sizes = {
      .k = x->k, .p = x->p, .decay = x->d, .erase = x->c.erase, .apart = apart, .channels = x->channels, .series = 1};
  for (size_t e = 0; e < DK * DV; e++) S[e] = x->S[e], read[e % DV] += x->p[e / DV] * x->S[e];
  for (size_t j = 0; j < DV; j++) {
    const double erased = x->c.erase * read[j], written = x->c.write * x->v[j];
    sizes.value += written * written, sizes.read += erased * erased, sizes.update += pow(written - erased, 2);
    sizes.lambda += pow(x->reach * (x->by_lambda.write * x->v[j] - x->by_lambda.erase * read[j]), 2);
    for (size_t i = 0; i < DK; i++) after[i * DV + j] = x->d[i] * x->S[i * DV + j] + x->k[i] * (written - erased);
  }
  if (x->reach == 0) sizes.lambda = sizes.update + (apart ? sizes.value : 0);
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
      const double product = x->c.erase * x->p[i] * x->S[i * DV + j];
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
    for (size_t i = 0; i < DK; i++) read += x->p[i] * x->S[i * DV + j];
    const double written = x->c.write * x->v[j], erased = x->c.erase * read;
    for (size_t i = 0; i < DK; i++)
      error2 += pow(x->k[i] * (together * (alone * written - erased) - (written - erased)), 2);
  }
  return error2;
}

/* The same with DK roundings of |k| |p| in lambda. */
static double by_lambda(const token *x, gsl_rng *draw, double u) {
  double lambda = x->lambda, error2 = 0;
  efla_coefficients c;
  for (size_t i = 0; i < DK; i++) lambda += x->reach * (gap(draw, u) - 1);
  ck_assert_int_eq(efla_rule_coefficients(&x->rule, lambda, 0.9, x->argument, &c), EFLA_OK);
  for (size_t j = 0; j < DV; j++) {
    double read = 0;
    for (size_t i = 0; i < DK; i++) read += x->p[i] * x->S[i * DV + j];
    error2 += pow((c.write - x->c.write) * x->v[j] - (c.erase - x->c.erase) * read, 2);
  }
  return error2 * efla_lambda(DK, x->k);
}

/* The same with three roundings of every channel's decay, and of the entries of both keys, which decays multiply; those
 * of p in each product. */
static double by_channels(const token *x, gsl_rng *draw, double u) {
  double error2 = 0, key[DK], decay[DK];
  for (size_t i = 0; i < DK; i++) {
    key[i] = x->k[i], decay[i] = x->d[i];
    for (int n = 0; n < 3; n++) key[i] *= gap(draw, u), decay[i] *= gap(draw, u);
  }
  for (size_t j = 0; j < DV; j++) {
    double exact = x->c.write * x->v[j], rounded = exact;
    for (size_t i = 0; i < DK; i++) {
      const double product = x->c.erase * x->p[i] * x->S[i * DV + j];
      exact -= product, rounded -= product * gap(draw, u) * gap(draw, u) * gap(draw, u);
    }
    for (size_t i = 0; i < DK; i++)
      error2 += pow(key[i] * rounded - x->k[i] * exact + (decay[i] - x->d[i]) * x->S[i * DV + j], 2);
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
    const token x =
        token_of(decay->name, decay->argument && !strcmp(decay->argument, "alpha") ? 0.6 : -0.4, false, false);
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

/* With an erase key: operands, own errors of coefficients that are apart, lambda's; and those of decays per channel.
 * What lambda adds is not linear in its rounding: the rest is of the order u^2, which check_mean grants. */
START_TEST(one_step_with_an_erase_key) {
  static const double u = 0x1p-10;
  static const char *const decays[] = {"none", "joint", "retention", "split", "strang"};
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (size_t i = 0; i < 5; i++) {
    const bool channels = i >= 3;
    token x = token_of(decays[i], i == 2 ? 0.6 : channels ? 0 : -0.4, true, channels), without = x, certain = x;
    const efla_units operands = {.operands = u}, arithmetic = {.arithmetic = u};
    certain.by_lambda = (efla_coefficients){0}, without.channels = false;
    const double expected[] = {granted(&x, &operands, false),
                               granted(&x, &arithmetic, true) - granted(&x, &arithmetic, false),
                               granted(&x, &arithmetic, false) - granted(&certain, &arithmetic, false),
                               granted(&x, &arithmetic, false) - granted(&without, &arithmetic, false)};
    double sums[4] = {0}, squares[4] = {0};
    for (size_t n = 0; n < DRAWS; n++) {
      const double drawn[] = {by_operands(&x, draw, u), by_coefficients(&x, draw, u, 0, 5), by_lambda(&x, draw, u),
                              channels ? by_channels(&x, draw, u) : 0};
      for (size_t k = 0; k < 4; k++) sums[k] += drawn[k], squares[k] += drawn[k] * drawn[k];
    }
    for (size_t k = 0; k < 4; k++) check_mean(sums[k], squares[k], expected[k], u);
    if (channels) ck_assert_double_gt(expected[3], 0);
  }
  gsl_rng_free(draw);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {one_step_by_its_roundings, one_step_with_an_erase_key};
  return testing_main("error_bound", tests, sizeof tests / sizeof *tests, 60);
}
