/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Language models of bytes: evaluations, trainings that were stopped, divergence, generated texts. */
#include "testing.h"

#include "task/text_generation.h"

#include <unistd.h>

enum { CONTEXT = 16, WIDTH = 16, STEPS = 12 };

static efla_corpus corpus;
static unsigned char bytes[4096];

/* A text in which the next byte follows from the last one. */
static void make_corpus(void) {
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)("abcdefgh"[i % 8]);
  corpus = (efla_corpus){.train = {bytes, 3000}, .valid = {bytes + 3000, 500}, .test = {bytes + 3500, 5}};
}

static efla_text_plan plan_of(size_t threads) {
  efla_text_plan p = {.schedule = {.steps = STEPS, .warmup = 3, .rate = 1e-2, .least = .1},
                      .rule = efla_adamw_default(0),
                      .every = 5,
                      .windows = 9};
  p.options = (efla_text_options){.corpus = &corpus, .context = CONTEXT, .batch = 6, .group = 2, .threads = threads};
  p.options.model = (efla_lm_config){
      .vocabulary = EFLA_BYTES, .width = WIDTH, .layers = 1, .heads = 2, .hidden = 24, .beta = efla_beta_maps};
  efla_rule_find("exact", "split", "raw", &p.options.model.rule);
  make_corpus();
  return p;
}

static void open_run(efla_text_run *run, const efla_text_plan *p, const char *path) {
  efla_message why;
  ck_assert_msg(efla_text_run_open(run, p, path, 4, &why) == EFLA_OK, "%s", why.text);
}

static void finish(efla_text_run *run) {
  efla_message why;
  ck_assert_int_eq(efla_training_finish(&run->training, NULL, NULL, &why), EFLA_OK);
}

START_TEST(learns_and_evaluates) {
  const efla_text_plan p = plan_of(1);
  efla_text_run run;
  open_run(&run, &p, NULL);
  efla_message why;
  double bits, places[CONTEXT], other;
  finish(&run);
  ck_assert_uint_eq(run.training.evaluated, 3);
  ck_assert_uint_eq(efla_text_step_of(&p, 2), STEPS);
  CHECK_BOUND(fabs(run.training.trainer.losses[0] / M_LN2 - 8), .1); /* 256 bytes, about equally likely */
  ck_assert(run.training.results[2] < run.training.results[0] && run.training.results[2] < 7.5);
  const float *now = run.training.trainer.parameters;
  ck_assert_int_eq(efla_text_evaluate(&run.task, NULL, now, &corpus.valid, CONTEXT, 9, &bits, places, &why), EFLA_OK);
  ck_assert_double_eq(bits, run.training.results[2]);
  double mean = 0;
  for (size_t i = 0; i < CONTEXT; i++) mean += places[i] / CONTEXT;
  CHECK_BOUND(fabs(mean - bits), CONTEXT * 4 * U * bits);
  ck_assert_int_eq(efla_text_evaluate(&run.task, NULL, now, &corpus.valid, 4 * CONTEXT, 99, &bits, NULL, &why),
                   EFLA_OK);
  ck_assert(isfinite(bits)); /* 7 windows are there */
  ck_assert_int_eq(efla_text_evaluate(&run.task, NULL, now, &corpus.test, CONTEXT, 1, &other, places, &why), EFLA_OK);
  ck_assert(isnan(other) && isnan(places[0])); /* shorter than a window */
  efla_text_run_clear(&run);
}
END_TEST

