/* Courses: stopped anywhere and taken up again, with the bits of one that was never stopped. */
#include "files.h"
#include "testing.h"

#include <sys/wait.h>
#include <unistd.h>

enum { IMAGES = 100, TEST_IMAGES = 30 };
static efla_images training, test;
static efla_plan plan;
static char path[256];

static efla_setup set_up(size_t epochs) {
  ck_assert_int_eq(efla_images_strokes(&training, IMAGES, 1, true, NULL), EFLA_OK);
  ck_assert_int_eq(efla_images_strokes(&test, TEST_IMAGES, 1, false, NULL), EFLA_OK);
  plan = (efla_plan){.training = &training, .test = &test, .epochs = epochs, .examined = TEST_IMAGES, .seed = 42, .save = 3};
  snprintf(path, sizeof path, "%s/course.h5", files_directory("course"));
  return (efla_setup){.model = {.tokens = EFLA_IMAGE_PIXELS,
                                .width = 16,
                                .classes = EFLA_IMAGE_CLASSES,
                                .method = efla_method_find("exact"),
                                .keys = &efla_key_treatments[0],
                                .reading = &efla_readings[0]},
                      .rule = efla_adamw_default(3e-3),
                      .seed = testing_seed(),
                      .batch = 32,
                      .count = IMAGES,
                      .threads = 1};
}

static void tear_down(void) {
  efla_images_clear(&training);
  efla_images_clear(&test);
}

static efla_course open_course(const efla_setup *setup, const char *file) {
  efla_course course;
  efla_message why;
  ck_assert_msg(efla_course_open(&course, &plan, setup, file, &why) == EFLA_OK, "%s", why.text);
  return course;
}

/* Counts images, and ends the process after so many calls, as a signal would; the time of training adds up. */
typedef struct watcher {
  size_t images, calls, last;
  double seconds;
} watcher;
static void watch(void *context, const efla_course *course, size_t images) {
  watcher *w = context;
  ck_assert_double_ge(course->seconds, w->seconds);
  w->images += images, w->seconds = course->seconds;
  if (++w->calls == w->last) _exit(0);
}

static void run(efla_course *course, watcher *w) {
  efla_message why;
  ck_assert_msg(efla_course_run(course, watch, w, &why) == EFLA_OK, "%s", why.text);
}

/* 2 epochs of 4 steps, and after each 33 exams; checkpoints after steps 3 and 6, and before and after exams. */
START_TEST(stopped_and_taken_up) {
  const efla_setup setup = set_up(2);
  size_t exams = efla_plan_exams(&plan);
  ck_assert_uint_eq(exams, 33);
  efla_course whole = open_course(&setup, NULL);
  watcher seen = {0};
  run(&whole, &seen);
  ck_assert_uint_eq(seen.images, efla_plan_images(&plan, &setup));
  ck_assert_uint_eq(seen.images, 2 * (IMAGES + (exams - 3) * TEST_IMAGES)); /* three exams are the first one again */
  ck_assert_uint_eq(seen.calls, 2 * (4 + exams));
  for (size_t last = 1; last < 2 * (4 + exams); last += last < 4 ? 1 : 17) {
    unlink(path);
    pid_t child = fork();
    if (child == 0) {
      efla_course first = open_course(&setup, path);
      run(&first, &(watcher){.last = last});
      _exit(1);
    }
    int end;
    ck_assert(waitpid(child, &end, 0) == child && end == 0);
    efla_course second = open_course(&setup, path);
    watcher rest = {.seconds = second.seconds};
    if (last >= 3) ck_assert_double_gt(second.seconds, 0);
    size_t left = efla_course_left(&second);
    if (last >= 3) ck_assert_uint_lt(left, efla_plan_images(&plan, &setup));
    if (last > 4 && last < 4 + exams) ck_assert_uint_eq(left, efla_plan_images(&plan, &setup) - IMAGES);
    run(&second, &rest);
    ck_assert_uint_eq(rest.images, left);
    ck_assert_mem_eq(second.training.parameters, whole.training.parameters, whole.training.numbers * sizeof(float));
    ck_assert_mem_eq(second.losses, whole.losses, whole.steps * sizeof *whole.losses);
    ck_assert_mem_eq(second.scores, whole.scores, 2 * exams * sizeof *whole.scores);
    efla_course_clear(&second);
  }
  efla_course_clear(&whole);
  tear_down();
}
END_TEST

