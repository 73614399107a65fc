/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Input families: the statistics of each family's keys against its definition (mnist: see test_source.c).
 *
 * Means are held against expectations with a margin of 5 standard errors, which follow from the definition; that all
 * numbers are rounded to f32 moves them by 2^-24 of their size, which is far less. */
#include "testing.h"

enum { MANY = 20000, DK = 32 };

static efla_spec spec_named(const char *family, double norm) {
  efla_spec spec = efla_spec_default(efla_family_find(family));
  spec.dk = DK, spec.dv = 1, spec.norm = norm, spec.seed = testing_seed();
  return spec;
}

static efla_tokens draw_some(efla_spec spec, size_t tokens) {
  efla_source source;
  efla_tokens x;
  efla_message why = {{0}};
  ck_assert_msg(efla_source_init(&source, &spec, &why) == EFLA_OK, "%s", why.text);
  ck_assert_int_eq(efla_tokens_init(&x, tokens, DK, 1), EFLA_OK);
  ck_assert_msg(efla_source_next(&source, &x, &why) == EFLA_OK, "%s", why.text);
  efla_source_clear(&source);
  return x;
}

static efla_tokens draw(efla_spec spec) { return draw_some(spec, MANY); }

static bool same(size_t n, const double *a, const double *b) { return !memcmp(a, b, n * sizeof *a); }

