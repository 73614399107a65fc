/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/lm_learner.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

efla_status efla_lm_learner_open(efla_lm_learner *l, efla_message *why) {
  const size_t n = l->threads, rows = l->group * l->positions;
  l->devices = calloc(n, sizeof *l->devices), l->models = calloc(n, sizeof *l->models);
  l->tokens = calloc(n * rows, sizeof *l->tokens), l->labels = calloc(n * rows, sizeof *l->labels);
  efla_status status = l->devices && l->models && l->tokens && l->labels ? EFLA_OK : efla_fail_memory(why);
  for (size_t i = 0; i < n && status == EFLA_OK; i++) {
    status = efla_device_open(&l->devices[i], efla_device_find("cpu", EFLA_F32), NULL, why);
    if (status == EFLA_OK) status = efla_lm_init(&l->models[i], &l->model, &l->devices[i], l->group, l->positions, why);
  }
  if (status != EFLA_OK) efla_lm_learner_close(l);
  return status;
}

void efla_lm_learner_close(efla_lm_learner *l) {
  for (size_t i = 0; i < l->threads && l->models; i++) efla_lm_clear(&l->models[i]);
  for (size_t i = 0; i < l->threads && l->devices; i++) efla_device_close(&l->devices[i]);
  free(l->devices), free(l->models), free(l->tokens), free(l->labels);
  l->devices = NULL, l->models = NULL, l->tokens = NULL, l->labels = NULL;
}

/* The mean over the labels of a group that count; groups count the same. */
static efla_status gradient(void *context, size_t thread, size_t step, size_t group, const float *parameters,
                            float *gradient, double *loss, efla_message *why) {
  const efla_lm_learner *l = context;
  assert(l->models && l->tokens && l->labels);
  efla_lm *m = &l->models[thread];
  uint32_t *tokens = l->tokens + thread * m->rows;
  int32_t *labels = l->labels + thread * m->rows;
  size_t counted = 0;
  for (size_t i = 0; i < l->group; i++)
    l->source.make(l->source.context, thread, step, group * l->group + i, tokens + i * l->positions,
                   labels + i * l->positions);
  for (size_t r = 0; r < m->rows; r++) counted += labels[r] >= 0;
  *loss = 0;
  if (counted == 0) return EFLA_OK;
  const double weight = (double)l->group / (double)(l->batch * counted);
  const efla_status status = efla_lm_forward(m, parameters, tokens, labels, weight, loss, why);
  *loss *= weight;
  return status == EFLA_OK ? efla_lm_backward(m, parameters, gradient, why) : status;
}

efla_learner efla_lm_learner_as_learner(efla_lm_learner *l) {
  return (efla_learner){.context = l,
                        .numbers = efla_lm_numbers(&l->model),
                        .decayed = efla_lm_matrices(&l->model),
                        .groups = l->batch / l->group,
                        .gradient = gradient};
}

efla_status efla_lm_learner_start(efla_lm_learner *l, const efla_training_plan *plan, size_t seed, efla_training *run,
                                  efla_message *why) {
  const efla_learner learner = efla_lm_learner_as_learner(l);
  double *start = malloc(learner.numbers * sizeof *start);
  if (!start) return efla_fail_memory(why);
  efla_training_plan shared = *plan;
  shared.ranks = l->ranks;
  efla_status status = efla_lm_start(&l->model, seed, start, why);
  if (status == EFLA_OK) status = efla_training_open(run, &learner, &shared, start, why);
  free(start);
  return status;
}

double efla_lm_learner_bytes(const efla_lm_learner *l, size_t steps, size_t longest, size_t evaluated) {
  const efla_device *on = &l->devices[0];
  const efla_learner learner = {.numbers = efla_lm_numbers(&l->model), .groups = l->batch / l->group};
  const double n = (double)efla_lm_numbers(&l->model), threads = (double)l->threads, token = 2 * sizeof(uint32_t),
               start = n * sizeof(double), step = efla_lm_backend_bytes(&l->model, on, l->group, l->positions, true),
               window = efla_lm_backend_bytes(&l->model, on, 1, longest, false),
               evaluation = efla_lm_bytes(&l->model, on->row, 1, longest, false) + (double)longest * token,
               kept = threads * (efla_lm_bytes(&l->model, on->row, l->group, l->positions, true) +
                                 (double)(l->group * l->positions) * token) +
                      (double)efla_trainer_floats(&learner, l->ranks) * sizeof(float) +
                      2 * (double)steps * sizeof(double),
               later = threads * (evaluation + fmax(step, window)) + (double)evaluated * sizeof(double);
  return kept + fmax(start, later);
}
