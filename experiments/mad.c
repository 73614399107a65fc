/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mad: how do models with the delta rule do on the synthetic tasks of MAD?
 *
 * Inputs    sequences of the tasks (docs/tasks.md), by default at a size for two cores, with --published at the
 *           published one; the model of nn/language_model.h, trained from the seed.
 * Varies    the task; mixer, method, decay, keys, map of beta, learning rate, seed.
 * Measures  accuracy on test sequences, scored as published: the mean over labels.
 * Expects   recall tasks to tell the rules apart, selective copying and memorization less so.
 * Writes    one row per task and config; with --configs a stopped run is resumed. Compression, whose labels
 *           follow from what is kept after the last token, needs another model and is not among the tasks. */
#include "laboratory.h"

static efla_token_study study;
static efla_list tasks;
static bool published;

/* The tasks, and what is smaller than published: vocabulary, length, items. */
static const struct size {
  const char *task;
  size_t vocabulary, length, items;
} sizes[] = {{"in-context-recall", 16, 64, 0},
             {"fuzzy-recall", 16, 64, 0},
             {"noisy-recall", 32, 64, 0},
             {"selective-copying", 16, 64, 8},
             {"memorization", 64, 32, 0}};

static const char *task_name(size_t i) { return i < sizeof sizes / sizeof *sizes ? sizes[i].task : NULL; }

static const efla_option options[] = {
    {"tasks", "LIST", "all", "in-context-recall", "tasks", EFLA_NAMES, &tasks, 0, 0, task_name},
    {"published", NULL, NULL, NULL, "vocabularies and lengths as published", EFLA_FLAG, &published, 0, 0, NULL},
    {"mixer", "LIST", "delta", NULL, "mixers", EFLA_NAMES, &study.grid.mixers, 0, 0, efla_mixer_name},
    {"method", "LIST", "exact,euler", "exact", "methods", EFLA_NAMES, &study.grid.methods, 0, 0, efla_method_name},
    {"decay", "LIST", "none", NULL, "decays", EFLA_NAMES, &study.grid.decays, 0, 0, efla_decay_name},
    {"channels", NULL, NULL, NULL, "decays split and strang are per channel", EFLA_FLAG, &study.grid.channels, 0, 0,
     NULL},
    {"keys", "LIST", "unit", NULL, "key treatments", EFLA_NAMES, &study.grid.treatments, 0, 0, efla_key_treatment_name},
    {"beta", "LIST", "sigmoid", NULL, "maps of beta", EFLA_NAMES, &study.grid.maps, 0, 0, efla_beta_map_name},
    {"lr", "LIST", "3e-3", "1e-2", "learning rates", EFLA_REALS, &study.grid.rates, 1e-12, 1e3, NULL},
    {"seeds", "LIST", "42", NULL, "seeds of parameters and examples, beside the common one", EFLA_COUNTS,
     &study.grid.seeds, 0, 4294967295., NULL},
    {"width", "N", "64", "32", "width of the model", EFLA_COUNT, &study.plan.model.width, 8, 8192, NULL},
    {"layers", "N", "2", "1", "layers", EFLA_COUNT, &study.plan.model.layers, 1, 100, NULL},
    {"heads", "N", "2", "1", "heads, a divisor of the width", EFLA_COUNT, &study.plan.model.heads, 1, 256, NULL},
    {"hidden", "N", "128", "32", "width of SwiGLU", EFLA_COUNT, &study.plan.model.hidden, 1, 65536, NULL},
    {"batch", "N", "64", "16", "sequences of a step", EFLA_COUNT, &study.plan.batch, 1, 1e5, NULL},
    {"group", "N", "8", NULL, "sequences that a thread takes together, a divisor of the batch", EFLA_COUNT,
     &study.plan.group, 1, 1e5, NULL},
    {"steps", "N", "1000", "40", "steps of training", EFLA_COUNT, &study.plan.schedule.steps, 1, 1e9, NULL},
    {"warmup", "N", "50", "5", "steps in which the learning rate rises", EFLA_COUNT, &study.plan.schedule.warmup, 0,
     1e9, NULL},
    {"examples", "N", "0", NULL, "training sequences, taken in turn; 0: always new ones", EFLA_COUNT,
     &study.plan.examples, 0, 1e12, NULL},
    {"tested", "N", "1280", "50", "test sequences", EFLA_COUNT, &study.plan.tested, 1, 1e7, NULL},
    {"configs", "DIR", NULL, NULL, "where configs are kept, one checkpoint each", EFLA_TEXT, &study.configs, 0, 0,
     NULL},
    {"save-every", "N", "100", NULL, "steps between checkpoints", EFLA_COUNT, &study.plan.save, 1, 1e9, NULL},
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
  study.plan.threads = cli->threads, study.grid.seed = cli->seed, study.plan.schedule.least = 0.1;
  study.plan.rule = efla_adamw_default(0), study.plan.rule.decay = 0.1;
  return efla_token_study_run(&study, table, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "mad",
      .summary = "Trains models with the delta rule on the synthetic tasks of MAD and measures their accuracy.",
      .description =
          "Every combination of the lists is trained. Without --published the tasks are smaller than published, so that "
          "their accuracies are not those of other tables. The same bits for any number of threads.",
      .options = options,
      .columns = efla_token_study_columns,
      .run = run,
      .check = check};
  return efla_program_main(&program, argc, argv);
}
