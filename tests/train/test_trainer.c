/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The trainer on a quadratic loss: the schedule, the groups' order, what decays, checkpoints, divergence. */
#include "quadratic.h"

#include <unistd.h>

START_TEST(rates) {
  ck_assert_double_eq(efla_schedule_rate(&quadratic_schedule, 1), .05 / 10);
  ck_assert_double_eq(efla_schedule_rate(&quadratic_schedule, 10), .05);
  CHECK_BOUND(fabs(efla_schedule_rate(&quadratic_schedule, 35) - .05 * (.1 + .9 / 2)), 4 * U); /* half of the cosine */
  CHECK_BOUND(fabs(efla_schedule_rate(&quadratic_schedule, QUADRATIC_STEPS) - .05 * .1), 4 * U);
  for (size_t s = 11; s <= QUADRATIC_STEPS; s++)
    ck_assert(efla_schedule_rate(&quadratic_schedule, s) < efla_schedule_rate(&quadratic_schedule, s - 1));
}
END_TEST

/* A step of Adam moves a number by at most about its rate: the sum of the rates is 1.6, and the centre is at 1. */
START_TEST(it_trains) {
  efla_trainer t = quadratic_open(1, NULL, 0);
  quadratic_train(&t, QUADRATIC_STEPS);
  ck_assert(!efla_trainer_unfinished(&t) && !t.diverged && t.seconds > 0);
  ck_assert(t.losses[QUADRATIC_STEPS - 1] < .1 * t.losses[0] && t.norms[QUADRATIC_STEPS - 1] < .3 * t.norms[0]);
  efla_trainer_clear(&t);
}
END_TEST

START_TEST(same_bits_for_any_number_of_threads) {
  efla_trainer one = quadratic_open(1, NULL, .1);
  quadratic_train(&one, QUADRATIC_STEPS);
  for (size_t threads = 2; threads <= 5; threads++) {
    efla_trainer more = quadratic_open(threads, NULL, .1);
    quadratic_train(&more, QUADRATIC_STEPS);
    ck_assert_mem_eq(one.parameters, more.parameters, 3 * QUADRATIC_NUMBERS * sizeof *one.parameters);
    ck_assert_mem_eq(one.losses, more.losses, 2 * QUADRATIC_STEPS * sizeof *one.losses);
    efla_trainer_clear(&more);
  }
  efla_trainer_clear(&one);
}
END_TEST

/* Weight decay changes the first part only. */
START_TEST(what_decays) {
  efla_trainer plain = quadratic_open(1, NULL, 0), decayed = quadratic_open(1, NULL, .5);
  quadratic_train(&plain, 2), quadratic_train(&decayed, 2); /* in step 1 all numbers are 0 */
  for (size_t i = 0; i < QUADRATIC_NUMBERS; i++)
    ck_assert((plain.parameters[i] != decayed.parameters[i]) == (i < QUADRATIC_DECAYED));
  efla_trainer_clear(&plain), efla_trainer_clear(&decayed);
}
END_TEST

START_TEST(resumed) {
  const char *path = TEST_WORK "/trainer.h5";
  double extra[4] = {3, 1, 4, 0}, read[4] = {0};
  efla_message why;
  efla_trainer whole = quadratic_open(1, NULL, .1), first = quadratic_open(2, NULL, .1),
               second = quadratic_open(1, NULL, .1);
  unlink(path);
  quadratic_train(&whole, QUADRATIC_STEPS), quadratic_train(&first, 23);
  ck_assert_int_eq(efla_trainer_save(&first, path, "a quadratic", 3, extra, &why), EFLA_OK);
  size_t n = 4;
  ck_assert_int_eq(efla_trainer_load(&second, path, "another", &n, read, &why), EFLA_INPUT);
  ck_assert(strstr(why.text, "a quadratic") && strstr(why.text, "another"));
  ck_assert_int_eq(efla_trainer_load(&second, path, "a quadratic", &n, read, &why), EFLA_OK);
  ck_assert(n == 3 && read[0] == 3 && read[2] == 4 && second.step == 23 && second.seconds == first.seconds);
  quadratic_train(&second, QUADRATIC_STEPS);
  ck_assert_mem_eq(whole.parameters, second.parameters, 3 * QUADRATIC_NUMBERS * sizeof *whole.parameters);
  ck_assert_mem_eq(whole.losses, second.losses, 2 * QUADRATIC_STEPS * sizeof *whole.losses);
  efla_trainer_clear(&whole), efla_trainer_clear(&first), efla_trainer_clear(&second);
}
END_TEST

/* A loss that is not finite ends a training, and its checkpoint says so; its parameters are those before that step. */
START_TEST(divergence) {
  const char *path = TEST_WORK "/diverged.h5";
  efla_message why;
  double none[1];
  size_t n = 0;
  efla_trainer t = quadratic_open(2, NULL, 0), before = quadratic_open(1, NULL, 0), again = quadratic_open(1, NULL, 0);
  unlink(path);
  quadratic_train(&before, 11);
  quadratic_poisoned = 12;
  quadratic_train(&t, QUADRATIC_STEPS);
  quadratic_poisoned = 0;
  ck_assert(t.diverged && t.step == 12 && isnan(t.losses[11]) && !efla_trainer_unfinished(&t));
  ck_assert_mem_eq(t.parameters, before.parameters, QUADRATIC_NUMBERS * sizeof *t.parameters);
  ck_assert_int_eq(efla_trainer_save(&t, path, "a quadratic", 0, none, &why), EFLA_OK);
  ck_assert_int_eq(efla_trainer_load(&again, path, "a quadratic", &n, none, &why), EFLA_OK);
  ck_assert(again.diverged && again.step == 12 && n == 0);
  efla_trainer_clear(&t), efla_trainer_clear(&before), efla_trainer_clear(&again);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {rates,       it_trains, same_bits_for_any_number_of_threads,
                                what_decays, resumed,   divergence};
  return testing_main("trainer", tests, sizeof tests / sizeof *tests, 60);
}
