/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Models on token tasks: published scores by hand, training that learns, same bits however it is run. */
#include "testing.h"

#include "task/token_run.h"
#include "task/token_score.h"

#include <unistd.h>

/* By example: 1 of 2, 1 of 1, none is scored. By label: 5 is right once in two, 6 once in one, 7 is only answered. */
START_TEST(scores) {
  enum { N = 3, _ = EFLA_UNSCORED };
  static const uint16_t labels[] = {5, _, 5, _, 6, _, _, _, _}, answers[] = {5, 9, 7, 9, 6, 9, 9, 9, 9};
  efla_message why;
  double accuracy;
  ck_assert_int_eq(efla_token_score_of(EFLA_SCORE_EXAMPLES, 10, N, 3, labels, answers, &accuracy, &why), EFLA_OK);
  CHECK_BOUND(fabs(accuracy - (.5 + 1 + 0) / 3), 2 * U);
  ck_assert_int_eq(efla_token_score_of(EFLA_SCORE_LABELS, 10, N, 3, labels, answers, &accuracy, &why), EFLA_OK);
  CHECK_BOUND(fabs(accuracy - (.5 + 1 + 0) / 3), 2 * U);
}
END_TEST

/* Batches of 128 examples are averaged by themselves: 128 of label 1, all right, then one of label 2, wrong. */
START_TEST(scores_of_batches) {
  enum { N = 129 };
  uint16_t labels[N], answers[N];
  efla_message why;
  double accuracy;
  for (size_t i = 0; i < N; i++) labels[i] = i < 128 ? 1 : 2, answers[i] = i < 128 ? 1 : 2 + 1;
  ck_assert_int_eq(efla_token_score_of(EFLA_SCORE_LABELS, 4, N, 1, labels, answers, &accuracy, &why), EFLA_OK);
  ck_assert_double_eq(accuracy, .5);
}
END_TEST

static efla_token_plan plan_of(size_t threads, size_t steps) {
  efla_token_plan p = {.task = efla_token_task_find("mqar"),
                       .batch = 16,
                       .group = 4,
                       .threads = threads,
                       .seed = 7,
                       .tested = 40,
                       .schedule = {.steps = steps, .warmup = 5, .rate = 1e-2, .least = .1},
                       .rule = efla_adamw_default(0)};
  p.settings = p.task->settings;
  p.settings.vocabulary = 18, p.settings.length = 8, p.settings.items = 2, p.settings.random_filler = false;
  p.model = (efla_lm_config){.width = 32, .layers = 2, .heads = 1, .hidden = 32, .beta = efla_beta_maps};
  efla_rule_find("exact", "none", "unit", &p.model.rule);
  return p;
}

/* Two pairs among 8 keys and 9 values: from one in nine to nearly all. */
START_TEST(learns) {
  const efla_token_plan p = plan_of(2, 250);
  efla_token_run run;
  efla_message why;
  double accuracy, loss;
  ck_assert_int_eq(efla_token_run_open(&run, &p, NULL, 3, &why), EFLA_OK);
  ck_assert_int_eq(efla_token_run_test(&run, run.training.trainer.parameters, &accuracy, &loss, &why), EFLA_OK);
  ck_assert_msg(accuracy < .4 && fabs(loss - log(18)) < .3, "accuracy %g, loss %g", accuracy, loss);
  ck_assert_int_eq(efla_training_finish(&run.training, NULL, NULL, &why), EFLA_OK);
  accuracy = run.training.results[0], loss = run.training.results[1];
  ck_assert_msg(accuracy > .8, "accuracy %g, loss %g", accuracy, loss);
  efla_token_run_clear(&run);
}
END_TEST

START_TEST(same_bits_however_it_is_run) {
  const char *path = TEST_WORK "/token_run.h5";
  const efla_token_plan whole = plan_of(1, 10), kept = plan_of(3, 10);
  efla_token_run a, b;
  efla_message why;
  unlink(path);
  ck_assert_int_eq(efla_token_run_open(&a, &whole, NULL, 3, &why), EFLA_OK);
  ck_assert_int_eq(efla_training_finish(&a.training, NULL, NULL, &why), EFLA_OK);
  ck_assert_int_eq(efla_token_run_open(&b, &kept, path, 3, &why), EFLA_OK);
  for (int i = 0; i < 5; i++) ck_assert_int_eq(efla_trainer_step(&b.training.trainer, &why), EFLA_OK);
  ck_assert_int_eq(efla_trainer_save(&b.training.trainer, path, b.settings, 0, NULL, &why), EFLA_OK);
  efla_token_run_clear(&b);
  ck_assert_int_eq(efla_token_run_open(&b, &kept, path, 3, &why), EFLA_OK);
  ck_assert_uint_eq(b.training.trainer.step, 5);
  ck_assert_int_eq(efla_training_finish(&b.training, NULL, NULL, &why), EFLA_OK);
  ck_assert_mem_eq(a.training.trainer.parameters, b.training.trainer.parameters,
                   a.training.trainer.learner.numbers * sizeof *a.training.trainer.parameters);
  ck_assert_mem_eq(a.training.results, b.training.results, 2 * sizeof *a.training.results);
  efla_token_run_clear(&a), efla_token_run_clear(&b);
}
END_TEST

START_TEST(divergence_and_refusals) {
  efla_token_plan p = plan_of(1, 20);
  efla_token_run run;
  efla_message why;
  p.schedule.rate = 1e30, p.schedule.warmup = 0;
  ck_assert_int_eq(efla_token_run_open(&run, &p, NULL, 3, &why), EFLA_OK);
  ck_assert_int_eq(efla_training_finish(&run.training, NULL, NULL, &why), EFLA_OK);
  ck_assert(run.training.trainer.diverged && isnan(run.training.results[0]) && isnan(run.training.results[1]));
  efla_token_run_clear(&run);
  p.settings.items = 3; /* 4 tokens each, of 8 */
  ck_assert_int_eq(efla_token_run_open(&run, &p, NULL, 3, &why), EFLA_USAGE);
}
END_TEST

/* Three tokens of three and the marker: nearly all, where a third and the marker would be chance. */
START_TEST(compresses) {
  efla_token_plan p = plan_of(2, 250);
  efla_token_run run;
  efla_message why;
  p.task = efla_token_task_find("compression"), p.settings = p.task->settings;
  p.settings.vocabulary = 4, p.settings.length = 4;
  ck_assert_int_eq(efla_token_run_open(&run, &p, NULL, 3, &why), EFLA_OK);
  ck_assert_int_eq(efla_training_finish(&run.training, NULL, NULL, &why), EFLA_OK);
  ck_assert_msg(run.training.results[0] > .8, "accuracy %g", run.training.results[0]);
  efla_token_run_clear(&run);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {scores,     scores_of_batches,           learns,
                                compresses, same_bits_however_it_is_run, divergence_and_refusals};
  return testing_main("token_run", tests, sizeof tests / sizeof *tests, 60);
}
