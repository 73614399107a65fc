/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trainings of image classifiers: stopped at any point and resumed, with the bits of one that was never stopped. */
#include "files.h"
#include "testing.h"

#include <sys/wait.h>
#include <unistd.h>

enum { IMAGES = 100, TEST_IMAGES = 30, BATCH = 32, STEPS = 4 };
static efla_images training, test;
static efla_image_plan plan;
static char path[256];

static efla_image_options set_up(size_t epochs) {
  ck_assert_int_eq(efla_images_strokes(&training, IMAGES, 1, true, NULL), EFLA_OK);
  ck_assert_int_eq(efla_images_strokes(&test, TEST_IMAGES, 1, false, NULL), EFLA_OK);
  plan =
      (efla_image_plan){.training = &training, .test = &test, .epochs = epochs, .evaluated = TEST_IMAGES, .seed = 42};
  snprintf(path, sizeof path, "%s/run.h5", files_directory("training-run"));
  return (efla_image_options){.model = {.tokens = EFLA_IMAGE_PIXELS,
                                        .width = 16,
                                        .classes = EFLA_IMAGE_CLASSES,
                                        .method = efla_method_find("exact"),
                                        .keys = &efla_key_treatments[0],
                                        .readout = &efla_readouts[0]},
                              .rule = efla_adamw_default(3e-3),
                              .seed = testing_seed(),
                              .batch = BATCH,
                              .count = IMAGES,
                              .threads = 1};
}

static void tear_down(void) {
  efla_images_clear(&training);
  efla_images_clear(&test);
}

enum { SAVE = 3 };

static void open_run(efla_image_run *run, const efla_image_options *options, const char *file) {
  efla_message why;
  ck_assert_msg(efla_image_run_open(run, &plan, options, file, SAVE, &why) == EFLA_OK, "%s", why.text);
}

/* Counts images, and ends the process after so many calls, as a signal would; the time of training adds up. */
typedef struct counter {
  size_t images, calls, last;
  double seconds;
} counter;
static void count(void *context, const efla_training *t, size_t images) {
  counter *w = context;
  ck_assert_double_ge(t->trainer.seconds, w->seconds);
  w->images += images, w->seconds = t->trainer.seconds;
  if (++w->calls == w->last) _exit(0);
}

static void finish(efla_image_run *run, counter *w) {
  efla_message why;
  ck_assert_msg(efla_training_finish(&run->training, count, w, &why) == EFLA_OK, "%s", why.text);
}

/* 2 epochs of 4 steps, and after each 33 evaluations; checkpoints after steps 3 and 6, and before and after
 * evaluations. */
START_TEST(stopped_and_resumed) {
  const efla_image_options options = set_up(2);
  size_t evaluations = efla_image_evaluations(&plan);
  ck_assert_uint_eq(evaluations, 33);
  efla_image_run whole;
  open_run(&whole, &options, NULL);
  counter seen = {0};
  finish(&whole, &seen);
  ck_assert_uint_eq(seen.images, efla_image_run_work(&plan, &options));
  ck_assert_uint_eq(seen.images, 2 * (STEPS * BATCH +
                                      (evaluations - 3) * TEST_IMAGES)); /* three evaluations are the first one again */
  ck_assert_uint_eq(seen.calls, 2 * (4 + evaluations));
  for (size_t last = 1; last < 2 * (4 + evaluations); last += last < 4 ? 1 : 17) {
    unlink(path);
    pid_t child = fork();
    if (child == 0) {
      efla_image_run first;
      open_run(&first, &options, path);
      finish(&first, &(counter){.last = last});
      _exit(1);
    }
    int end;
    ck_assert(waitpid(child, &end, 0) == child && end == 0);
    efla_image_run second;
    open_run(&second, &options, path);
    counter rest = {.seconds = second.training.trainer.seconds};
    if (last >= 3) ck_assert_double_gt(second.training.trainer.seconds, 0);
    size_t left = efla_training_left(&second.training);
    if (last >= 3) ck_assert_uint_lt(left, efla_image_run_work(&plan, &options));
    if (last > 4 && last < 4 + evaluations)
      ck_assert_uint_eq(left, efla_image_run_work(&plan, &options) - STEPS * BATCH);
    finish(&second, &rest);
    ck_assert_uint_eq(rest.images, left);
    const efla_trainer *a = &whole.training.trainer, *b = &second.training.trainer;
    ck_assert_mem_eq(b->parameters, a->parameters, a->learner.numbers * sizeof(float));
    ck_assert_mem_eq(b->losses, a->losses, a->step * sizeof *a->losses);
    ck_assert_mem_eq(second.training.results, whole.training.results, 2 * 2 * evaluations * sizeof(double));
    efla_image_run_clear(&second);
  }
  efla_image_run_clear(&whole);
  tear_down();
}
END_TEST