static double dot(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* Mean and variance of n numbers that should be N(0, variance): standard errors sqrt(variance/n), variance sqrt(2/n).
 */
static void check_gaussian(size_t n, const double *values, double variance) {
  double sum = 0, count = (double)n;
  for (size_t i = 0; i < n; i++) sum += values[i];
  CHECK_BOUND(fabs(sum / count), 5 * sqrt(variance / count));
  CHECK_BOUND(fabs(dot(n, values, values) / count - variance), 5 * variance * sqrt(2 / count));
}

/* N(0, norm^2/dk) by its mean, variance and fourth moment, 3 variance^2 with standard error variance^2 sqrt(96/n). */
START_TEST(gaussian_keys) {
  for (double norm = 0.5; norm < 5; norm *= 2.5) {
    efla_tokens x = draw(spec_named("gaussian", norm));
    double fourth = 0, variance = norm * norm / DK, n = MANY * DK;
    check_gaussian(MANY * DK, x.k, variance);
    for (size_t e = 0; e < MANY * DK; e++) fourth += pow(x.k[e], 4) / n;
    CHECK_BOUND(fabs(fourth / (variance * variance) - 3), 5 * sqrt(96 / n));
    efla_tokens_clear(&x);
  }
}
END_TEST

/* Each entry is rounded by at most 2^-24 of its size, so |k| is; no norm is asked.  On the sphere k_i has mean 0 and
 * mean square 1/dk, with variances 1/dk and 2(dk-1)/(dk^2(dk+2)). */
START_TEST(unit_keys) {
  efla_tokens x = draw(spec_named("unit", 1)), y = draw(spec_named("unit", 3));
  ck_assert(same(MANY * DK, x.k, y.k));
  double worst = 0, sum[DK] = {0}, square[DK] = {0};
  for (size_t t = 0; t < MANY; t++) {
    worst = fmax(worst, fabs(sqrt(efla_lambda(DK, x.k + t * DK)) - 1));
    for (size_t i = 0; i < DK; i++) sum[i] += x.k[t * DK + i], square[i] += x.k[t * DK + i] * x.k[t * DK + i];
  }
  CHECK_BOUND(worst, U32 + 2 * DK * U); /* and |k| is computed in f64 */
  for (size_t i = 0; i < DK; i++) {
    CHECK_BOUND(fabs(sum[i]) / MANY, 5 * sqrt(1. / DK / MANY));
    CHECK_BOUND(fabs(square[i] / MANY - 1. / DK), 5 * sqrt(2. * (DK - 1) / (DK * DK * (DK + 2.)) / MANY));
  }
  efla_tokens_clear(&x);
  efla_tokens_clear(&y);
}
END_TEST

/* Signs are fair coins, and so are the products of neighbours and of successors. */
START_TEST(flat_keys) {
  efla_tokens x = draw(spec_named("flat", 1.7));
  double size = (double)(float)(1.7 / sqrt(DK)), signs = 0, beside = 0, after = 0, n = MANY * DK;
  size_t other = 0;
  for (size_t e = 0; e < MANY * DK; e++) {
    other += fabs(x.k[e]) != size;
    signs += copysign(1, x.k[e]);
    if (e >= 1) beside += copysign(1, x.k[e]) * copysign(1, x.k[e - 1]);
    if (e >= DK) after += copysign(1, x.k[e]) * copysign(1, x.k[e - DK]);
  }
  ck_assert_uint_eq(other, 0);
  CHECK_BOUND(fabs(signs), 5 * sqrt(n));
  CHECK_BOUND(fabs(beside), 5 * sqrt(n));
  CHECK_BOUND(fabs(after), 5 * sqrt(n));
  efla_tokens_clear(&x);
}
END_TEST

/* The estimate of rho has standard error sqrt((1-rho^2)/n), that of the mean square variance sqrt(2/n (1+rho^2)/
 * (1-rho^2)) since squares are correlated by rho^2 (Brockwell and Davis, Time Series, sections 7.1, 8.8). */
START_TEST(ar1_keys) {
  static const double rhos[] = {0.9, -0.5, 0};
  for (size_t i = 0; i < 3; i++) {
    double norm = 2, rho = rhos[i], n = (MANY - 1) * DK;
    efla_spec spec = spec_named("ar1", norm);
    spec.rho = rho;
    efla_tokens x = draw(spec);
    double squares = dot((MANY - 1) * DK, x.k, x.k);
    CHECK_BOUND(fabs(dot((MANY - 1) * DK, x.k, x.k + DK) / squares - rho), 5 * sqrt((1 - rho * rho) / n));
    CHECK_BOUND(fabs(squares / (n / DK) / (norm * norm) - 1), 5 * sqrt(2 / n * (1 + rho * rho) / (1 - rho * rho)));
    efla_tokens_clear(&x);
  }
}
END_TEST

/* The norm is the stationary one from the first key on: over many seeds. */
START_TEST(ar1_starts_stationary) {
  enum { SEEDS = 500 };
  double sum[3] = {0};
  efla_spec spec = spec_named("ar1", 1);
  for (spec.seed = 1000 * testing_seed(); spec.seed < 1000 * testing_seed() + SEEDS; spec.seed++) {
    efla_tokens x = draw_some(spec, 3);
    for (size_t t = 0; t < 3; t++) sum[t] += efla_lambda(DK, x.k + t * DK) / SEEDS;
    efla_tokens_clear(&x);
  }
  for (size_t t = 0; t < 3; t++) CHECK_BOUND(fabs(sum[t] - 1), 5 * sqrt(2. / (DK * SEEDS)));
}
END_TEST

/* Each token has one of the words, each as often as the others; the words are Gaussian keys. */
START_TEST(dictionary_keys) {
  static double words[200][DK];
  for (size_t wanted = 1; wanted <= 200; wanted = wanted * 7 + 1) {
    efla_spec spec = spec_named("dictionary", 1.5);
    spec.words = wanted;
    efla_tokens x = draw(spec);
    size_t found = 0, count[200] = {0};
    for (size_t t = 0; t < MANY; t++) {
      size_t w = 0;
      while (w < found && !same(DK, words[w], x.k + t * DK)) w++;
      ck_assert_msg(w < wanted, "more than %zu keys", wanted);
      if (w == found) memcpy(words[found++], x.k + t * DK, sizeof words[0]);
      count[w]++;
    }
    ck_assert_uint_eq(found, wanted);
    double share = 1 / (double)wanted;
    for (size_t w = 0; w < wanted; w++)
      CHECK_BOUND(fabs((double)count[w] - MANY * share), 5 * sqrt(MANY * share * (1 - share)));
    check_gaussian(wanted * DK, words[0], 1.5 * 1.5 / DK);
    efla_tokens_clear(&x);
  }
}
END_TEST

/* Without spikes the keys are the same but for some, which are longer by the factor asked: two roundings to f32. */
START_TEST(spikes_keys) {
  efla_spec spec = spec_named("spikes", 1.5);
  double share = spec.fraction = 0.2;
  spec.size = 12.3;
  efla_tokens x = draw(spec);
  spec.fraction = 0;
  efla_tokens y = draw(spec), z = draw(spec_named("gaussian", 1.5));
  ck_assert(same(MANY * DK, y.k, z.k));
  double spikes = 0, worst = 0;
  for (size_t t = 0; t < MANY; t++) {
    if (same(DK, x.k + t * DK, y.k + t * DK)) continue;
    spikes++;
    for (size_t e = t * DK; e < (t + 1) * DK; e++) worst = fmax(worst, fabs(x.k[e] / y.k[e] / 12.3 - 1));
  }
  CHECK_BOUND(fabs(spikes - MANY * share), 5 * sqrt(MANY * share * (1 - share)));
  CHECK_BOUND(worst, 2 * U32 * (1 + U32) + 4 * U);
  efla_tokens_clear(&x);
  efla_tokens_clear(&y);
  efla_tokens_clear(&z);
}
END_TEST

/* About their mean the keys have mean square (1 - rho) norm^2, a chi-square mean of (MANY - 1) DK degrees of freedom;
 * the mean's part along the common direction c is sqrt(rho), with standard error norm sqrt((1 - rho)/(MANY DK))/|c|.
 * All keys are one for rho = 1; rho < 0 is refused. */
START_TEST(cone_keys) {
  static const double rhos[] = {0, 0.5, 0.99, 1};
  efla_source source;
  efla_message why = {{0}};
  efla_spec spec = spec_named("cone", 2);
  for (size_t i = 0; i < 4; i++) {
    double rho = spec.rho = rhos[i], mean[DK] = {0};
    efla_tokens x;
    ck_assert_int_eq(efla_tokens_init(&x, MANY, spec.dk, spec.dv), EFLA_OK);
    ck_assert_int_eq(efla_source_init(&source, &spec, &why), EFLA_OK);
    ck_assert_int_eq(efla_source_next(&source, &x, &why), EFLA_OK);
    for (size_t e = 0; e < MANY * DK; e++) mean[e % DK] += x.k[e] / MANY;
    double square = dot(DK, source.memory, source.memory),
           spread = (dot(MANY * DK, x.k, x.k) - MANY * dot(DK, mean, mean)) / (MANY - 1);
    CHECK_BOUND(fabs(spread / 4 - (1 - rho)),
                (1 - rho) * 5 * sqrt(2 / ((MANY - 1.) * DK)) + 4 * U32); /* 4: norm^2; keys are rounded to f32 */
    CHECK_BOUND(fabs(dot(DK, mean, source.memory) / square - sqrt(rho)),
                5 * 2 * sqrt((1 - rho) / (MANY * DK) / square) + 4 * U32);
    if (rho == 1) ck_assert_mem_eq(x.k, x.k + 2 * DK, DK * sizeof *x.k);
    efla_tokens_clear(&x);
    efla_source_clear(&source);
  }
  spec.rho = -0.1;
  ck_assert_int_eq(efla_source_init(&source, &spec, &why), EFLA_INPUT);
  ck_assert_ptr_nonnull(strstr(why.text, "rho"));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {gaussian_keys,         unit_keys, flat_keys,       ar1_keys,
                                ar1_starts_stationary, cone_keys, dictionary_keys, spikes_keys};
  return testing_main("family", tests, sizeof tests / sizeof *tests, 60);
}
