/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scores of language models: of single texts against decoding, verdicts on pairs and last words, substituted bytes,
 * scaled keys. */
#include "testing.h"

#include "nn/language_decoder.h"
#include "task/text_exchange.h"
#include "task/text_run.h"
#include "task/text_score.h"

enum { CONTEXT = 16, LAYERS = 2, TEXTS = 7 };

static efla_corpus corpus;
static unsigned char bytes[4096];

/* A model of a text in which the next byte follows from the last one, after so many steps. */
static void train(efla_text_run *run, size_t steps, const char *keys, size_t threads) {
  efla_message why;
  efla_text_plan p = {.schedule = {.steps = steps, .warmup = 3, .rate = 1e-2, .least = .1},
                      .rule = efla_adamw_default(0),
                      .every = steps,
                      .windows = 9};
  p.options = (efla_text_options){.corpus = &corpus, .context = CONTEXT, .batch = 6, .group = 3, .threads = threads};
  p.options.model = (efla_lm_config){
      .vocabulary = EFLA_BYTES, .width = 16, .layers = LAYERS, .heads = 2, .hidden = 24, .beta = efla_beta_maps};
  ck_assert_int_eq(efla_rule_find("exact", "none", keys, &p.options.model.rule), EFLA_OK);
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)("abcdefgh"[i % 8]);
  corpus = (efla_corpus){.train = {bytes, 3000}, .valid = {bytes + 3000, 500}, .test = {bytes + 3500, 5}};
  ck_assert_msg(efla_text_run_open(run, &p, NULL, steps, &why) == EFLA_OK, "%s", why.text);
  ck_assert_int_eq(efla_training_finish(&run->training, NULL, NULL, &why), EFLA_OK);
}

/* Texts of 5, 10, ... bytes, scored from a third on. */
static void make_texts(efla_scored_text *texts) {
  for (size_t i = 0; i < TEXTS; i++)
    texts[i] = (efla_scored_text){
        .read = bytes + 11 * i, .next = bytes + 13 * i + 1, .count = 5 * (i + 1), .first = 5 * i / 3};
}

/* The same by decoding, in f64 from the logits on. */
static double decoded(const efla_text_run *run, const efla_scored_text *text, bool *likeliest) {
  efla_lm_decoder d;
  efla_message why;
  double logits[EFLA_BYTES], nats = 0;
  ck_assert_int_eq(efla_lm_decoder_open(&d, &run->plan.options.model, &run->task.learner.devices[0],
                                        run->training.trainer.parameters, &why),
                   EFLA_OK);
  *likeliest = true;
  for (size_t i = 0; i < text->count; i++) {
    double sum = 0, most = -INFINITY;
    ck_assert_int_eq(efla_lm_decoder_step(&d, text->read[i], logits, &why), EFLA_OK);
    for (size_t b = 0; b < EFLA_BYTES; b++) sum += exp(logits[b]), most = fmax(most, logits[b]);
    if (i < text->first) continue;
    nats += log(sum) - logits[text->next[i]];
    *likeliest = *likeliest && logits[text->next[i]] == most;
  }
  efla_lm_decoder_close(&d);
  return nats;
}

/* Two computations in f32, each off by u32 for each of the about 40 operations of a layer and token at worst, as in
 * test_language_model.c. */
START_TEST(texts_against_decoding) {
  efla_text_run run, more;
  efla_message why;
  efla_scored_text texts[TEXTS], again[TEXTS];
  train(&run, 20, "raw", 1), train(&more, 20, "raw", 3);
  make_texts(texts), make_texts(again);
  ck_assert_int_eq(efla_text_score(&run.task, run.training.trainer.parameters, TEXTS, texts, &why), EFLA_OK);
  ck_assert_int_eq(efla_text_score(&more.task, more.training.trainer.parameters, TEXTS, again, &why), EFLA_OK);
  for (size_t i = 0; i < TEXTS; i++) {
    bool likeliest;
    const double expected = decoded(&run, &texts[i], &likeliest);
    CHECK_BOUND(fabs(texts[i].nats - expected), 2 * 40 * LAYERS * (double)texts[i].count * U32 * expected);
    ck_assert_double_eq(texts[i].nats, again[i].nats);
    ck_assert(texts[i].likeliest == likeliest);
  }
  efla_text_run_clear(&run), efla_text_run_clear(&more);
}
END_TEST

/* The trained sequence is right, another one is not, whichever is called acceptable; equal ones never are. */
START_TEST(pairs) {
  efla_text_run run;
  efla_message why;
  efla_text_verdict v[3];
  efla_pair list[] = {{"abcdefghabcd", "abcdefghdcba", 0},
                      {"abcdefgh", "abdcefgh", 0},
                      {"hgfedcba", "abcdefgh", 1},
                      {"bcdefghabcdefghabcdefgh", "bcdefghabcdefghabcdefga", 0},
                      {"abcabc", "abcabc", 1}};
  const efla_pairs three = {.pair = list, .count = 5, .fields = 2, .field = {"a", "b"}};
  train(&run, 120, "raw", 2);
  ck_assert_int_eq(efla_text_judge_pairs(&run.task, run.training.trainer.parameters, &three, v, &why), EFLA_OK);
  ck_assert(v[0].count == 3 && v[1].count == 2 && v[2].count == 5);
  ck_assert(v[0].accuracy == 1 && v[1].accuracy == 0 && v[2].accuracy == 3. / 5);
  ck_assert(v[0].bits < v[2].bits && v[2].bits < v[1].bits);
  efla_text_run_clear(&run);
}
END_TEST

