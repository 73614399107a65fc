/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where two curves cross: curves against the constant one whose logarithms make every division exact. */
#include "testing.h"

static const double ones[] = {1, 1, 1, 1, 1};

START_TEST(curves_cross_between_their_points) {
  ck_assert_double_eq(efla_log_crossing(4, (const double[]){16, 4, 0.25, 0.0625}, ones), 1.5);
  ck_assert_double_eq(efla_log_crossing(2, (const double[]){4, 1}, ones), 1);
  ck_assert_double_eq(efla_log_crossing(2, (const double[]){INFINITY, 0.25}, ones), 1);
}
END_TEST

START_TEST(the_last_crossing_counts) {
  ck_assert_double_eq(efla_log_crossing(5, (const double[]){4, 0.25, 4, 0.25, 0.125}, ones), 2.5);
}
END_TEST

START_TEST(curves_that_do_not_come_down) {
  ck_assert(isnan(efla_log_crossing(2, (const double[]){0.25, 4}, ones)));
  ck_assert(isnan(efla_log_crossing(3, (const double[]){4, NAN, 0.25}, ones)));
  ck_assert(isnan(efla_log_crossing(1, (const double[]){4}, ones)));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {curves_cross_between_their_points, the_last_crossing_counts,
                                curves_that_do_not_come_down};
  return testing_main("slope", tests, sizeof tests / sizeof *tests, 10);
}
