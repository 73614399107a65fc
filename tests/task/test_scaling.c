/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The model of costs over many ranks, by hand, and beside real messages. */
#include "ranks.h"

/* Costs that can be told apart in a sum. */
static const efla_scaling_costs costs = {.forward = 1e-5,
                                         .sum = 2e-5,
                                         .map = 3e-5,
                                         .product = 1e-3,
                                         .gradient = 1e-2,
                                         .add = 1e-9,
                                         .update = 1e-8,
                                         .latency = 1e-6,
                                         .message = 1e-7,
                                         .rate = 1e9};
static const efla_scaling_work sequence = {.tokens = 120, .heads = 3, .dk = 8, .dv = 16},
                               step = {.groups = 7, .numbers = 80};

static void expect_near(double a, double b) { CHECK_BOUND(fabs(a - b), 16 * U * fabs(b)); } /* sums of 6 terms */

START_TEST(by_hand) {
  efla_scaling_time t = efla_scaling_predict(&costs, &sequence, 1);
  expect_near(t.total, 120 * 3 * 1e-5);
  expect_near(t.own, t.total);
  t = efla_scaling_predict(&costs, &sequence, 2); /* a rank forms M or N, and moves two heads by one product */
  expect_near(t.more, 60 * 3 * 3e-5 + 2 * 1e-3);
  t = efla_scaling_predict(&costs, &sequence, 4);
  expect_near(t.own, 30 * 3 * 1e-5);
  expect_near(t.more, 30 * 3 * 5e-5 + 3 * 1e-3);
  expect_near(t.waiting, 2 * 4 * 1.1e-6);
  expect_near(t.transfer, 4 * (8 * 8 + 2 * 8 * 16) * 4 / 1e9); /* M, N and S of one head and four ranks */
  t = efla_scaling_predict(&costs, &step, 4);
  expect_near(t.own, 2 * 1e-2 + 80 * (1e-8 + 7 * 1e-9 / 4));
  expect_near(t.waiting, (2 * 4 + 2 * 2) * 1.1e-6);
  expect_near(t.transfer, 3 * 80 * 4 * .75 / 1e9);
  expect_near(t.total, t.own + t.waiting + t.transfer);
}
END_TEST

/* Nobody is faster than the pauses that follow each other. */
START_TEST(with_messages) {
  const efla_scaling_work *const all[] = {&sequence, &step};
  for (size_t i = 0; i < 2; i++) {
    const efla_scaling_time t = efla_scaling_predict(&costs, all[i], ranks.size);
    efla_message why;
    double seconds;
    ck_assert_int_eq(efla_scaling_run(&costs, all[i], &ranks, &seconds, &why), EFLA_OK);
    ck_assert_msg(seconds >= .999 * (t.own + t.more), "%zu ranks: %g s", ranks.size, seconds); /* pauses end at a ns */
  }
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const tests[] = {by_hand, with_messages};
  return ranks_main(argc, argv, "scaling", tests, sizeof tests / sizeof *tests, 60);
}
