/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The trainer on a quadratic loss: the schedule, the groups' order, what decays, checkpoints, divergence. */
#include "testing.h"

#include "efla/cpu/isa.h"
#include "train/trainer.h"

#include <gsl/gsl_rng.h>
#include <unistd.h>

enum { NUMBERS = 5 * EFLA_PAD, DECAYED = 2 * EFLA_PAD, GROUPS = 7, STEPS = 60 };

static size_t poisoned_step; /* in which a loss is nan; 0: none */

/* Group g of step s: the mean over the groups of |p - c|^2/2 with centres c that depend on both. */
static efla_status quadratic(void *context, size_t thread, size_t step, size_t group, const float *p, float *gradient,
                             double *loss, efla_message *why) {
  (void)context, (void)thread, (void)why;
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, 1000 * step + group);
  *loss = 0;
  for (size_t i = 0; i < NUMBERS; i++) {
    const double away = (double)p[i] - 1 - .1 * gsl_rng_uniform(draw);
    gradient[i] += (float)(away / GROUPS), *loss += away * away / 2 / GROUPS;
  }
  gsl_rng_free(draw);
  if (step == poisoned_step && group == 3) *loss = NAN;
  return EFLA_OK;
}

static const efla_schedule schedule = {.steps = STEPS, .warmup = 10, .rate = .05, .least = .1};

static efla_trainer open_trainer(size_t threads, double decay) {
  static const double start[NUMBERS];
  const efla_learner learner = {NULL, NUMBERS, DECAYED, GROUPS, quadratic, NULL};
  efla_adamw rule = efla_adamw_default(0);
  efla_trainer t;
  efla_message why;
  rule.decay = decay;
  ck_assert_int_eq(efla_trainer_init(&t, &learner, &schedule, &rule, threads, start, &why), EFLA_OK);
  return t;
}

static void train(efla_trainer *t, size_t to) {
  efla_message why;
  while (efla_trainer_unfinished(t) && t->step < to) ck_assert_int_eq(efla_trainer_step(t, &why), EFLA_OK);
}

START_TEST(rates) {
  ck_assert_double_eq(efla_schedule_rate(&schedule, 1), .05 / 10);
  ck_assert_double_eq(efla_schedule_rate(&schedule, 10), .05);
  CHECK_BOUND(fabs(efla_schedule_rate(&schedule, 35) - .05 * (.1 + .9 / 2)), 4 * U); /* half of the cosine */
  CHECK_BOUND(fabs(efla_schedule_rate(&schedule, STEPS) - .05 * .1), 4 * U);
  for (size_t s = 11; s <= STEPS; s++)
    ck_assert(efla_schedule_rate(&schedule, s) < efla_schedule_rate(&schedule, s - 1));
}
END_TEST

/* A step of Adam moves a number by at most about its rate: the sum of the rates is 1.6, and the centre is at 1. */
START_TEST(it_trains) {
  efla_trainer t = open_trainer(1, 0);
  train(&t, STEPS);
  ck_assert(!efla_trainer_unfinished(&t) && !t.diverged && t.seconds > 0);
  ck_assert(t.losses[STEPS - 1] < .1 * t.losses[0] && t.norms[STEPS - 1] < .3 * t.norms[0]);
  efla_trainer_clear(&t);
}
END_TEST

START_TEST(same_bits_for_any_number_of_threads) {
  efla_trainer one = open_trainer(1, .1);
  train(&one, STEPS);
  for (size_t threads = 2; threads <= 5; threads++) {
    efla_trainer more = open_trainer(threads, .1);
    train(&more, STEPS);
    ck_assert_mem_eq(one.parameters, more.parameters, 3 * NUMBERS * sizeof *one.parameters);
    ck_assert_mem_eq(one.losses, more.losses, 2 * STEPS * sizeof *one.losses);
    efla_trainer_clear(&more);
  }
  efla_trainer_clear(&one);
}
END_TEST

/* Weight decay changes the first part only. */
START_TEST(what_decays) {
  efla_trainer plain = open_trainer(1, 0), decayed = open_trainer(1, .5);
  train(&plain, 2), train(&decayed, 2); /* in step 1 all numbers are 0 */
  for (size_t i = 0; i < NUMBERS; i++) ck_assert((plain.parameters[i] != decayed.parameters[i]) == (i < DECAYED));
  efla_trainer_clear(&plain), efla_trainer_clear(&decayed);
}
END_TEST

START_TEST(resumed) {
  const char *path = TEST_WORK "/trainer.h5";
  double extra[4] = {3, 1, 4, 0}, read[4] = {0};
  efla_message why;
  efla_trainer whole = open_trainer(1, .1), first = open_trainer(2, .1), second = open_trainer(1, .1);
  unlink(path);
  train(&whole, STEPS), train(&first, 23);
  ck_assert_int_eq(efla_trainer_save(&first, path, "a quadratic", 3, extra, &why), EFLA_OK);
  size_t n = 4;
  ck_assert_int_eq(efla_trainer_load(&second, path, "another", &n, read, &why), EFLA_INPUT);
  ck_assert(strstr(why.text, "a quadratic") && strstr(why.text, "another"));
  ck_assert_int_eq(efla_trainer_load(&second, path, "a quadratic", &n, read, &why), EFLA_OK);
  ck_assert(n == 3 && read[0] == 3 && read[2] == 4 && second.step == 23 && second.seconds == first.seconds);
  train(&second, STEPS);
  ck_assert_mem_eq(whole.parameters, second.parameters, 3 * NUMBERS * sizeof *whole.parameters);
  ck_assert_mem_eq(whole.losses, second.losses, 2 * STEPS * sizeof *whole.losses);
  efla_trainer_clear(&whole), efla_trainer_clear(&first), efla_trainer_clear(&second);
}
END_TEST

/* A loss that is not finite ends a training, and its checkpoint says so; its parameters are those before that step. */
START_TEST(divergence) {
  const char *path = TEST_WORK "/diverged.h5";
  efla_message why;
  double none[1];
  size_t n = 0;
  efla_trainer t = open_trainer(2, 0), before = open_trainer(1, 0), again = open_trainer(1, 0);
  unlink(path);
  train(&before, 11);
  poisoned_step = 12;
  train(&t, STEPS);
  poisoned_step = 0;
  ck_assert(t.diverged && t.step == 12 && isnan(t.losses[11]) && !efla_trainer_unfinished(&t));
  ck_assert_mem_eq(t.parameters, before.parameters, NUMBERS * sizeof *t.parameters);
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
