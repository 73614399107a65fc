/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recall: how many pairs can a trained model with the delta rule recall?
 *
 * Inputs    sequences of multi-query associative recall (docs/tasks.md): pairs of tokens, then queries among
 *           filler; the model of nn/language_model.h, trained from the seed.
 * Varies    the number of pairs; mixer, method, decay, keys, map of beta, learning rate, seed.
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
    {"hidden", "N", "64", "32", "width of SwiGLU", EFLA_COUNT, &study.plan.model.hidden, 1, 65536, NULL},
    {"batch", "N", "64", "16", "sequences of a step", EFLA_COUNT, &study.plan.batch, 1, 1e5, NULL},
    {"group", "N", "8", NULL, "sequences that a thread takes together, a divisor of the batch", EFLA_COUNT,
     &study.plan.group, 1, 1e5, NULL},
    {"steps", "N", "1000", "40", "steps of training", EFLA_COUNT, &study.plan.schedule.steps, 1, 1e9, NULL},
    {"warmup", "N", "50", "5", "steps in which the learning rate rises", EFLA_COUNT, &study.plan.schedule.warmup, 0,
     1e9, NULL},
    {"examples", "N", "0", NULL, "training sequences, taken in turn; 0: always new ones", EFLA_COUNT,
     &study.plan.examples, 0, 1e12, NULL},
    {"tested", "N", "1000", "50", "test sequences", EFLA_COUNT, &study.plan.tested, 1, 1e7, NULL},
    {"configs", "DIR", NULL, NULL, "where configs are kept, one checkpoint each", EFLA_TEXT, &study.configs, 0, 0,
     NULL},
    {"save-every", "N", "100", NULL, "steps between checkpoints", EFLA_COUNT, &study.plan.save, 1, 1e9, NULL},
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
  study.plan.threads = cli->threads, study.grid.seed = cli->seed, study.plan.schedule.least = 0.1;
  study.plan.rule = efla_adamw_default(0), study.plan.rule.decay = 0.1;
  return efla_token_study_run(&study, table, why);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "recall",
      .summary = "Trains models with the delta rule on multi-query associative recall and measures their accuracy.",
      .description =
          "A sequence has pairs of a key and a value, then the keys again in another order at places of a power law, "
          "among filler: the model is to give each key's value. Every combination of the lists is trained. The same "
          "bits for any number of threads.",
      .options = options,
      .columns = efla_token_study_columns,
      .run = run,
      .check = check};
  return efla_program_main(&program, argc, argv);
}
