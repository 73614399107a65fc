/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/image_task.h"

#include "base/seed.h"
#include "nn/layers.h"

#include <assert.h>
#include <gsl/gsl_randist.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

size_t efla_image_steps(const efla_image_options *options) {
  return (options->count + options->batch - 1) / options->batch;
}

void efla_image_task_clear(efla_image_task *t) {
  for (size_t i = 0; i < t->options.threads && t->classifiers; i++) efla_classifier_clear_f32(&t->classifiers[i]);
  free(t->classifiers), free(t->loaded), free(t->order);
  gsl_rng_free(t->draw);
  *t = (efla_image_task){.images = NULL};
}

efla_status efla_image_task_init(efla_image_task *t, const efla_image_options *options, const efla_images *images,
                                 efla_message *why) {
  assert(options->batch > 0 && options->count > 0 && options->count <= images->count);
  assert(options->model.tokens == EFLA_IMAGE_PIXELS && options->model.classes >= EFLA_IMAGE_CLASSES);
  *t = (efla_image_task){.options = *options, .images = images};
  if (t->options.threads == 0) t->options.threads = 1;
  t->classifiers = calloc(t->options.threads, sizeof *t->classifiers);
  t->loaded = calloc(t->options.threads, sizeof *t->loaded);
  t->order = calloc(options->count, sizeof *t->order);
  t->draw = gsl_rng_alloc(gsl_rng_mt19937);
  efla_status status = t->classifiers && t->loaded && t->order && t->draw ? EFLA_OK : efla_fail_memory(why);
  for (size_t i = 0; i < t->options.threads && status == EFLA_OK; i++)
    status = efla_classifier_init_f32(&t->classifiers[i], &t->options.model, options->isa, why);
  if (status != EFLA_OK) efla_image_task_clear(t);
  return status;
}

/* ---- training ---- */

/* The order of an epoch's images depends on seed and epoch alone, so that a training can be resumed anywhere. */
static void prepare(void *context, size_t step) {
  efla_image_task *t = context;
  const efla_image_options *o = &t->options;
  const size_t epoch = (step - 1) / efla_image_steps(o) + 1;
  if (t->epoch == epoch) return;
  t->epoch = epoch;
  gsl_rng_set(t->draw, efla_seed(o->seed, epoch));
  for (size_t i = 0; i < o->count; i++) t->order[i] = i;
  gsl_ran_shuffle(t->draw, t->order, o->count, sizeof *t->order);
}

/* The last batch of an epoch may leave a group with fewer images, or none. */
static efla_status gradient(void *context, size_t thread, size_t step, size_t group, const float *parameters,
                            float *gradient, double *loss, efla_message *why) {
  const efla_image_task *t = context;
  const efla_image_options *o = &t->options;
  efla_classifier_f32 *c = &t->classifiers[thread];
  const size_t first = (step - 1) % efla_image_steps(o) * o->batch, left = o->count - first,
               batch = left < o->batch ? left : o->batch, begin = group * EFLA_GROUP, end = begin + EFLA_GROUP;
  (void)why;
  *loss = 0;
  if (t->loaded[thread] != step) efla_classifier_load_f32(c, parameters), t->loaded[thread] = step;
  for (size_t i = begin; i < end && i < batch; i++) {
    const size_t image = t->order[first + i];
    efla_image_read(t->images, image, c->x);
    efla_classifier_forward_f32(c);
    *loss += (double)efla_classifier_backward_f32(c, t->images->labels[image], 1 / (float)batch, gradient);
  }
  *loss /= (double)batch;
  return EFLA_OK;
}

efla_learner efla_image_task_learner(efla_image_task *t) {
  const size_t numbers = efla_model_numbers(&t->options.model);
  return (efla_learner){.context = t,
                        .numbers = numbers,
                        .decayed = numbers,
                        .groups = (t->options.batch + EFLA_GROUP - 1) / EFLA_GROUP,
                        .gradient = gradient,
                        .prepare = prepare};
}

/* ---- evaluation ---- */

typedef struct answer {
  double loss;
  bool right; /* the image is recognised */
} answer;

/* To image i of an evaluation. */
static void recognise(efla_classifier_f32 *c, const efla_image_evaluation *e, size_t i, gsl_rng *draw, answer *a) {
  const size_t label = e->images->labels[i];
  efla_image_read(e->images, i, c->x);
  if (e->perturbation) efla_image_perturb(e->perturbation, e->level, e->seed, i, c->model.tokens, c->x, draw);
  a->right = efla_classifier_forward_f32(c) == label;
  a->loss = (double)efla_entropy_f32(c->model.classes, c->logits, label, 0, NULL);
}

/* To images first, ..., end - 1; answers (e->count). */
static efla_status recognise_all(efla_image_task *t, const float *parameters, const efla_image_evaluation *e,
                                 size_t first, size_t end, answer *answers, efla_message *why) {
  const size_t threads = t->options.threads;
  bool failed = false;
#pragma omp parallel num_threads((int)threads) reduction(|| : failed) if (threads > 1)
  {
    efla_classifier_f32 *c = &t->classifiers[omp_get_thread_num()];
    gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
    failed = !draw;
    efla_classifier_load_f32(c, parameters), t->loaded[omp_get_thread_num()] = 0;
#pragma omp for schedule(dynamic, EFLA_GROUP)
    for (size_t i = first; i < end; i++)
      if (draw) recognise(c, e, i, draw, &answers[i]);
    gsl_rng_free(draw);
  }
  return failed ? efla_fail_memory(why) : EFLA_OK;
}

efla_status efla_image_evaluate(efla_image_task *t, const float *parameters, const efla_image_evaluation *evaluation,
                                efla_image_score *score, efla_message *why) {
  const efla_communicator *ranks = t->options.ranks;
  const size_t n = evaluation->count;
  size_t right = 0, first, end;
  double sum = 0;
  assert(n > 0 && n <= evaluation->images->count);
  answer *answers = calloc(n, sizeof *answers);
  efla_status status = answers ? EFLA_OK : efla_fail_memory(why);
  efla_ranks_share(ranks, n, &first, &end);
  if (status == EFLA_OK) status = recognise_all(t, parameters, evaluation, first, end, answers, why);
  status = efla_ranks_complete(ranks, n, sizeof *answers, answers, status, why);
  for (size_t i = 0; i < n && status == EFLA_OK; i++) right += answers[i].right, sum += answers[i].loss;
  free(answers);
  *score = (efla_image_score){(double)right / (double)n, sum / (double)n};
  return status;
}
