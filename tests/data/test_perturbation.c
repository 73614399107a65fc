/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Perturbations against their definitions. */
#include "testing.h"

enum { TOKENS = 400, D = 32 };

/* Perturbed and clean tokens; the generator is the test's own. */
typedef struct pair {
  efla_tokens clean, x;
} pair;

static pair perturb(const char *name, double level) {
  pair p = {testing_tokens("gaussian", 1, TOKENS, D, D), testing_tokens("gaussian", 1, TOKENS, D, D)};
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  efla_message why = {{0}};
  gsl_rng_set(draw, testing_seed());
  ck_assert_msg(efla_perturb(efla_perturbation_find(name), &p.x, level, draw, &why) == EFLA_OK, "%s", why.text);
  gsl_rng_free(draw);
  return p;
}

static void clear(pair *p) {
  efla_tokens_clear(&p->clean);
  efla_tokens_clear(&p->x);
}

static double mean_square(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum / (double)n;
}

/* Added noise has mean square level^2 times that of the input: a chi-square mean, relative standard deviation
 * sqrt(2/n), within 5. */
START_TEST(additive_noise_has_its_size) {
  static const char *const names[] = {"noise_keys", "noise_values", "noise_both"};
  size_t n = TOKENS * D;
  for (int i = 0; i < 3; i++) {
    pair p = perturb(names[i], 0.3);
    double zero[1] = {0}, *nothing = calloc(n, sizeof *nothing);
    double keys = mean_square(n, p.x.k, p.clean.k) / mean_square(n, p.clean.k, nothing);
    double values = mean_square(n, p.x.v, p.clean.v) / mean_square(n, p.clean.v, nothing);
    CHECK_BOUND(fabs(keys - (i == 1 ? *zero : 0.09)), i == 1 ? 0 : 0.09 * 5 * sqrt(2. / (double)n));
    CHECK_BOUND(fabs(values - (i == 0 ? *zero : 0.09)), i == 0 ? 0 : 0.09 * 5 * sqrt(2. / (double)n));
    ck_assert_mem_eq(p.x.q, p.clean.q, n * sizeof *p.x.q); /* queries are not perturbed */
    ck_assert_mem_eq(p.x.beta, p.clean.beta, TOKENS * sizeof *p.x.beta);
    free(nothing);
    clear(&p);
  }
}
END_TEST

/* The share of entries that changed is binomial; the others are as they were, to the bit. */
static void check_share(const char *name, double level, double factor) {
  pair p = perturb(name, level);
  size_t n = TOKENS * D, changed = 0;
  for (size_t i = 0; i < 2 * n; i++) {
    double was = i < n ? p.clean.k[i] : p.clean.v[i - n], is = i < n ? p.x.k[i] : p.x.v[i - n];
    changed += is != was;
    ck_assert(is == was || is == factor * was);
  }
  CHECK_BOUND(fabs((double)changed / (2. * (double)n) - level), 5 * sqrt(level * (1 - level) / (2. * (double)n)));
  clear(&p);
}

START_TEST(dropout_and_flips_have_their_share) {
  check_share("dropout", 0.2, 0);
  check_share("sign_flips", 0.1, -1);
}
END_TEST

START_TEST(scaling_and_bursts) {
  pair all = perturb("scaling", 4), some = perturb("burst", 8);
  size_t first = TOKENS, last = 0, inside = 0;
  for (size_t e = 0; e < TOKENS * D; e++)
    ck_assert(all.x.k[e] == 4 * all.clean.k[e] && all.x.v[e] == 4 * all.clean.v[e]);
  for (size_t t = 0; t < TOKENS; t++) {
    if (some.x.k[t * D] == some.clean.k[t * D]) continue;
    for (size_t i = 0; i < D; i++)
      ck_assert(some.x.k[t * D + i] == 8 * some.clean.k[t * D + i] &&
                some.x.v[t * D + i] == 8 * some.clean.v[t * D + i]);
    if (first == TOKENS) first = t;
    last = t, inside++;
  }
  ck_assert_uint_eq(inside, TOKENS / 10);
  ck_assert_uint_eq(last - first + 1, inside); /* in a row */
  clear(&all), clear(&some);
}
END_TEST

/* At most 2^bits values, none further than half a step from the clean one. */
START_TEST(quantisation_has_its_levels) {
  for (int bits = 1; bits <= 6; bits++) {
    pair p = perturb("quantisation", bits);
    double largest = 0, step, seen[64];
    int levels = 0;
    for (size_t e = 0; e < TOKENS * D; e++) largest = fmax(largest, fabs(p.clean.k[e]));
    step = 2 * largest / (exp2(bits) - 1);
    for (size_t e = 0; e < TOKENS * D; e++) {
      int i = 0;
      CHECK_BOUND(fabs(p.x.k[e] - p.clean.k[e]), step / 2 * (1 + 8 * U));
      while (i < levels && fabs(seen[i] - p.x.k[e]) > step / 4) i++;
      if (i == levels) {
        ck_assert_int_lt(levels, 1 << bits);
        seen[levels++] = p.x.k[e];
      }
    }
    ck_assert_int_gt(levels, 1 << (bits - 1)); /* the outermost ones may be empty */
    clear(&p);
  }
}
END_TEST