START_TEST(same_bits_however_it_is_run) {
  const char *path = TEST_WORK "/text_run.h5";
  const efla_text_plan p = plan_of(1), kept = plan_of(3);
  efla_message why;
  efla_text_run whole, parts;
  unlink(path);
  open_run(&whole, &p, NULL), open_run(&parts, &kept, path);
  finish(&whole);
  for (int i = 0; i < 7; i++) ck_assert_int_eq(efla_trainer_step(&parts.training.trainer, &why), EFLA_OK);
  efla_text_run_clear(&parts); /* nothing was kept: it starts again */
  open_run(&parts, &kept, path), finish(&parts);
  efla_text_run_clear(&parts);
  open_run(&parts, &kept, path); /* finished already */
  ck_assert_uint_eq(parts.training.trainer.step, STEPS);
  ck_assert_uint_eq(parts.training.evaluated, 3);
  ck_assert_mem_eq(parts.training.results, whole.training.results, 3 * sizeof *whole.training.results);
  ck_assert_mem_eq(parts.training.trainer.parameters, whole.training.trainer.parameters,
                   whole.training.trainer.learner.numbers * sizeof *whole.training.trainer.parameters);
  efla_text_run_clear(&parts);
  efla_text_plan other = kept;
  other.options.model.hidden = 25;
  ck_assert_int_eq(efla_text_run_open(&parts, &other, path, 4, &why), EFLA_INPUT);
  ck_assert(strstr(why.text, "hidden 24") && strstr(why.text, "hidden 25"));
  bytes[3001] = 'z'; /* of the validation text */
  ck_assert_int_eq(efla_text_run_open(&parts, &kept, path, 4, &why), EFLA_INPUT);
  efla_text_run_clear(&whole);
}
END_TEST

static void add(void *context, const efla_training *training, size_t sequences) {
  (void)training;
  *(size_t *)context += sequences;
}

/* What a divergence leaves out counts as worked through, so that a study's progress adds up. */
START_TEST(divergence_is_data) {
  efla_text_plan p = plan_of(2);
  p.schedule.rate = 1e30;
  efla_text_run run;
  open_run(&run, &p, NULL);
  size_t sequences = 0;
  efla_message why;
  ck_assert_int_eq(efla_training_finish(&run.training, add, &sequences, &why), EFLA_OK);
  ck_assert_uint_eq(sequences, efla_text_run_work(&p));
  ck_assert_uint_eq(sequences, STEPS * 6 + 3 * 9);
  ck_assert(run.training.trainer.diverged && run.training.trainer.step < STEPS && run.training.evaluated == 3 &&
            isnan(run.training.results[2]));
  efla_text_run_clear(&run);
}
END_TEST

/* A model of 4 heads and 128 wide, of 3 layers, trained by 2 threads, each with 16 windows of 24 tokens. */
typedef struct memory_kind {
  const char *decay, *keys;
  bool channels, softmax;
  double hidden;
} memory_kind;

static const double LONG_ONES = EFLA_LONGEST * 24, TOKENS = 16 * 24, HEADS = 4, THREADS = 2, LAYERS = 3;

/* Numbers of 4 bytes that bin/lm --help states. */
static double stated(const memory_kind *k, double parameters) {
  const double W = 128, F = k->hidden, softmax = k->softmax, decays = k->channels ? 2 * W : 0,
               unit = !strcmp(k->keys, "unit"), layer = (16 - softmax) * W + 3 * F + 4 * HEADS + decays,
               training = LAYERS * layer + (7 - softmax + 2 * unit) * W + decays + 2 * fmax(3 * W, 2 * F) + EFLA_BYTES,
               evaluation = layer + 2 * W + EFLA_BYTES, states = (1 - softmax) * W * (W / HEADS) * (16 + TOKENS / 128),
               weights = softmax * (LAYERS * HEADS * 24 * TOKENS + LONG_ONES * LONG_ONES);
  return (3 + 2) * parameters + THREADS * (TOKENS * training + states + LONG_ONES * evaluation + weights);
}

/* What that leaves out. In a layer: two norms, 2 rates for each head where it has one; softmax has no beta and no norm
 * of q. For all layers: a norm, token, label and loss (of 2), their derivatives by rates, and the backend's rates and
 * slopes, 4 for each head, with decays 13. Then losses of evaluated tokens (at most a longest window here and one in
 * the end), the step's loss and norm. */
