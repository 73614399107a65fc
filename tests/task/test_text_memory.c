/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The memory of a training and its evaluations, as child processes take it, against what is said of it. */
#include "testing.h"

#include "task/text_run.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BYTES = 40000 };

static efla_corpus corpus;

static const struct kind {
  const char *name, *decay, *keys;
  bool per_channel, softmax;
  size_t width, layers, hidden, context, batch, group, threads;
} kinds[] = {
    {"tokens", "none", "raw", false, false, 64, 2, 96, 512, 12, 12, 1},
    {"threads", "none", "raw", false, false, 64, 2, 96, 256, 24, 12, 2},
    {"channels", "split", "unit", true, false, 64, 2, 96, 256, 24, 12, 2},
    {"evaluation", "none", "raw", false, false, 128, 2, 192, 512, 1, 1, 1},
    {"softmax", "none", "raw", false, true, 64, 2, 96, 384, 8, 8, 1},
    {"softmax evaluation", "none", "raw", false, true, 64, 1, 96, 256, 1, 1, 1},
    {"parameters", "none", "raw", false, false, 512, 2, 1024, 16, 4, 2, 2},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static efla_text_plan plan_of(const struct kind *k) {
  efla_text_plan p = {.options = {.model = {.vocabulary = EFLA_BYTES,
                                            .width = k->width,
                                            .layers = k->layers,
                                            .heads = k->width / 32,
                                            .hidden = k->hidden,
                                            .softmax = k->softmax,
                                            .per_channel = k->per_channel,
                                            .beta = &efla_beta_maps[0]},
                                  .corpus = &corpus,
                                  .context = k->context,
                                  .batch = k->batch,
                                  .group = k->group,
                                  .seed = testing_seed(),
                                  .threads = k->threads},
                      .schedule = {.rate = 1e-3, .steps = 1},
                      .rule = efla_adamw_default(0),
                      .every = 1,
                      .windows = k->threads};
  ck_assert_int_eq(efla_rule_find("exact", k->decay, k->keys, &p.options.model.rule), EFLA_OK);
  return p;
}

/* In a child: a step, an evaluation, one of long windows. What the formula says goes to `said`. */
static void work(const struct kind *k, int said) {
  const efla_text_plan p = plan_of(k);
  efla_text_run run;
  efla_message why;
  double bits;
  const size_t windows = EFLA_LONGEST * k->threads;
  bool right = efla_text_run_open(&run, &p, NULL, 1, &why) == EFLA_OK;
  const double bytes = right ? efla_text_task_bytes(&run.task, 1, windows) : 0;
  right = right && efla_training_finish(&run.training, NULL, NULL, &why) == EFLA_OK &&
          efla_text_evaluate(&run.task, NULL, run.training.trainer.parameters, &corpus.valid, EFLA_LONGEST * k->context,
                             k->threads, &bits, NULL, &why) == EFLA_OK &&
          write(said, &bytes, sizeof bytes) == (ssize_t)sizeof bytes;
  _exit(right ? 0 : 1);
}

/* Bytes that a child had at most, and those that were said. */
static double measure(const struct kind *k, double *bytes) {
  int ends[2], status;
  struct rusage usage;
  ck_assert_int_eq(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) work(k, ends[1]);
  ck_assert(child > 0 && wait4(child, &status, 0, &usage) == child);
  ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %d", k->name, status);
  ck_assert_int_eq(read(ends[0], bytes, sizeof *bytes), sizeof *bytes);
  close(ends[0]), close(ends[1]);
  return 1024. * (double)usage.ru_maxrss;
}

/* What a process takes beyond one that trains the least model.  Beside what is counted it has what BLAS and the C library
 * keep, which neither tells, and it may lack pages that are counted but never written.  The limits are no bounds but
 * were chosen after measurements: docs/bounds.md#memory. */
START_TEST(peaks) {
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  testing_skip("peaks", "a sanitizer takes memory of its own");
  return;
#endif
  static unsigned char bytes[2 * BYTES];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i % 251);
  corpus = (efla_corpus){.train = {bytes, BYTES}, .valid = {bytes + BYTES, BYTES}, .test = {bytes, 5}};
  const struct kind least = {"least", "none", "raw", false, false, 32, 1, 8, 2, 1, 1, 1};
  double said;
  const double beside = measure(&least, &said);
  for (size_t k = 0; k < KINDS; k++) {
    const double taken = measure(&kinds[k], &said) - beside, more = taken - said;
    ck_assert_msg(more >= -.02 * said && more <= said / EFLA_LONGEST + (double)kinds[k].threads * 0x1p23,
                  "%s: %.1f MB, expected %.1f MB", kinds[k].name, taken * 1e-6, said * 1e-6);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {peaks};
  return testing_main("text_memory", tests, sizeof tests / sizeof *tests, 120);
}