START_TEST(passages) {
  efla_text_run run;
  efla_message why;
  efla_text_verdict v;
  efla_passage list[] = {{"abcdefghabcd", 12, 9}, {"abcdefghabcdef", 14, 8}, {"abcdefghabce", 12, 9}};
  const efla_passages two = {.passage = list, .count = 2}, three = {.passage = list, .count = 3};
  train(&run, 120, "raw", 1);
  ck_assert_int_eq(efla_text_judge_passages(&run.task, run.training.trainer.parameters, &two, &v, &why), EFLA_OK);
  ck_assert(v.count == 2 && v.accuracy == 1 && v.bits > 0 && v.bits < 1);
  ck_assert_int_eq(efla_text_judge_passages(&run.task, run.training.trainer.parameters, &three, &v, &why), EFLA_OK);
  ck_assert(v.count == 3 && v.accuracy == 2. / 3 && v.bits > 1);
  efla_text_run_clear(&run);
}
END_TEST

static double substituted(const efla_text_run *run, double share) {
  efla_message why;
  double bits;
  ck_assert_int_eq(efla_text_evaluate_substituted(&run->task, run->training.trainer.parameters, &corpus.valid, CONTEXT,
                                                  9, share, 5, &bits, &why),
                   EFLA_OK);
  return bits;
}

/* Nothing substituted: the mean over as many tokens as above; all: what is read says nothing, log2 8 or more bits. */
START_TEST(substituted_bytes) {
  efla_text_run run;
  efla_message why;
  double bits;
  train(&run, 120, "raw", 2);
  ck_assert_int_eq(efla_text_evaluate(&run.task, NULL, run.training.trainer.parameters, &corpus.valid, CONTEXT, 9,
                                      &bits, NULL, &why),
                   EFLA_OK);
  CHECK_BOUND(fabs(substituted(&run, 0) - bits), 2 * 40 * LAYERS * CONTEXT * U32 * bits);
  ck_assert(substituted(&run, .05) > bits && substituted(&run, .2) > substituted(&run, .05));
  ck_assert(substituted(&run, 1) > 3 - .3); /* 144 bytes, whose frequencies are near 1/8 */
  ck_assert_double_eq(substituted(&run, .2), substituted(&run, .2));
  ck_assert_int_eq(efla_text_evaluate_substituted(&run.task, run.training.trainer.parameters, &corpus.test, CONTEXT, 9,
                                                  0, 5, &bits, &why),
                   EFLA_OK);
  ck_assert(isnan(bits)); /* shorter than a window */
  efla_text_run_clear(&run);
}
END_TEST

/* A power of two rounds nothing: unit keys lose it, raw keys do not. */
START_TEST(scaled_keys) {
  static const char *const keys[] = {"unit", "raw"};
  static const double factors[] = {0, 1, 4};
  for (size_t k = 0; k < 2; k++) {
    efla_text_run run;
    efla_message why;
    double bits[3];
    train(&run, 40, keys[k], 1);
    efla_text_task task = run.task;
    for (size_t f = 0; f < 3; f++) {
      task.options.model.key_factor = factors[f];
      ck_assert_int_eq(efla_text_evaluate(&task, NULL, run.training.trainer.parameters, &corpus.valid, CONTEXT, 9,
                                          &bits[f], NULL, &why),
                       EFLA_OK);
    }
    ck_assert_double_eq(bits[0], bits[1]);
    ck_assert((bits[0] == bits[2]) == (k == 0));
    efla_text_run_clear(&run);
  }
}
END_TEST

/* The config's own method changes nothing before tuning; another one is the model with that rule; tuning helps, and is
 * the same twice. Nothing of this touches the run. */
START_TEST(exchanged_methods) {
  efla_text_run run;
  efla_message why;
  double own[2], other[2], again[2], expected;
  train(&run, 60, "raw", 2);
  const efla_trainer *t = &run.training.trainer;
  const float first = t->parameters[0];
  ck_assert_int_eq(efla_text_exchange(&run, efla_method_find("exact"), 20, own, &why), EFLA_OK);
  ck_assert_double_eq(own[0], run.training.results[0]);
  ck_assert_int_eq(efla_text_exchange(&run, efla_method_find("euler"), 20, other, &why), EFLA_OK);
  ck_assert_int_eq(efla_text_exchange(&run, efla_method_find("euler"), 20, again, &why), EFLA_OK);
  ck_assert_mem_eq(other, again, sizeof other);
  efla_text_task task = run.task; /* a view */
  task.options.model.rule.method = efla_method_find("euler");
  ck_assert_int_eq(efla_text_evaluate(&task, NULL, t->parameters, &corpus.valid, CONTEXT, 9, &expected, NULL, &why),
                   EFLA_OK);
  ck_assert_double_eq(other[0], expected);
  ck_assert(other[0] != own[0] && other[1] < other[0] && t->step == 60 && t->parameters[0] == first);
  run.training.trainer.diverged = true;
  ck_assert_int_eq(efla_text_exchange(&run, efla_method_find("exact"), 20, own, &why), EFLA_OK);
  ck_assert(isnan(own[0]) && isnan(own[1]));
  efla_text_run_clear(&run);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {texts_against_decoding, pairs,       passages,
                                substituted_bytes,      scaled_keys, exchanged_methods};
  return testing_main("text_score", tests, sizeof tests / sizeof *tests, 60);
}
