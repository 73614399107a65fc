/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lm: does a language model profit from the exact flow?
 *
 * Inputs    a text as bytes: the embedded one, or the parts of a directory; the model of nn/language_model.h,
 *           trained from the seed on random windows.
 * Varies    mixer, method, decay, keys, map of beta, learning rate, seed: every combination is a config.
 * Measures  bits per byte: of training batches, of the validation text along training, and at the end of all
 *           parts, in windows of the training length and of 4 and 16 times as much, by place in the window; on
 *           request which of two sentences is likelier, whether last words are predicted, and bits per byte with
 *           substituted bytes and with scaled keys.
 * Expects   small differences between methods at equal keys, larger ones between learning rates; Euler with
 *           raw keys to diverge where keys grow.
 * Writes    one row per config and mean; a training that diverges has nan from then on. With --configs a
 *           stopped run is resumed and finished configs are kept. --generate continues a text. */
#include "laboratory.h"

#include <stdio.h>
#include <stdlib.h>

static efla_text_study study;
static const char *corpus_path, *blimp_path, *lambada_path, *layers_path;
static size_t most_pairs, most_passages;

static const efla_option options[] = {
    {"corpus", "DIR", NULL, NULL,
     "directory of train, valid, test (.txt, .txt.gz, .txt.xz; or the variable EFLA_CORPUS); without it, Shakespeare",
     EFLA_TEXT, &corpus_path, 0, 0, NULL},
    {"mixer", "LIST", "delta", NULL, "mixers", EFLA_NAMES, &study.grid.mixers, 0, 0, efla_mixer_name},
    {"method", "LIST", "exact", NULL, "methods", EFLA_NAMES, &study.grid.methods, 0, 0, efla_method_name},
    {"decay", "LIST", "none", NULL, "decays", EFLA_NAMES, &study.grid.decays, 0, 0, efla_decay_name},
    {"channels", NULL, NULL, NULL, "decays split and strang are per channel", EFLA_FLAG, &study.grid.channels, 0, 0,
     NULL},
    {"keys", "LIST", "raw", NULL, "key treatments", EFLA_NAMES, &study.grid.treatments, 0, 0, efla_key_treatment_name},
    {"beta", "LIST", "sigmoid", NULL, "maps of beta", EFLA_NAMES, &study.grid.maps, 0, 0, efla_beta_map_name},
    {"lr", "LIST", "3e-3", "1e-2", "learning rates", EFLA_REALS, &study.grid.rates, 1e-12, 1e3, NULL},
    {"seeds", "LIST", "42", NULL, "seeds of parameters and windows, beside the common one", EFLA_COUNTS,
     &study.grid.seeds, 0, 4294967295., NULL},
    {"width", "N", "128", "64", "width of the model", EFLA_COUNT, &study.plan.options.model.width, 8, 8192, NULL},
    {"layers", "N", "4", "1", "layers", EFLA_COUNT, &study.plan.options.model.layers, 1, 100, NULL},
    {"heads", "N", "4", "2", "heads, a divisor of the width", EFLA_COUNT, &study.plan.options.model.heads, 1, 256,
     NULL},
    {"hidden", "N", "352", "176", "width of SwiGLU", EFLA_COUNT, &study.plan.options.model.hidden, 1, 65536, NULL},
    {"context", "N", "64", NULL, "tokens of a training sequence", EFLA_COUNT, &study.plan.options.context, 1, 1e6,
     NULL},
    {"batch", "N", "12", NULL, "sequences of a step", EFLA_COUNT, &study.plan.options.batch, 1, 1e5, NULL},
    {"group", "N", "6", NULL, "sequences that a thread takes together, a divisor of the batch", EFLA_COUNT,
     &study.plan.options.group, 1, 1e5, NULL},
    {"steps", "N", "2000", "250", "steps of training", EFLA_COUNT, &study.plan.schedule.steps, 1, 1e9, NULL},
    {"warmup", "N", "100", "20", "steps in which the learning rate rises", EFLA_COUNT, &study.plan.schedule.warmup, 0,
     1e9, NULL},
    {"every", "N", "250", "50", "steps between evaluations", EFLA_COUNT, &study.plan.every, 1, 1e9, NULL},
    {"windows", "N", "1000", "50", "windows of an evaluation, at most", EFLA_COUNT, &study.plan.windows, 1, 1e9, NULL},
    {"configs", "DIR", NULL, NULL, "where configs are kept, one checkpoint each", EFLA_TEXT, &study.configs, 0, 0,
     NULL},
    {"save-every", "N", "100", NULL, "steps between checkpoints", EFLA_COUNT, &study.plan.save, 1, 1e9, NULL},
    {"blimp", "DIR", NULL, NULL, "directory of blimp.tsv and paradigms.tsv (or .gz, .xz): pairs of sentences to judge",
     EFLA_TEXT, &blimp_path, 0, 0, NULL},
    {"pairs", "N", "50", "5", "pairs of each paradigm, at most", EFLA_COUNT, &most_pairs, 1, 1e9, NULL},
    {"lambada", "FILE", NULL, NULL, "passages, one a line (or .gz, .xz), whose last words are to be predicted",
     EFLA_TEXT, &lambada_path, 0, 0, NULL},
    {"passages", "N", "500", "50", "passages, at most", EFLA_COUNT, &most_passages, 1, 1e9, NULL},
    {"robustness", NULL, NULL, NULL, "evaluate with substituted bytes and with scaled keys", EFLA_FLAG,
     &study.judges.robust, 0, 0, NULL},
    {"shares", "LIST", "0,0.01,0.05,0.1,0.2", NULL, "shares of substituted bytes", EFLA_REALS, &study.judges.shares, 0,
     1, NULL},
    {"factors", "LIST", "2,4,8", NULL, "factors of raw keys", EFLA_REALS, &study.judges.factors, 1e-6, 1e6, NULL},
    {"distributions", "FILE", NULL, NULL, "table of beta, lambda, beta*lambda, decays and state norms of each layer",
     EFLA_RESULT, &layers_path, 0, 0, NULL},
    {"tensors", "DIR", NULL, NULL,
     "where q, k, v, beta and g of each layer go, before and after training, as files for diagnose", EFLA_TEXT,
     &study.tensors, 0, 0, NULL},
    {"generate", "TEXT", NULL, NULL, "a text that each model continues, on standard error", EFLA_TEXT, &study.prompt, 0,
     0, NULL},
    {"length", "N", "500", "200", "bytes that are generated", EFLA_COUNT, &study.length, 1, 1e9, NULL},
    {"temperature", "R", "0.8", NULL, "of generated bytes; 0: the likeliest", EFLA_REAL, &study.temperature, 0, 100,
     NULL},
    {.name = NULL},
};

