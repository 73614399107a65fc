#include "train/training_run.h"

#include "train/checkpoint.h"
#include "app/progress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

bool efla_plan_exam(const efla_plan *plan, size_t number, efla_exam *exam) {
  *exam = (efla_exam){.images = plan->test, .count = plan->examined, .seed = plan->seed};
  if (number-- == 0) return true;
  for (const efla_image_perturbation *p = efla_image_perturbations; p->name; number -= p->levels, p++)
    if (number < p->levels) {
      exam->perturbation = p, exam->level = efla_image_level(p, number);
      return true;
    }
  return false;
}

size_t efla_plan_exams(const efla_plan *plan) {
  efla_exam exam;
  size_t n = 1; /* the images as they are */
  while (efla_plan_exam(plan, n, &exam)) n++;
  return n;
}

/* The first level of a perturbation is none. */
static bool perturbs(const efla_exam *exam) { return exam->perturbation && exam->level != efla_image_level(exam->perturbation, 0); }

static unsigned long fingerprint(const efla_images *images) {
  uLong sum = crc32(0, images->pixels, (uInt)(images->count * EFLA_IMAGE_PIXELS));
  return crc32(sum, images->labels, (uInt)images->count);
}

/* All that the numbers depend on, but for epochs, of which a course can have more later. */
static void describe(efla_course *course) {
  const efla_setup *r = &course->training.setup;
  const efla_plan *p = course->plan;
  snprintf(course->settings, sizeof course->settings,
           "method %s, keys %s, lr %.17g, seed %zu, reading %s, width %zu, batch %zu, decay %g, clip %g, %zu images of %s (%08lx), "
           "exams of %zu of %s (%08lx), seed %zu",
           r->model.method->name, r->model.keys->name, r->rule.lr, r->seed, r->model.reading->name, r->model.width, r->batch,
           r->rule.decay, r->rule.clip, r->count, p->training->origin, fingerprint(p->training), p->examined, p->test->origin,
           fingerprint(p->test), p->seed);
}

enum { PARAMETERS, MOMENT1, MOMENT2, LOSSES, SCORES, SECONDS, ARRAYS };

static void list_arrays(efla_course *c, efla_checkpoint_array *arrays) {
  efla_training_f32 *t = &c->training;
  arrays[PARAMETERS] = (efla_checkpoint_array){"parameters", t->numbers, false, t->parameters, NULL};
  arrays[MOMENT1] = (efla_checkpoint_array){"moment1", t->numbers, false, t->moment1, NULL};
  arrays[MOMENT2] = (efla_checkpoint_array){"moment2", t->numbers, false, t->moment2, NULL};
  arrays[LOSSES] = (efla_checkpoint_array){"losses", c->steps, true, NULL, c->losses};
  arrays[SCORES] = (efla_checkpoint_array){"scores", 2 * c->plan->epochs * efla_plan_exams(c->plan), true, NULL,
                                           (double *)c->scores}; /* accuracy and loss by turns */
  arrays[SECONDS] = (efla_checkpoint_array){"seconds", 1, false, NULL, &c->seconds};
}

static efla_status save(efla_course *c, efla_message *why) {
  efla_checkpoint_array arrays[ARRAYS];
  if (!c->path) return EFLA_OK;
  list_arrays(c, arrays);
  arrays[LOSSES].n = c->training.step, arrays[SCORES].n = 2 * c->marked;
  return efla_checkpoint_write(c->path, c->settings, arrays, ARRAYS, why);
}

static size_t epoch_steps(const efla_course *c) { return c->steps / c->plan->epochs; }

/* The exams of an epoch follow its last step: numbers marked ... up to this one are due after so many steps. */
static size_t exams_due(const efla_course *c) { return c->training.step / epoch_steps(c) * efla_plan_exams(c->plan); }