/* One that has ended is only read; with more epochs it goes on from there; with fewer it is refused. */
START_TEST(ended) {
  const efla_setup setup = set_up(1);
  efla_course course = open_course(&setup, path);
  run(&course, &(watcher){0});
  efla_course_clear(&course);
  course = open_course(&setup, path);
  ck_assert_uint_eq(efla_course_left(&course), 0);
  watcher w = {0};
  run(&course, &w);
  ck_assert_uint_eq(w.calls, 0);
  ck_assert_uint_eq(course.marked, efla_plan_exams(&plan));
  efla_course_clear(&course);

  efla_message why;
  plan.epochs = 2;
  course = open_course(&setup, path);
  ck_assert_uint_eq(course.training.step, 4);
  run(&course, &w);
  ck_assert_uint_eq(w.calls, 4 + efla_plan_exams(&plan));
  efla_course_clear(&course);
  plan.epochs = 1;
  ck_assert_int_eq(efla_course_open(&course, &plan, &setup, path, &why), EFLA_INPUT);
  ck_assert_ptr_nonnull(strstr(why.text, "expected at most"));
  tear_down();
}
END_TEST

static void refused(const efla_setup *setup, const char *what) {
  efla_course course;
  efla_message why = {{0}};
  ck_assert_msg(efla_course_open(&course, &plan, setup, path, &why) == EFLA_INPUT, "%s: taken up", what);
  ck_assert_msg(strstr(why.text, "of another training: ") && strstr(why.text, path), "%s: %s", what, why.text);
  ck_assert(!course.losses && !course.training.parameters);
}

/* A checkpoint belongs to all that its numbers depend on; whatever differs, it is refused. */
START_TEST(of_another_training) {
  const efla_setup setup = set_up(1);
  efla_course course = open_course(&setup, path);
  run(&course, &(watcher){0});
  efla_course_clear(&course);
  static const char *const what[] = {"method", "keys", "reading", "lr", "decay", "clip", "seed", "batch", "count", "threads"};
  enum { N = sizeof what / sizeof *what };
  efla_setup other[N];
  for (size_t i = 0; i < N; i++) other[i] = setup;
  other[0].model.method = efla_method_find("rk4"), other[1].model.keys++, other[2].model.reading++, other[3].rule.lr *= 1 + 1e-15;
  other[4].rule.decay = 0, other[5].rule.clip = 2, other[6].seed++, other[7].batch++, other[8].count--, other[9].threads++;
  for (size_t i = 0; i < N - 1; i++) refused(&other[i], what[i]);
  course = open_course(&other[N - 1], path); /* that does not matter */
  efla_course_clear(&course);
  unsigned char *const bytes[] = {training.pixels + 5000, training.labels + IMAGES - 1, test.pixels + 5000, test.labels};
  for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
    *bytes[i] ^= 1;
    refused(&setup, "an image");
    *bytes[i] ^= 1;
  }
  plan.seed++;
  refused(&setup, "seed of perturbations");
  plan.seed--, plan.examined--;
  refused(&setup, "images examined");
  plan.examined++;
  course = open_course(&setup, path);
  ck_assert_uint_eq(efla_course_left(&course), 0);
  efla_course_clear(&course);
  tear_down();
}
END_TEST

/* The exams: the images as they are, also as first level of every perturbation, and all other levels; after
 * every epoch, of which the last is looked at. */
START_TEST(exams) {
  const efla_setup setup = set_up(2);
  efla_course course = open_course(&setup, NULL);
  run(&course, &(watcher){0});
  efla_exam exam;
  size_t clean = 0, number = 0;
  const efla_score *scores = course.scores + efla_plan_exams(&plan);
  for (; efla_plan_exam(&plan, number, &exam); number++) {
    efla_score score;
    ck_assert_int_eq(efla_training_examine_f32(&course.training, &exam, &score, NULL), EFLA_OK);
    ck_assert_mem_eq(&score, &scores[number], sizeof score);
    clean += !memcmp(&score, &scores[0], sizeof score);
  }
  ck_assert_uint_eq(number, 33);
  ck_assert_uint_eq(clean, 4);
  efla_course_clear(&course);
  tear_down();
}
END_TEST

int main(void) {
  const TTest *const tests[] = {stopped_and_taken_up, ended, of_another_training, exams};
  return testing_main("course", tests, sizeof tests / sizeof *tests, 120);
}
