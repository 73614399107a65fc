/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/image_run.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

bool efla_image_evaluation_at(const efla_image_plan *plan, size_t number, efla_image_evaluation *evaluation) {
  *evaluation = (efla_image_evaluation){.images = plan->test, .count = plan->evaluated, .seed = plan->seed};
  if (number-- == 0) return true;
  for (const efla_image_perturbation *p = efla_image_perturbations; p->name; number -= p->levels, p++)
    if (number < p->levels) {
      evaluation->perturbation = p, evaluation->level = efla_image_level(p, number);
      return true;
    }
  return false;
}

size_t efla_image_evaluations(const efla_image_plan *plan) {
  efla_image_evaluation evaluation;
  size_t n = 1; /* the unchanged images */
  while (efla_image_evaluation_at(plan, n, &evaluation)) n++;
  return n;
}

static unsigned long fingerprint(const efla_images *images) {
  uLong sum = crc32(0, images->pixels, (uInt)(images->count * EFLA_IMAGE_PIXELS));
  return crc32(sum, images->labels, (uInt)images->count);
}

/* Sets run->settings: all that the numbers depend on, except the number of epochs, which may grow between runs. */
static void describe(efla_image_run *run) {
  const efla_image_options *o = &run->task.options;
  const efla_image_plan *p = &run->plan;
  snprintf(run->settings, sizeof run->settings,
           "smnist, method %s, keys %s, lr %.17g, seed %zu, readout %s, width %zu, batch %zu, decay %g, clip %g, "
           "%zu images of %s (%08lx), evaluated on %zu of %s (%08lx), seed %zu",
           o->model.method->name, o->model.keys->name, o->rule.lr, o->seed, o->model.readout->name, o->model.width,
           o->batch, o->rule.decay, o->rule.clip, o->count, p->training->origin, fingerprint(p->training), p->evaluated,
           p->test->origin, fingerprint(p->test), p->seed);
}

/* ---- evaluations, over all epochs ---- */

static size_t step(const void *context, size_t i) {
  const efla_image_run *run = context;
  return (i / efla_image_evaluations(&run->plan) + 1) * efla_image_steps(&run->task.options);
}

/* The first level of a perturbation leaves images unchanged: their scores are not computed again. */
static bool repeats(const efla_image_evaluation *e) {
  return e->perturbation && e->level == efla_image_level(e->perturbation, 0);
}

static size_t size(const void *context, size_t i) {
  const efla_image_plan *plan = &((const efla_image_run *)context)->plan;
  efla_image_evaluation e;
  efla_image_evaluation_at(plan, i % efla_image_evaluations(plan), &e);
  return repeats(&e) ? 0 : e.count;
}

static efla_status evaluate(void *context, const float *parameters, size_t i, double *x, efla_message *why) {
  efla_image_run *run = context;
  const size_t number = i % efla_image_evaluations(&run->plan);
  efla_image_evaluation e;
  efla_image_score score;
  efla_image_evaluation_at(&run->plan, number, &e);
  if (repeats(&e)) {
    x[0] = x[-2 * (long)number], x[1] = x[1 - 2 * (long)number];
    return EFLA_OK;
  }
  const efla_status status = efla_image_evaluate(&run->task, parameters, &e, &score, why);
  x[0] = score.accuracy, x[1] = score.loss;
  return status;
}

static efla_training_plan plan_of(efla_image_run *run, const efla_image_plan *p, const efla_image_options *o) {
  const size_t steps = p->epochs * efla_image_steps(o);
  return (efla_training_plan){.schedule = {.steps = steps, .rate = o->rule.lr, .least = 1},
                              .rule = o->rule,
                              .threads = o->threads,
                              .ranks = o->ranks,
                              .evaluations = {.count = p->epochs * efla_image_evaluations(p),
                                              .width = 2,
                                              .context = run,
                                              .step = step,
                                              .size = size,
                                              .evaluate = evaluate},
                              .batch = o->batch,
                              .settings = run->settings};
}

size_t efla_image_run_work(const efla_image_plan *plan, const efla_image_options *options) {
  efla_image_run view = {.plan = *plan, .task.options = *options};
  const efla_training_plan p = plan_of(&view, plan, options);
  return efla_training_work(&p);
}

efla_status efla_image_run_open(efla_image_run *run, const efla_image_plan *plan, const efla_image_options *options,
                                const char *path, size_t save, efla_message *why) {
  *run = (efla_image_run){.plan = *plan};
  double *start = calloc(efla_model_numbers(&options->model), sizeof *start);
  efla_status status = start ? EFLA_OK : efla_fail_memory(why);
  if (status == EFLA_OK) status = efla_image_task_init(&run->task, options, plan->training, why);
  if (status == EFLA_OK) status = efla_model_start(&options->model, options->seed, start, why);
  if (status == EFLA_OK) {
    const efla_learner learner = efla_image_task_learner(&run->task);
    efla_training_plan p = plan_of(run, plan, options);
    describe(run);
    p.path = path, p.save = save;
    status = efla_training_open(&run->training, &learner, &p, start, why);
  }
  free(start);
  if (status != EFLA_OK) efla_image_run_clear(run);
  return status;
}

void efla_image_run_clear(efla_image_run *run) {
  efla_training_clear(&run->training);
  efla_image_task_clear(&run->task);
  *run = (efla_image_run){.settings = ""};
}
