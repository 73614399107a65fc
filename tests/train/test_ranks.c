/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Training over ranks: the bits of one process, whatever their number; checkpoints that any number resumes; failures
 * and divergence, of which all learn. */
#include "quadratic.h"
#include "ranks.h"

#include "train/training.h"

#include <unistd.h>

static void expect_same(const efla_trainer *a, const efla_trainer *b) {
  ck_assert_mem_eq(a->parameters, b->parameters, 3 * QUADRATIC_NUMBERS * sizeof *a->parameters);
  ck_assert_mem_eq(a->losses, b->losses, 2 * QUADRATIC_STEPS * sizeof *a->losses);
  ck_assert_uint_eq(a->step, b->step);
}

START_TEST(bits_of_one_process) {
  efla_trainer alone = quadratic_open(1, NULL, .1), shared = quadratic_open(1 + ranks.rank % 2, &ranks, .1);
  quadratic_train(&alone, QUADRATIC_STEPS), quadratic_train(&shared, QUADRATIC_STEPS);
  expect_same(&alone, &shared);
  efla_trainer_clear(&alone), efla_trainer_clear(&shared);
}
END_TEST

/* 7 groups and 5 blocks of numbers: with 8 ranks some have no group, and some no numbers to add. */
START_TEST(memory) {
  const efla_learner learner = quadratic_learner();
  const size_t own = (QUADRATIC_GROUPS - ranks.rank + ranks.size - 1) / ranks.size, rows = own > 0 ? own : 1,
               share = (5 + ranks.size - 1) / ranks.size * EFLA_PAD, n = QUADRATIC_NUMBERS;
  ck_assert_uint_eq(efla_trainer_floats(&learner, NULL), (3 + QUADRATIC_GROUPS) * n);
  ck_assert_uint_eq(efla_trainer_floats(&learner, &ranks),
                    3 * n + (ranks.size == 1 ? QUADRATIC_GROUPS * n : (rows + 1) * share * ranks.size + share));
}
END_TEST

START_TEST(a_failure_is_told_to_all) {
  efla_trainer t = quadratic_open(1, &ranks, 0);
  efla_message why;
  quadratic_failing = 5;
  quadratic_train(&t, 4);
  ck_assert_int_eq(efla_trainer_step(&t, &why), EFLA_INPUT);
  ck_assert_str_eq(why.text, "group 3 fails");
  ck_assert_uint_eq(t.step, 4);
  quadratic_failing = 0;
  quadratic_train(&t, 6); /* it could go on */
  efla_trainer_clear(&t);
}
END_TEST

START_TEST(divergence_is_seen_by_all) {
  efla_trainer alone = quadratic_open(1, NULL, 0), shared = quadratic_open(1, &ranks, 0);
  quadratic_poisoned = 12;
  quadratic_train(&alone, QUADRATIC_STEPS), quadratic_train(&shared, QUADRATIC_STEPS);
  quadratic_poisoned = 0;
  ck_assert(shared.diverged && shared.step == 12);
  ck_assert_mem_eq(alone.parameters, shared.parameters, 3 * QUADRATIC_NUMBERS * sizeof *alone.parameters);
  efla_trainer_clear(&alone), efla_trainer_clear(&shared);
}
END_TEST

/* ---- trainings ---- */

static size_t at_steps(const void *context, size_t i) {
  (void)context;
  return 20 * (i + 1);
}

static efla_status evaluate(void *context, const float *parameters, size_t i, double *x, efla_message *why) {
  const efla_communicator *where = context;
  if (i == 2 && where && where->rank + 1 == where->size) return efla_fail(why, EFLA_INPUT, "evaluation fails");
  x[0] = (double)parameters[i];
  return EFLA_OK;
}

/* A failing one fails in its last evaluation, on the last rank. */
static efla_status finish(const efla_communicator *where, const char *settings, bool failing, efla_training *run,
                          efla_message *why) {
  static const double start[QUADRATIC_NUMBERS];
  const efla_learner learner = quadratic_learner();
  const efla_training_plan plan = {
      .schedule = quadratic_schedule,
      .rule = efla_adamw_default(0),
      .threads = 1,
      .ranks = where,
      .evaluations = {3, 1, failing ? (void *)(uintptr_t)where : NULL, at_steps, NULL, evaluate},
      .batch = QUADRATIC_GROUPS,
      .settings = settings,
      .path = TEST_WORK "/ranks.h5",
      .save = 7};
  const efla_status status = efla_training_open(run, &learner, &plan, start, why);
  return status == EFLA_OK ? efla_training_finish(run, NULL, NULL, why) : status;
}

static void remove_checkpoint(void) {
  efla_message why;
  if (ranks.rank == 0) unlink(TEST_WORK "/ranks.h5");
  ck_assert_int_eq(efla_ranks_agree(&ranks, EFLA_OK, &why), EFLA_OK);
}

/* What ranks began, and could not end, is ended by one process; what that has kept is read by the ranks. */
START_TEST(resumed) {
  efla_training run;
  efla_message why;
  efla_trainer alone = quadratic_open(1, NULL, efla_adamw_default(0).decay);
  quadratic_train(&alone, QUADRATIC_STEPS);
  remove_checkpoint();
  ck_assert_int_eq(finish(&ranks, "quadratic", true, &run, &why), EFLA_INPUT);
  ck_assert_str_eq(why.text, "evaluation fails");
  ck_assert_uint_eq(run.evaluated, 2);
  efla_training_clear(&run);
  if (ranks.rank == 0) {
    ck_assert_int_eq(finish(NULL, "quadratic", false, &run, &why), EFLA_OK);
    expect_same(&alone, &run.trainer);
    efla_training_clear(&run);
  }
  ck_assert_int_eq(efla_ranks_agree(&ranks, EFLA_OK, &why), EFLA_OK);
  ck_assert_int_eq(finish(&ranks, "quadratic", true, &run, &why), EFLA_OK); /* nothing is left to do */
  ck_assert(run.evaluated == 3 && run.results[2] == (double)run.trainer.parameters[2]);
  expect_same(&alone, &run.trainer);
  efla_training_clear(&run), efla_trainer_clear(&alone);
}
END_TEST

START_TEST(other_data) {
  efla_training run;
  efla_message why;
  remove_checkpoint();
  const bool last = ranks.size > 1 && ranks.rank + 1 == ranks.size;
  const efla_status status = finish(&ranks, last ? "quadratic, text 2" : "quadratic, text 1", false, &run, &why);
  ck_assert_int_eq(status, ranks.size > 1 ? EFLA_USAGE : EFLA_OK);
  if (status != EFLA_OK) ck_assert(strstr(why.text, "has other settings or data than rank 0") != NULL);
  efla_training_clear(&run);
}
END_TEST

/* A checkpoint of another training is read by one rank and refused on all. */
START_TEST(other_checkpoint) {
  efla_training run;
  efla_message why;
  remove_checkpoint();
  ck_assert_int_eq(finish(&ranks, "quadratic", false, &run, &why), EFLA_OK);
  efla_training_clear(&run);
  ck_assert_int_eq(finish(&ranks, "cubic", false, &run, &why), EFLA_INPUT);
  ck_assert(strstr(why.text, "of another training") != NULL);
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const tests[] = {bits_of_one_process,       memory,  a_failure_is_told_to_all,
                                divergence_is_seen_by_all, resumed, other_data,
                                other_checkpoint};
  return ranks_main(argc, argv, "training over ranks", tests, sizeof tests / sizeof *tests, 60);
}
