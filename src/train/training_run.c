/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/training_run.h"

#include "train/checkpoint.h"
#include "app/progress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

bool efla_study_evaluation(const efla_study_options *study, size_t number, efla_evaluation *evaluation) {
  *evaluation = (efla_evaluation){.images = study->test, .count = study->evaluated, .seed = study->seed};
  if (number-- == 0) return true;
  for (const efla_image_perturbation *p = efla_image_perturbations; p->name; number -= p->levels, p++)
    if (number < p->levels) {
      evaluation->perturbation = p, evaluation->level = efla_image_level(p, number);
      return true;
    }
  return false;
}

size_t efla_study_evaluations(const efla_study_options *study) {
  efla_evaluation evaluation;
  size_t n = 1; /* the unchanged images */
  while (efla_study_evaluation(study, n, &evaluation)) n++;
  return n;
}

/* The first level of a perturbation leaves images unchanged. */
static bool perturbs(const efla_evaluation *evaluation) {
  return evaluation->perturbation && evaluation->level != efla_image_level(evaluation->perturbation, 0);
}

static unsigned long fingerprint(const efla_images *images) {
  uLong sum = crc32(0, images->pixels, (uInt)(images->count * EFLA_IMAGE_PIXELS));
  return crc32(sum, images->labels, (uInt)images->count);
}

/* Sets run->settings: all that the numbers depend on, except the number of epochs, which may grow between runs. */
static void describe(efla_training_run *run) {
  const efla_training_options *r = &run->training.options;
  const efla_study_options *p = run->study;
  snprintf(run->settings, sizeof run->settings,
           "method %s, keys %s, lr %.17g, seed %zu, readout %s, width %zu, batch %zu, decay %g, clip %g, %zu images of "
           "%s (%08lx), "
           "exams of %zu of %s (%08lx), seed %zu",
           r->model.method->name, r->model.keys->name, r->rule.lr, r->seed, r->model.readout->name, r->model.width,
           r->batch, r->rule.decay, r->rule.clip, r->count, p->training->origin, fingerprint(p->training), p->evaluated,
           p->test->origin, fingerprint(p->test), p->seed);
}

enum { PARAMETERS, MOMENT1, MOMENT2, LOSSES, SCORES, SECONDS, ARRAYS };

static void list_arrays(efla_training_run *c, efla_checkpoint_array *arrays) {
  efla_training_f32 *t = &c->training;
  arrays[PARAMETERS] = (efla_checkpoint_array){"parameters", t->numbers, false, t->parameters, NULL};
  arrays[MOMENT1] = (efla_checkpoint_array){"moment1", t->numbers, false, t->moment1, NULL};
  arrays[MOMENT2] = (efla_checkpoint_array){"moment2", t->numbers, false, t->moment2, NULL};
  arrays[LOSSES] = (efla_checkpoint_array){"losses", c->steps, true, NULL, c->losses};
  arrays[SCORES] = (efla_checkpoint_array){"scores", 2 * c->study->epochs * efla_study_evaluations(c->study), true,
                                           NULL, (double *)c->scores}; /* accuracy and loss of each */
  arrays[SECONDS] = (efla_checkpoint_array){"seconds", 1, false, NULL, &c->seconds};
}

static efla_status save(efla_training_run *c, efla_message *why) {
  efla_checkpoint_array arrays[ARRAYS];
  if (!c->path) return EFLA_OK;
  list_arrays(c, arrays);
  arrays[LOSSES].n = c->training.step, arrays[SCORES].n = 2 * c->evaluated_count;
  return efla_checkpoint_write(c->path, c->settings, arrays, ARRAYS, why);
}

static size_t epoch_steps(const efla_training_run *c) { return c->steps / c->study->epochs; }

/* Evaluations, over all epochs, that belong to the steps so far: those of an epoch follow its last step. */
static size_t evaluations_due(const efla_training_run *c) {
  return c->training.step / epoch_steps(c) * efla_study_evaluations(c->study);
}