static double left_out(const memory_kind *k) {
  const bool gated = strcmp(k->decay, "none") != 0;
  const double rates = gated && !k->channels ? 2 : 0, layer = 2 + (k->softmax ? -3 : rates) * HEADS,
               slopes = k->softmax ? 0
                        : gated    ? 13
                                   : 4,
               training = LAYERS * layer + 5 + ((k->channels ? 0 : 2) + slopes) * HEADS;
  return THREADS * (TOKENS * training + LONG_ONES * (layer + 5)) + 2 * 2 * LONG_ONES + 2 * 2;
}

/* Beside both the backend has scratch for each thread, the same for one token as for all: at most what it takes for one
 * token, which has arrays of that in addition. */
START_TEST(memory) {
  static const memory_kind kinds[] = {{"none", "raw", false, false, 96},
                                      {"split", "unit", true, false, 96},
                                      {"split", "raw", false, false, 96},
                                      {"none", "raw", false, true, 96},
                                      {"none", "raw", false, false, 352}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    const memory_kind *k = &kinds[i];
    efla_text_plan p = plan_of(2);
    efla_text_options *o = &p.options;
    efla_lm_config *c = &o->model;
    c->width = 128, c->heads = 4, c->hidden = (size_t)k->hidden, c->layers = 3, c->softmax = k->softmax,
    c->per_channel = k->channels;
    efla_rule_find("exact", k->decay, k->keys, &c->rule);
    o->context = 24, o->batch = 32, o->group = 16;
    efla_text_task task;
    efla_message why;
    ck_assert_int_eq(efla_text_task_init(&task, o, &why), EFLA_OK);
    const double counted = 4 * (stated(k, (double)efla_lm_numbers(c)) + left_out(k)),
                 scratch = efla_text_task_bytes(&task, 1, 2) - counted;
    ck_assert_msg(scratch >= 0 && scratch <= 2 * efla_lm_backend_bytes(c, &task.learner.devices[0], 1, 1, true),
                  "kind %zu: %g bytes beside %g", i, scratch, counted);
    CHECK_BOUND(fabs(4 * left_out(k)), .02 * counted); /* at most 107 of a token's 8900 numbers */
    efla_text_task_clear(&task);
  }
}
END_TEST

START_TEST(short_texts) {
  efla_text_plan p = plan_of(1);
  efla_text_run run;
  efla_message why;
  corpus.train.count = CONTEXT;
  ck_assert_int_eq(efla_text_run_open(&run, &p, NULL, 4, &why), EFLA_INPUT);
  ck_assert(strstr(why.text, "16 bytes"));
}
END_TEST

static size_t generate(const efla_text_run *run, double temperature, size_t seed, char *text, size_t n) {
  efla_text_speed speed;
  efla_message why;
  FILE *file = tmpfile();
  ck_assert_int_eq(efla_text_generate(run, "abc", n, temperature, seed, file, &speed, &why), EFLA_OK);
  rewind(file);
  const size_t got = fread(text, 1, 3 + n + 1, file);
  fclose(file);
  ck_assert(speed.bytes > 0 && speed.weights > 0 && speed.memory_rate > 0);
  return got;
}

START_TEST(texts) {
  enum { N = 40 };
  efla_text_plan p = plan_of(1);
  p.schedule.steps = 120;
  efla_text_run run;
  open_run(&run, &p, NULL);
  finish(&run);
  char a[N + 8], b[N + 8];
  ck_assert_uint_eq(generate(&run, 0, 1, a, N), N + 4);
  ck_assert_uint_eq(generate(&run, 0, 2, b, N), N + 4);
  ck_assert_mem_eq(a, b, N + 4);
  ck_assert_mem_eq(a, "abcdefghabcdefgh", 16); /* what it was trained on */
  generate(&run, 5, 1, a, N), generate(&run, 5, 2, b, N);
  ck_assert(memcmp(a, b, N + 4) != 0);
  efla_text_run_clear(&run);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      learns_and_evaluates, same_bits_however_it_is_run, divergence_is_data, memory, short_texts, texts};
  return testing_main("text_task", tests, sizeof tests / sizeof *tests, 60);
}
