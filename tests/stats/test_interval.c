/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Intervals: the bootstrap against the normal approximation, Student's against closed forms, and paired differences. */
#include "testing.h"

#include <gsl/gsl_randist.h>

/* Of 400 samples of 40 Gaussian numbers the 95 % interval of the mean covers zero in about the normal share: the
 * percentile interval is that of the normal with the divisor n for the variance, 1.96 sqrt(39/40) standard errors of
 * Student's t_39: 94.0 %.  Binomial: within 5 standard errors of it. */
START_TEST(bootstrap_covers_the_mean) {
  enum { SAMPLES = 400, N = 40 };
  double values[N], covered = 0;
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (int s = 0; s < SAMPLES; s++) {
    efla_interval interval;
    for (int i = 0; i < N; i++) values[i] = gsl_ran_gaussian(draw, 1);
    ck_assert_int_eq(efla_bootstrap_mean(values, N, (size_t)s, &interval), EFLA_OK);
    ck_assert(interval.low <= interval.mean && interval.mean <= interval.high);
    covered += interval.low <= 0 && 0 <= interval.high;
  }
  CHECK_BOUND(fabs(covered / SAMPLES - 0.94), 5 * sqrt(0.94 * 0.06 / SAMPLES));
  values[3] = INFINITY;
  efla_interval interval;
  ck_assert_int_eq(efla_bootstrap_mean(values, N, 1, &interval), EFLA_OK);
  ck_assert(isinf(interval.mean) && isinf(interval.low) && isinf(interval.high));
  gsl_rng_free(draw);
}
END_TEST

START_TEST(student_interval) {
  const double values[] = {3, 1, 2, 4, 5};
  const double p = 0.975, a = 4 * p * (1 - p); /* the quantile in closed form for 1, 2 and 4 degrees of freedom */
  const double one = tan(M_PI * (p - 0.5)), two = (2 * p - 1) / sqrt(2 * p * (1 - p)),
               four = 2 * sqrt(cos(acos(sqrt(a)) / 3) / sqrt(a) - 1);
  const double reach[] = {NAN, NAN, one, two / sqrt(3), NAN, four * sqrt(0.5)}; /* s^2 is 2, 1, 5/2 */
  efla_interval i;
  for (size_t n = 2; n <= 5; n += n == 3 ? 2 : 1) {
    efla_student_mean(values, n, &i);
    ck_assert_double_eq(i.mean, n == 5 ? 3 : 2);
    /* GSL's quantile and the closed forms agree to 12u as measured; 3 times that. */
    CHECK_BOUND(fabs((i.high - i.low) / 2 - reach[n]), 36 * U * reach[n]);
    CHECK_BOUND(fabs((i.high + i.low) / 2 - i.mean), 4 * U * reach[n]);
  }
  efla_student_mean(values, 1, &i);
  ck_assert(i.mean == 3 && i.low == -INFINITY && i.high == INFINITY);
  efla_student_mean((const double[]){1, INFINITY}, 2, &i);
  ck_assert(i.mean == INFINITY && i.low == INFINITY && i.high == INFINITY);
}
END_TEST

/* The interval of a - b is that of the differences themselves, to the bit; where the pairs differ by a constant it is a
 * point, however much a and b scatter. */
START_TEST(differences_are_paired) {
  enum { N = 30 };
  double a[N], b[N], difference[N];
  efla_interval paired, of_values;
  for (int i = 0; i < N; i++) a[i] = cos(i), b[i] = sin(3 * i), difference[i] = a[i] - b[i];
  ck_assert_int_eq(efla_bootstrap_difference(a, b, N, 7, &paired), EFLA_OK);
  ck_assert_int_eq(efla_bootstrap_mean(difference, N, 7, &of_values), EFLA_OK);
  ck_assert(paired.mean == of_values.mean && paired.low == of_values.low && paired.high == of_values.high);
  ck_assert(paired.low < paired.mean && paired.mean < paired.high);
  for (int i = 0; i < N; i++) a[i] = i * i, b[i] = i * i - 3;
  ck_assert_int_eq(efla_bootstrap_difference(a, b, N, 7, &paired), EFLA_OK);
  ck_assert(paired.low == 3 && paired.mean == 3 && paired.high == 3);
}
END_TEST

START_TEST(verdicts_of_differences) {
  ck_assert_str_eq(efla_difference_verdict((efla_interval){2, 1, 3}), "better");
  ck_assert_str_eq(efla_difference_verdict((efla_interval){-2, -3, -1}), "worse");
  ck_assert_str_eq(efla_difference_verdict((efla_interval){0.5, -1, 2}), "no difference seen");
  ck_assert_str_eq(efla_difference_verdict((efla_interval){1, 0, 2}), "no difference seen"); /* zero is in it */
  ck_assert_str_eq(efla_difference_verdict((efla_interval){NAN, NAN, NAN}), "not asked");
}
END_TEST

int main(void) {
  const TTest *const tests[] = {bootstrap_covers_the_mean, student_interval, differences_are_paired,
                                verdicts_of_differences};
  return testing_main("interval", tests, sizeof tests / sizeof *tests, 120);
}