static efla_status take_up(efla_course *c, efla_message *why) {
  efla_checkpoint_array arrays[ARRAYS];
  list_arrays(c, arrays);
  efla_status status = efla_checkpoint_read(c->path, c->settings, arrays, ARRAYS, why);
  c->training.step = arrays[LOSSES].n, c->marked = arrays[SCORES].n / 2;
  if (status == EFLA_OK && (arrays[SCORES].n % (2 * efla_plan_exams(c->plan)) != 0 || c->marked > exams_due(c)))
    status = efla_fail(why, EFLA_INPUT, "%s: scores: %zu numbers after %zu steps, expected 2 for each of %zu exams an epoch",
                       c->path, arrays[SCORES].n, c->training.step, efla_plan_exams(c->plan));
  return status;
}

efla_status efla_course_open(efla_course *c, const efla_plan *plan, const efla_setup *setup, const char *path, efla_message *why) {
  *c = (efla_course){.plan = plan, .steps = plan->epochs * efla_setup_steps(setup)};
  efla_status status = efla_training_init_f32(&c->training, setup, plan->training, why);
  if (status != EFLA_OK) return status;
  describe(c);
  c->path = path ? strdup(path) : NULL;
  c->losses = malloc((c->steps + 1) * sizeof *c->losses);
  c->scores = malloc((plan->epochs * efla_plan_exams(plan) + 1) * sizeof *c->scores);
  if (!c->losses || !c->scores || (path && !c->path)) status = efla_fail_memory(why);
  if (status == EFLA_OK && path && access(path, F_OK) == 0) status = take_up(c, why);
  if (status != EFLA_OK) efla_course_clear(c);
  return status;
}

void efla_course_clear(efla_course *c) {
  efla_training_clear_f32(&c->training);
  free(c->path);
  free(c->losses);
  free(c->scores);
  *c = (efla_course){0};
}

static size_t images_of_step(const efla_course *c, size_t step) {
  const efla_setup *r = &c->training.setup;
  size_t first = step % epoch_steps(c) * r->batch;
  return r->count - first < r->batch ? r->count - first : r->batch;
}

/* None where the exam is the first one again. */
static size_t images_of_exam(const efla_plan *plan, size_t number) {
  efla_exam exam;
  efla_plan_exam(plan, number % efla_plan_exams(plan), &exam);
  return perturbs(&exam) || !exam.perturbation ? exam.count : 0;
}

size_t efla_plan_images(const efla_plan *plan, const efla_setup *setup) {
  size_t images = setup->count;
  for (size_t e = 0; e < efla_plan_exams(plan); e++) images += images_of_exam(plan, e);
  return plan->epochs * images;
}

size_t efla_course_left(const efla_course *c) {
  size_t left = 0;
  for (size_t s = c->training.step; s < c->steps; s++) left += images_of_step(c, s);
  for (size_t e = c->marked; e < c->plan->epochs * efla_plan_exams(c->plan); e++) left += images_of_exam(c->plan, e);
  return left;
}

static efla_status sit_exam(efla_course *c, efla_message *why) {
  size_t exams = efla_plan_exams(c->plan), first = c->marked / exams * exams;
  efla_exam exam;
  efla_status status = EFLA_OK;
  efla_plan_exam(c->plan, c->marked - first, &exam);
  if (exam.perturbation && !perturbs(&exam))
    c->scores[c->marked] = c->scores[first]; /* the images as they are */
  else
    status = efla_training_examine_f32(&c->training, &exam, &c->scores[c->marked], why);
  return status;
}

efla_status efla_course_run(efla_course *c, efla_course_watch *watch, void *context, efla_message *why) {
  efla_status status = EFLA_OK;
  while (status == EFLA_OK && (c->training.step < c->steps || c->marked < exams_due(c))) {
    size_t images;
    if (c->marked < exams_due(c)) {
      images = images_of_exam(c->plan, c->marked);
      status = sit_exam(c, why);
      c->marked++;
      if (status == EFLA_OK && c->marked == exams_due(c)) status = save(c, why);
    } else {
      double started = efla_seconds();
      images = images_of_step(c, c->training.step);
      double loss = efla_training_step_f32(&c->training);
      c->losses[c->training.step - 1] = loss;
      c->seconds += efla_seconds() - started;
      if (c->training.step % c->plan->save == 0 || c->marked < exams_due(c)) status = save(c, why);
    }
    watch(context, c, images);
  }
  return status;
}
