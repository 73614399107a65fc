/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Language models of bytes: evaluations, trainings that were stopped, divergence, generated texts. */
#include "testing.h"

#include "task/text_run.h"

#include <unistd.h>

enum { CONTEXT = 16, WIDTH = 16, STEPS = 12 };

static efla_corpus corpus;
static unsigned char bytes[4096];

/* A text in which the next byte follows from the last one. */
static void make_corpus(void) {
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)("abcdefgh"[i % 8]);
  corpus = (efla_corpus){.train = {bytes, 3000}, .valid = {bytes + 3000, 500}, .test = {bytes + 3500, 5}};
}

static efla_text_plan plan_of(size_t threads, const char *path) {
  efla_text_plan p = {.schedule = {.steps = STEPS, .warmup = 3, .rate = 1e-2, .least = .1},
                      .rule = efla_adamw_default(0),
                      .every = 5,
                      .windows = 9,
                      .path = path,
                      .save = 4};
  p.options = (efla_text_options){.corpus = &corpus, .context = CONTEXT, .batch = 6, .group = 2, .threads = threads};
  p.options.model = (efla_lm_config){
      .vocabulary = EFLA_BYTES, .width = WIDTH, .layers = 1, .heads = 2, .hidden = 24, .beta = efla_beta_maps};
  efla_rule_find("exact", "split", "raw", &p.options.model.rule);
  make_corpus();
  return p;
}

static void open_run(efla_text_run *run, const efla_text_plan *p) {
  efla_message why;
  ck_assert_msg(efla_text_run_open(run, p, &why) == EFLA_OK, "%s", why.text);
}

static void finish(efla_text_run *run) {
  efla_message why;
  ck_assert_int_eq(efla_text_run_finish(run, NULL, NULL, &why), EFLA_OK);
}

START_TEST(learns_and_evaluates) {
  const efla_text_plan p = plan_of(1, NULL);
  efla_text_run run;
  open_run(&run, &p);
  efla_message why;
  double bits, places[CONTEXT], other;
  finish(&run);
  ck_assert_uint_eq(run.evaluations, 3);
  ck_assert_uint_eq(efla_text_step_of(&p, 2), STEPS);
  CHECK_BOUND(fabs(run.trainer.losses[0] / M_LN2 - 8), .1); /* 256 bytes, about equally likely */
  ck_assert(run.bits[2] < run.bits[0] && run.bits[2] < 7.5);
  const float *now = run.trainer.parameters;
  ck_assert_int_eq(efla_text_evaluate(&run.task, now, &corpus.valid, CONTEXT, 9, &bits, places, &why), EFLA_OK);
  ck_assert_double_eq(bits, run.bits[2]);
  double mean = 0;
  for (size_t i = 0; i < CONTEXT; i++) mean += places[i] / CONTEXT;
  CHECK_BOUND(fabs(mean - bits), CONTEXT * 4 * U * bits);
  ck_assert_int_eq(efla_text_evaluate(&run.task, now, &corpus.valid, 4 * CONTEXT, 99, &bits, NULL, &why), EFLA_OK);
  ck_assert(isfinite(bits)); /* 7 windows are there */
  ck_assert_int_eq(efla_text_evaluate(&run.task, now, &corpus.test, CONTEXT, 1, &other, places, &why), EFLA_OK);
  ck_assert(isnan(other) && isnan(places[0])); /* shorter than a window */
  efla_text_run_clear(&run);
}
END_TEST

START_TEST(same_bits_however_it_is_run) {
  const char *path = TEST_WORK "/text_run.h5";
  const efla_text_plan p = plan_of(1, NULL), kept = plan_of(3, path);
  efla_message why;
  efla_text_run whole, parts;
  unlink(path);
  open_run(&whole, &p), open_run(&parts, &kept);
  finish(&whole);
  for (int i = 0; i < 7; i++) ck_assert_int_eq(efla_trainer_step(&parts.trainer, &why), EFLA_OK);
  efla_text_run_clear(&parts); /* nothing was kept: it starts again */
  open_run(&parts, &kept), finish(&parts);
  efla_text_run_clear(&parts);
  open_run(&parts, &kept); /* finished already */
  ck_assert_uint_eq(parts.trainer.step, STEPS);
  ck_assert_uint_eq(parts.evaluations, 3);
  ck_assert_mem_eq(parts.bits, whole.bits, 3 * sizeof *whole.bits);
  ck_assert_mem_eq(parts.trainer.parameters, whole.trainer.parameters,
                   whole.trainer.learner.numbers * sizeof *whole.trainer.parameters);
  efla_text_run_clear(&parts);
  efla_text_plan other = kept;
  other.options.model.hidden = 25;
  ck_assert_int_eq(efla_text_run_open(&parts, &other, &why), EFLA_INPUT);
  ck_assert(strstr(why.text, "hidden 24") && strstr(why.text, "hidden 25"));
  bytes[3001] = 'z'; /* of the validation text */
  ck_assert_int_eq(efla_text_run_open(&parts, &kept, &why), EFLA_INPUT);
  efla_text_run_clear(&whole);
}
END_TEST

START_TEST(divergence_is_data) {
  efla_text_plan p = plan_of(2, NULL);
  p.schedule.rate = 1e30;
  efla_text_run run;
  open_run(&run, &p);
  finish(&run);
  ck_assert(run.trainer.diverged && run.trainer.step < STEPS && run.evaluations == 3 && isnan(run.bits[2]));
  efla_text_run_clear(&run);
}
END_TEST

/* The formula that bin/lm --help states, with what it leaves out: norms, betas and gates, 3 % here. */
START_TEST(memory) {
  efla_text_plan p = plan_of(2, NULL);
  efla_text_options *o = &p.options;
  o->model.width = 128, o->model.hidden = 192, o->model.layers = 3;
  const double W = 128, per_token = 3 * (16 * W + 3 * 192) + 12 * W + EFLA_BYTES,
               numbers = (double)efla_lm_numbers(&o->model),
               expected = 2 * 4. * (double)(o->group * o->context) * per_token + 4 * (3 + 3) * numbers;
  const efla_lm_learner learner = {
      .model = o->model, .positions = o->context, .batch = o->batch, .group = o->group, .threads = o->threads};
  CHECK_BOUND(fabs(efla_lm_learner_bytes(&learner) / expected - 1), .03);
}
END_TEST

START_TEST(short_texts) {
  efla_text_plan p = plan_of(1, NULL);
  efla_text_run run;
  efla_message why;
  corpus.train.count = CONTEXT;
  ck_assert_int_eq(efla_text_run_open(&run, &p, &why), EFLA_INPUT);
  ck_assert(strstr(why.text, "16 bytes"));
}
END_TEST

static size_t generate(const efla_text_run *run, double temperature, size_t seed, char *text, size_t n) {
  double speed;
  efla_message why;
  FILE *file = tmpfile();
  ck_assert_int_eq(efla_text_generate(run, "abc", n, temperature, seed, file, &speed, &why), EFLA_OK);
  rewind(file);
  const size_t got = fread(text, 1, 3 + n + 1, file);
  fclose(file);
  ck_assert(speed > 0);
  return got;
}

START_TEST(texts) {
  enum { N = 40 };
  efla_text_plan p = plan_of(1, NULL);
  p.schedule.steps = 120;
  efla_text_run run;
  open_run(&run, &p);
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