/* Power of noise f^-gamma in the frequencies [4, 8) against that in [64, 128): the expected sums of f^-gamma, of D (4
 * and 64) exponentially distributed powers with weights within a factor 2^gamma of each other, so that the ratio's
 * standard error is at most 2^(gamma/2) sqrt(1/(4 D) + 1/(64 D)); within 5 of them.  White noise would be off by
 * factors of 16 and 256. */
#ifdef EFLA_HAVE_FFTW
static void check_spectrum(const char *name, double gamma) {
  pair p = perturb(name, 0.5);
  double power[2] = {0}, expected[2] = {0}, size = mean_square(TOKENS * D, p.x.k, p.clean.k),
         key = efla_lambda(TOKENS * D, p.clean.k);
  CHECK_BOUND(fabs(size / key * TOKENS * D - 0.25),
              0.25 * 1e-12); /* scaled entry by entry, so exact but for rounding */
  for (int f = 4; f < 128; f++) {
    if (f >= 8 && f < 64) continue;
    expected[f >= 64] += pow(f, -gamma);
    for (size_t i = 0; i < D; i++) {
      double re = 0, im = 0;
      for (size_t t = 0; t < TOKENS; t++) {
        double noise = p.x.k[t * D + i] - p.clean.k[t * D + i], angle = 2 * M_PI * f * (double)t / TOKENS;
        re += noise * cos(angle), im += noise * sin(angle);
      }
      power[f >= 64] += re * re + im * im;
    }
  }
  CHECK_BOUND(fabs(power[0] / power[1] * expected[1] / expected[0] - 1),
              5 * exp2(gamma / 2) * sqrt(1. / (4 * D) + 1. / (64 * D)));
  clear(&p);
}
#endif

START_TEST(coloured_noise_has_its_spectrum) {
#ifdef EFLA_HAVE_FFTW
  check_spectrum("pink_noise", 1);
  check_spectrum("brown_noise", 2);
#else
  efla_tokens x = testing_tokens("gaussian", 1, 4, 2, 2);
  efla_message why = {{0}};
  ck_assert_int_eq(efla_perturb(efla_perturbation_find("pink_noise"), &x, 1, NULL, &why), EFLA_NOT_BUILT);
  ck_assert_ptr_nonnull(strstr(why.text, "not built"));
  efla_tokens_clear(&x);
#endif
}
END_TEST

/* Orthonormal keys written with Euler at beta = 1 come back exactly; a state that is not finite recognises nothing. */
START_TEST(recall_scores) {
  const efla_rule euler = {.method = efla_method_find("euler")}, exact = {.method = efla_method_find("exact")};
  efla_recall recall;
  ck_assert_int_eq(efla_recall_init(&recall, 4, 4, 3), EFLA_OK);
  for (size_t t = 0; t < 4; t++) {
    recall.x.q[t * 4 + t] = recall.x.k[t * 4 + t] = 1, recall.x.beta[t] = 1;
    for (size_t j = 0; j < 3; j++) recall.codes[t * 3 + j] = recall.x.v[t * 3 + j] = cos((double)(t * t + j + 1));
  }
  efla_recall_score score = efla_recall_run(&recall, &euler, 0);
  ck_assert_double_eq(score.accuracy, 1);
  CHECK_BOUND(score.error, 8 * U);             /* the fitted gain rounds */
  score = efla_recall_run(&recall, &exact, 0); /* writes 63 % of each: a gain, which does not count */
  ck_assert_double_eq(score.accuracy, 1);
  CHECK_BOUND(score.error, 8 * U);
  recall.x.k[0] = 1e200;
  score = efla_recall_run(&recall, &euler, 0);
  ck_assert_double_eq(score.accuracy, 0);
  ck_assert(isinf(score.error) && score.snr == -INFINITY);
  efla_recall_clear(&recall);
}
END_TEST

/* What figures need: a title that a panel has room for, rising levels, and a quick one among them. */
START_TEST(figures_can_show_them) {
  for (const efla_perturbation *p = efla_perturbations; p->name; p++) {
    int quick = 0, n = 0;
    ck_assert(strlen(p->what) <= 42 && *p->level);
    for (; n < EFLA_LEVELS && p->levels[n] > 0; n++) {
      quick += p->levels[n] == p->quick;
      ck_assert_msg(n == 0 || p->levels[n] > p->levels[n - 1], "%s", p->name);
    }
    ck_assert_msg(n > 1 && quick == 1, "%s", p->name);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {additive_noise_has_its_size, dropout_and_flips_have_their_share, scaling_and_bursts,
                                quantisation_has_its_levels, coloured_noise_has_its_spectrum,    recall_scores,
                                figures_can_show_them};
  return testing_main("perturbation", tests, sizeof tests / sizeof *tests, 120);
}
