/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mad: how do models with the delta rule do on the synthetic tasks of MAD?
 *
 * Inputs    sequences of the tasks (docs/tasks.md), by default at a size for two cores, with --published at the
 *           published one; the model of nn/language_model.h, for compression as an auto-encoder, trained from the
 *           seed.
 * Varies    the task; width, mixer, method, decay, keys, map of beta, learning rate, seed.
 * Measures  accuracy on test sequences, scored as published: the mean over labels.
 * Expects   recall tasks to tell the rules apart, selective copying and memorization less so.
 * Writes    one row per task and config; with --configs a stopped run is resumed. */
#include "laboratory.h"

static efla_token_study study;
static efla_list tasks;
static bool published;

/* The tasks, and what is smaller than published: vocabulary without noise, length, items. */
static const struct size {
  const char *task;
  size_t vocabulary, length, items;
} sizes[] = {{"in-context-recall", 16, 64, 0}, {"fuzzy-recall", 16, 64, 0}, {"noisy-recall", 16, 64, 0},
             {"selective-copying", 16, 64, 8}, {"compression", 16, 16, 0},  {"memorization", 64, 32, 0}};

static const char *task_name(size_t i) { return i < sizeof sizes / sizeof *sizes ? sizes[i].task : NULL; }

static const efla_option options[] = {
    {"tasks", "LIST", "all", "in-context-recall", "tasks", EFLA_NAMES, &tasks, 0, 0, task_name},
    {"published", NULL, NULL, NULL, "vocabularies and lengths as published", EFLA_FLAG, &published, 0, 0, NULL},
    EFLA_TOKEN_STUDY_OPTIONS(study),
    {.name = NULL},
};

static efla_status check(const efla_cli *cli, efla_message *why) {
  static efla_token_problem problems[EFLA_LIST_MAX];
  (void)cli;
  for (size_t i = 0; i < tasks.n; i++) {
    const struct size *size = &sizes[tasks.row[i]];
    problems[i] = (efla_token_problem){efla_token_task_find(size->task), efla_token_task_find(size->task)->settings};
    efla_token_settings *s = &problems[i].settings;
    if (!published)
      s->vocabulary = size->vocabulary + s->noise_vocabulary, s->length = size->length, s->items = size->items;
  }
  study.problems = problems, study.n = tasks.n;
  return efla_token_study_check(&study, why);
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  study.plan.threads = cli->threads, study.plan.ranks = efla_study_join(&study.study, cli->ranks);
  study.grid.seed = cli->seed, study.plan.schedule.least = 0.1;
  study.plan.rule = efla_adamw_default(0), study.plan.rule.decay = 0.1;
  study.table = table;
  return efla_study_run(&study.study, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "mad",
      .summary = "Trains models with the delta rule on the synthetic tasks of MAD and measures their accuracy.",
      .description =
          "Every combination of the lists is trained. Without --published the tasks are smaller than published, so that "
          "their accuracies are not those of other tables. The same bits for any number of threads and ranks.",
      .options = options,
      .columns = efla_token_study_columns,
      .run = run,
      .check = check,
      .over_ranks = true};
  return efla_program_main(&program, argc, argv);
}