static efla_status resume(efla_training_run *c, efla_message *why) {
  efla_checkpoint_array arrays[ARRAYS];
  list_arrays(c, arrays);
  efla_status status = efla_checkpoint_read(c->path, c->settings, arrays, ARRAYS, why);
  c->training.step = arrays[LOSSES].n, c->evaluated_count = arrays[SCORES].n / 2;
  if (status == EFLA_OK &&
      (arrays[SCORES].n % (2 * efla_study_evaluations(c->study)) != 0 || c->evaluated_count > evaluations_due(c)))
    status = efla_fail(why, EFLA_INPUT,
                       "%s: scores: %zu numbers after %zu steps, expected 2 for each of %zu evaluations an epoch",
                       c->path, arrays[SCORES].n, c->training.step, efla_study_evaluations(c->study));
  return status;
}

efla_status efla_training_run_open(efla_training_run *c, const efla_study_options *study,
                                   const efla_training_options *options, const char *path, efla_message *why) {
  *c = (efla_training_run){.study = study, .steps = study->epochs * efla_training_steps(options)};
  efla_status status = efla_training_init_f32(&c->training, options, study->training, why);
  if (status != EFLA_OK) return status;
  describe(c);
  c->path = path ? strdup(path) : NULL;
  c->losses = malloc((c->steps + 1) * sizeof *c->losses);
  c->scores = malloc((study->epochs * efla_study_evaluations(study) + 1) * sizeof *c->scores);
  if (!c->losses || !c->scores || (path && !c->path)) status = efla_fail_memory(why);
  if (status == EFLA_OK && path && access(path, F_OK) == 0) status = resume(c, why);
  if (status != EFLA_OK) efla_training_run_clear(c);
  return status;
}

void efla_training_run_clear(efla_training_run *c) {
  efla_training_clear_f32(&c->training);
  free(c->path);
  free(c->losses);
  free(c->scores);
  *c = (efla_training_run){0};
}

static size_t images_of_step(const efla_training_run *c, size_t step) {
  const efla_training_options *r = &c->training.options;
  size_t first = step % epoch_steps(c) * r->batch;
  return r->count - first < r->batch ? r->count - first : r->batch;
}

/* None where the score is that of the unchanged images. */
static size_t images_of_evaluation(const efla_study_options *study, size_t number) {
  efla_evaluation evaluation;
  efla_study_evaluation(study, number % efla_study_evaluations(study), &evaluation);
  return perturbs(&evaluation) || !evaluation.perturbation ? evaluation.count : 0;
}

size_t efla_study_images(const efla_study_options *study, const efla_training_options *options) {
  size_t images = options->count;
  for (size_t e = 0; e < efla_study_evaluations(study); e++) images += images_of_evaluation(study, e);
  return study->epochs * images;
}

size_t efla_training_run_left(const efla_training_run *c) {
  size_t left = 0;
  for (size_t s = c->training.step; s < c->steps; s++) left += images_of_step(c, s);
  for (size_t e = c->evaluated_count; e < c->study->epochs * efla_study_evaluations(c->study); e++)
    left += images_of_evaluation(c->study, e);
  return left;
}

static efla_status evaluate(efla_training_run *c, efla_message *why) {
  size_t evaluations = efla_study_evaluations(c->study), first = c->evaluated_count / evaluations * evaluations;
  efla_evaluation evaluation;
  efla_status status = EFLA_OK;
  efla_study_evaluation(c->study, c->evaluated_count - first, &evaluation);
  if (evaluation.perturbation && !perturbs(&evaluation))
    c->scores[c->evaluated_count] = c->scores[first]; /* unchanged images */
  else
    status = efla_training_evaluate_f32(&c->training, &evaluation, &c->scores[c->evaluated_count], why);
  return status;
}

efla_status efla_training_run_finish(efla_training_run *c, efla_training_run_callback *callback, void *context,
                                     efla_message *why) {
  efla_status status = EFLA_OK;
  while (status == EFLA_OK && (c->training.step < c->steps || c->evaluated_count < evaluations_due(c))) {
    size_t images;
    if (c->evaluated_count < evaluations_due(c)) {
      images = images_of_evaluation(c->study, c->evaluated_count);
      status = evaluate(c, why);
      c->evaluated_count++;
      if (status == EFLA_OK && c->evaluated_count == evaluations_due(c)) status = save(c, why);
    } else {
      double started = efla_seconds();
      images = images_of_step(c, c->training.step);
      double loss = efla_training_step_f32(&c->training);
      c->losses[c->training.step - 1] = loss;
      c->seconds += efla_seconds() - started;
      if (c->training.step % c->study->save == 0 || c->evaluated_count < evaluations_due(c)) status = save(c, why);
    }
    callback(context, c, images);
  }
  return status;
}
