/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Student's test sees: its power against closed forms and simulation, Holm's adjustment, shares. */
#include "testing.h"

#include <gsl/gsl_randist.h>

/* Without an effect the power is the level, and nearly normal for many values.  Every n stays without an error of
 * GSL's. */
START_TEST(power_of_no_effect) {
  for (size_t n = 2; n < 2000000; n += n / 3 + 1) {
    /* A smooth law integrated by 256 points: rounding, of as many terms and of the quantile, whose error of 36 u
     * (docs/bounds.md#statistics) is multiplied by t times the density, below .06, and of the law's logarithm. */
    const double lost = 2 * exp(-32), rounding = (256 + 36) * U, of_logarithm = 4 * (double)n * log((double)n + 2) * U;
    for (int family = 1; family <= 5; family += 4) {
      const double level = 0.05 / family;
      CHECK_BOUND(fabs(efla_student_power(0, n, level) - level), lost + rounding + of_logarithm);
      ck_assert(efla_student_power(0.1, n, level) > efla_student_power(0, n, level));
    }
  }
}
END_TEST

/* The share of rejections among simulated tests is the power: of unit normal values with that mean, n at a time. */
START_TEST(power_by_simulation) {
  enum { TRIALS = 20000, MOST = 12 };
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (size_t n = 2; n <= MOST; n += n < 6 ? 1 : 3) {
    const double mean = efla_student_seen_from(n, 0.05);
    size_t rejected = 0;
    for (int t = 0; t < TRIALS; t++) {
      double values[MOST];
      efla_interval interval;
      for (size_t i = 0; i < n; i++) values[i] = mean + gsl_ran_ugaussian(draw);
      efla_student_mean(values, n, &interval);
      rejected += interval.low > 0 || interval.high < 0;
    }
    CHECK_BOUND(fabs((double)rejected / TRIALS - 0.8), 5 * sqrt(0.8 * 0.2 / TRIALS));
  }
  gsl_rng_free(draw);
}
END_TEST

/* As many seeds as are needed see the difference, and one fewer does not. */
START_TEST(seeds_and_differences_agree) {
  for (size_t n = 3; n < 200; n += 7) {
    const double level = n % 2 ? 0.05 : 0.01, seen = efla_student_seen_from(n, level);
    ck_assert_double_eq(efla_student_seeds(seen, level), (double)n);
    ck_assert_double_eq(efla_student_seeds(0.999999 * seen, level), (double)(n + 1));
    ck_assert(efla_student_power(seen, n, level) >= 0.8 && efla_student_power(0.999999 * seen, n, level) < 0.8);
  }
  ck_assert(efla_student_seeds(INFINITY, 0.05) == 2 && isinf(efla_student_seeds(0, 0.05)) &&
            isinf(efla_student_seeds(1e-4, 0.05)));
  ck_assert(isnan(efla_student_seen_from(1, 0.05)));
}
END_TEST

/* One degree of freedom is Cauchy's law. */
START_TEST(p_values) {
  const double t = 0.7 / (0.3 / sqrt(2));
  CHECK_BOUND(fabs(efla_student_p(0.7, 0.3, 2) - (1 - 2 * atan(t) / M_PI)), 36 * U);
  ck_assert(efla_student_p(-0.7, 0.3, 2) == efla_student_p(0.7, 0.3, 2) && isnan(efla_student_p(1, 1, 1)));
  ck_assert(isnan(efla_student_p(0, 0, 3)) && isnan(efla_student_p(1, 0, 3))); /* nothing varies */
}
END_TEST

START_TEST(holm) {
  /* By hand, of six of which one is nan: .01 x 6; .013 x 5 = .065; .02 x 4 = .08; then .03 x 3 = .09; 1. */
  const double p[] = {0.02, 0.9, 0.01, NAN, 0.03, 0.013}, expected[] = {0.08, 1, 0.06, NAN, 0.09, 0.065};
  double adjusted[6];
  efla_holm(6, 6, p, adjusted);
  for (int i = 0; i < 6; i++)
    ck_assert_msg(isnan(expected[i]) ? isnan(adjusted[i]) : fabs(adjusted[i] - expected[i]) <= U, "%d: %g", i,
                  adjusted[i]);
  const double falling[] = {0.02, 0.021, 0.5}; /* .06, then .042, which may not be smaller */
  efla_holm(3, 3, falling, adjusted);
  ck_assert(adjusted[1] == adjusted[0] && adjusted[0] == 3 * 0.02 && adjusted[2] == 0.5);
  efla_holm(5, 1, falling, adjusted); /* four are missing */
  ck_assert(adjusted[0] == 5 * 0.02);
  efla_holm(2, 2, (double[]){0.7, 0.8}, adjusted);
  ck_assert(adjusted[0] == 1 && adjusted[1] == 1);
}
END_TEST

/* The ends are where the binomial law's tails are .025. */
START_TEST(shares) {
  for (size_t n = 1; n <= 40; n++)
    for (size_t k = 0; k <= n; k++) {
      double low, high, at_least = 0, at_most = 0;
      efla_clopper_pearson(k, n, &low, &high);
      for (unsigned i = 0; i <= n; i++) {
        if (i >= k) at_least += gsl_ran_binomial_pdf(i, low, (unsigned)n);
        if (i <= k) at_most += gsl_ran_binomial_pdf(i, high, (unsigned)n);
      }
      /* An end is within 2^-60 + u, by which a tail moves by at most the beta law's density, n at most, times that. What
       * a tail and the law's distribution function themselves round: 1e3 u for n <= 40 (docs/bounds.md#statistics). */
      const double bound = (double)n * 2 * U + 1e3 * U;
      CHECK_BOUND(k ? fabs(at_least - 0.025) : low, bound);
      CHECK_BOUND(k < n ? fabs(at_most - 0.025) : 1 - high, bound);
    }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      power_of_no_effect, power_by_simulation, seeds_and_differences_agree, p_values, holm, shares};
  return testing_main("power", tests, sizeof tests / sizeof *tests, 60);
}
