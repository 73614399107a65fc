/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recall: how many pairs can a trained model with the delta rule recall?
 *
 * Inputs    sequences of multi-query associative recall (docs/tasks.md): pairs of tokens, then queries among
 *           filler; the model of nn/language_model.h, trained from the seed.
 * Varies    the number of pairs; width, mixer, method, decay, keys, map of beta, learning rate, seed.
 * Measures  accuracy on test sequences: the share of queries that are answered right.
 * Expects   1 up to about as many pairs as a key has entries, less beyond.
 * Writes    one row per number of pairs and config; with --configs a stopped run is resumed. */
#include "laboratory.h"

static efla_token_study study;
static efla_list pairs;
static size_t length, vocabulary;
static bool zeros;

static const efla_option options[] = {
    {"pairs", "LIST", "4,8,16", "4", "pairs of a sequence", EFLA_COUNTS, &pairs, 1, 16384, NULL},
    {"length", "N", "64", "32", "tokens of a sequence, at least 4 for each pair", EFLA_COUNT, &length, 4, 65536, NULL},
    {"vocabulary", "N", "512", "64", "tokens that there are, more than the length", EFLA_COUNT, &vocabulary, 4, 65535,
     NULL},
    {"zeros", NULL, NULL, NULL, "filler is token 0, and not random", EFLA_FLAG, &zeros, 0, 0, NULL},
    EFLA_TOKEN_STUDY_OPTIONS(study),
    {.name = NULL},
};

static efla_status check(const efla_cli *cli, efla_message *why) {
  static efla_token_problem problems[EFLA_LIST_MAX];
  (void)cli;
  for (size_t i = 0; i < pairs.n; i++) {
    problems[i] = (efla_token_problem){efla_token_task_find("mqar"), efla_token_task_find("mqar")->settings};
    efla_token_settings *s = &problems[i].settings;
    s->vocabulary = vocabulary, s->length = length, s->items = pairs.count[i], s->random_filler = !zeros;
  }
  study.problems = problems, study.n = pairs.n;
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
      .name = "recall",
      .summary = "Trains models with the delta rule on multi-query associative recall and measures their accuracy.",
      .description =
          "A sequence has pairs of a key and a value, then the keys again in another order at places of a power law, "
          "among filler: the model is to give each key's value. Every combination of the lists is trained. The same "
          "bits for any number of threads and ranks.",
      .options = options,
      .columns = efla_token_study_columns,
      .run = run,
      .check = check,
      .over_ranks = true};
  return efla_program_main(&program, argc, argv);
}