static const efla_further_table further[] = {{"distributions", efla_text_layer_columns}, {NULL, NULL}};

static void remarks(FILE *header) {
  const char *directory = corpus_path && *corpus_path ? corpus_path : getenv("EFLA_CORPUS");
  fprintf(header, "# text: %s\n", directory && *directory ? directory : "Shakespeare");
}

static efla_status check(const efla_cli *cli, efla_message *why) {
  (void)cli;
  return efla_text_study_check(&study, why);
}

static efla_status read_texts(efla_corpus *corpus, efla_message *why) {
  efla_status status = efla_corpus_read(corpus, corpus_path, why);
  if (status == EFLA_OK && blimp_path) status = efla_pairs_read(&study.judges.pairs, blimp_path, most_pairs, why);
  if (status == EFLA_OK && lambada_path)
    status = efla_passages_read(&study.judges.passages, lambada_path, most_passages, why);
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  efla_corpus corpus;
  efla_table layers = {.file = NULL};
  efla_status status = read_texts(&corpus, why);
  if (status == EFLA_OK && layers_path)
    status = efla_table_open_further(&layers, cli, "distributions", layers_path, why), study.layers = &layers;
  study.plan.options.corpus = &corpus, study.plan.options.threads = cli->threads, study.grid.seed = cli->seed;
  study.plan.options.model.vocabulary = EFLA_BYTES;
  study.plan.schedule.least = 0.1;
  study.plan.rule = efla_adamw_default(0);
  study.plan.rule.beta2 = 0.95, study.plan.rule.decay = 0.1;
  if (status == EFLA_OK) status = efla_text_study_run(&study, table, why);
  if (status == EFLA_OK && layers_path) status = efla_table_close(&layers, why);
  efla_table_abandon(&layers);
  efla_corpus_clear(&corpus), efla_pairs_clear(&study.judges.pairs), efla_passages_clear(&study.judges.passages);
  return status;
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "lm",
      .summary = "Trains byte-level language models with the delta rule and measures their bits per byte.",
      .description =
          "The model is a stack of blocks with short convolutions, the delta rule in heads, and SwiGLU. Every "
          "combination of the lists is trained: EFLA is the exact method with raw keys, DeltaNet Euler with unit keys, "
          "Gated DeltaNet that with the decay split, Kimi Delta Attention that per channel. The learning rate rises "
          "in proportion and falls along a cosine to a tenth. Memory in bytes: for each thread 4 * group * context * "
          "(layers * (16 * width + 3 * hidden) + 12 * width + 256), and 4 * (3 + batch/group) for every parameter; beside "
          "these what an evaluation of 16 * context tokens takes, and with softmax attention the weights, layers * heads * "
          "tokens^2. Softmax attention has no positions but those of the convolutions. "
          "The same bits for any number of threads. Sentences and passages begin in the zero state after a line feed; a "
          "sentence is right where its bytes and a line feed are likelier than the other's, a last word where each of "
          "its bytes is the likeliest one. Substituted bytes come from random places of the validation text, and what "
          "is to be predicted stays. Of --passages a group takes as much memory as of windows of their lengths.",
      .options = options,
      .columns = efla_text_study_columns,
      .further = further,
      .run = run,
      .check = check,
      .remarks = remarks};
  return efla_program_main(&program, argc, argv);
}