/* One that has ended is only read; with more epochs it goes on from there; with fewer it is refused. */
START_TEST(ended) {
  const efla_image_options options = set_up(1);
  efla_image_run run;
  open_run(&run, &options, path);
  finish(&run, &(counter){0});
  efla_image_run_clear(&run);
  open_run(&run, &options, path);
  ck_assert_uint_eq(efla_training_left(&run.training), 0);
  counter w = {0};
  finish(&run, &w);
  ck_assert_uint_eq(w.calls, 0);
  ck_assert_uint_eq(run.training.evaluated, efla_image_evaluations(&plan));
  efla_image_run_clear(&run);

  efla_message why;
  plan.epochs = 2;
  open_run(&run, &options, path);
  ck_assert_uint_eq(run.training.trainer.step, 4);
  finish(&run, &w);
  ck_assert_uint_eq(w.calls, 4 + efla_image_evaluations(&plan));
  efla_image_run_clear(&run);
  plan.epochs = 1;
  ck_assert_int_eq(efla_image_run_open(&run, &plan, &options, path, SAVE, &why), EFLA_INPUT);
  ck_assert_ptr_nonnull(strstr(why.text, "expected at most"));
  tear_down();
}
END_TEST

static void refused(const efla_image_options *options, const char *what) {
  efla_image_run run;
  efla_message why = {{0}};
  ck_assert_msg(efla_image_run_open(&run, &plan, options, path, SAVE, &why) == EFLA_INPUT, "%s: taken up", what);
  ck_assert_msg(strstr(why.text, "of another training: ") && strstr(why.text, path), "%s: %s", what, why.text);
  ck_assert(!run.training.results && !run.training.trainer.parameters);
}

/* A checkpoint belongs to all that its numbers depend on; whatever differs, it is refused. */
START_TEST(of_another_training) {
  const efla_image_options options = set_up(1);
  efla_image_run run;
  open_run(&run, &options, path);
  finish(&run, &(counter){0});
  efla_image_run_clear(&run);
  static const char *const what[] = {"method", "keys", "reading", "lr",    "decay",
                                     "clip",   "seed", "batch",   "count", "threads"};
  enum { N = sizeof what / sizeof *what };
  efla_image_options other[N];
  for (size_t i = 0; i < N; i++) other[i] = options;
  other[0].model.method = efla_method_find("rk4"), other[1].model.keys++, other[2].model.readout++,
  other[3].rule.lr *= 1 + 1e-15;
  other[4].rule.decay = 0, other[5].rule.clip = 2, other[6].seed++, other[7].batch++, other[8].count--,
  other[9].threads++;
  for (size_t i = 0; i < N - 1; i++) refused(&other[i], what[i]);
  open_run(&run, &other[N - 1], path); /* that does not matter */
  efla_image_run_clear(&run);
  unsigned char *const bytes[] = {training.pixels + 5000, training.labels + IMAGES - 1, test.pixels + 5000,
                                  test.labels};
  for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
    *bytes[i] ^= 1;
    refused(&options, "an image");
    *bytes[i] ^= 1;
  }
  plan.seed++;
  refused(&options, "seed of perturbations");
  plan.seed--, plan.evaluated--;
  refused(&options, "images evaluated");
  plan.evaluated++;
  open_run(&run, &options, path);
  ck_assert_uint_eq(efla_training_left(&run.training), 0);
  efla_image_run_clear(&run);
  tear_down();
}
END_TEST

/* The evaluations: the images as they are, also as first level of every perturbation, and all other levels; after
 * every epoch, of which the last is looked at. */
START_TEST(evaluations) {
  const efla_image_options options = set_up(2);
  efla_image_run run;
  open_run(&run, &options, NULL);
  finish(&run, &(counter){0});
  efla_image_evaluation evaluation;
  size_t clean = 0, number = 0;
  const double *scores = run.training.results + 2 * efla_image_evaluations(&plan);
  for (; efla_image_evaluation_at(&plan, number, &evaluation); number++) {
    efla_image_score score;
    ck_assert_int_eq(efla_image_evaluate(&run.task, run.training.trainer.parameters, &evaluation, &score, NULL),
                     EFLA_OK);
    ck_assert_mem_eq(&score, &scores[2 * number], sizeof score);
    clean += !memcmp(&score, &scores[0], sizeof score);
  }
  ck_assert_uint_eq(number, 33);
  ck_assert_uint_eq(clean, 4);
  efla_image_run_clear(&run);
  tear_down();
}
END_TEST

int main(void) {
  const TTest *const tests[] = {stopped_and_resumed, ended, of_another_training, evaluations};
  return testing_main("image_run", tests, sizeof tests / sizeof *tests, 120);
}
