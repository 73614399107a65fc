/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_task.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

efla_status efla_text_task_init(efla_text_task *task, const efla_text_options *options, efla_message *why) {
  *task = (efla_text_task){.options = *options};
  const size_t n = options->threads, rows = options->group * options->context;
  if (options->corpus->train.count <= options->context)
    return efla_fail(why, EFLA_INPUT, "the training text has %zu bytes, expected more than the context of %zu",
                     options->corpus->train.count, options->context);
  task->devices = calloc(n, sizeof *task->devices), task->models = calloc(n, sizeof *task->models);
  task->tokens = calloc(n * rows, sizeof *task->tokens), task->labels = calloc(n * rows, sizeof *task->labels);
  efla_status status = task->devices && task->models && task->tokens && task->labels ? EFLA_OK : efla_fail_memory(why);
  for (size_t i = 0; i < n && status == EFLA_OK; i++) {
    status = efla_device_open(&task->devices[i], efla_device_find("cpu", EFLA_F32), NULL, why);
    if (status == EFLA_OK)
      status =
          efla_lm_init(&task->models[i], &options->model, &task->devices[i], options->group, options->context, why);
  }
  if (status != EFLA_OK) efla_text_task_clear(task);
  return status;
}

void efla_text_task_clear(efla_text_task *task) {
  for (size_t i = 0; i < task->options.threads && task->models; i++) efla_lm_clear(&task->models[i]);
  for (size_t i = 0; i < task->options.threads && task->devices; i++) efla_device_close(&task->devices[i]);
  free(task->devices), free(task->models), free(task->tokens), free(task->labels);
  *task = (efla_text_task){.devices = NULL};
}

/* A window of length + 1 bytes as tokens and the labels that follow them. */
static void split_window(const unsigned char *bytes, size_t length, uint32_t *tokens, int32_t *labels) {
  for (size_t i = 0; i < length; i++) tokens[i] = bytes[i], labels[i] = bytes[i + 1];
}

static efla_status gradient(void *context, size_t thread, size_t step, size_t group, const float *parameters,
                            float *gradient, double *loss, efla_message *why) {
  efla_text_task *task = context;
  const efla_text_options *o = &task->options;
  assert(task->models && task->tokens && task->labels);
  efla_lm *m = &task->models[thread];
  uint32_t *tokens = task->tokens + thread * m->rows;
  int32_t *labels = task->labels + thread * m->rows;
  for (size_t i = 0; i < o->group; i++)
    split_window(efla_corpus_window(&o->corpus->train, o->context + 1, o->seed, step, group * o->group + i), o->context,
                 tokens + i * o->context, labels + i * o->context);
  const double weight = 1 / (double)(o->batch * o->context);
  efla_status status = efla_lm_forward(m, parameters, tokens, labels, weight, loss, why);
  *loss *= weight;
  return status == EFLA_OK ? efla_lm_backward(m, parameters, gradient, why) : status;
}

efla_learner efla_text_learner(efla_text_task *task) {
  const efla_text_options *o = &task->options;
  return (efla_learner){.context = task,
                        .numbers = efla_lm_numbers(&o->model),
                        .decayed = efla_lm_matrices(&o->model),
                        .groups = o->batch / o->group,
                        .gradient = gradient};
}

double efla_text_bytes(const efla_text_options *o) {
  const double numbers = (double)efla_lm_numbers(&o->model);
  return (double)o->threads * efla_lm_bytes(&o->model, efla_device_find("cpu", EFLA_F32), o->group, o->context) +
         (3 + (double)(o->batch / o->group)) * numbers * sizeof(float);
}

/* ---- evaluation ---- */

/* Adds the losses of windows first, first + stride, ... to sums (context). */
static efla_status add_windows(const efla_text_task *task, size_t thread, const float *parameters,
                               const efla_corpus_part *part, size_t context, size_t windows, double *losses,
                               efla_message *why) {
  efla_lm m = {.layers = NULL};
  uint32_t *tokens = malloc(context * sizeof *tokens);
  int32_t *labels = malloc(context * sizeof *labels);
  efla_status status = tokens && labels ? EFLA_OK : efla_fail_memory(why);
  if (status == EFLA_OK) status = efla_lm_init(&m, &task->options.model, &task->devices[thread], 1, context, why);
  for (size_t w = thread; w < windows && status == EFLA_OK; w += task->options.threads) {
    double loss;
    split_window(part->bytes + w * context, context, tokens, labels);
    status = efla_lm_forward(&m, parameters, tokens, labels, 0, &loss, why);
    memcpy(losses + w * context, m.losses, context * sizeof *losses);
  }
  efla_lm_clear(&m);
  free(tokens), free(labels);
  return status;
}

efla_status efla_text_evaluate(const efla_text_task *task, const float *parameters, const efla_corpus_part *part,
                               size_t context, size_t windows, double *bits, double *positions, efla_message *why) {
  const size_t threads = task->options.threads, there = part->count > context ? (part->count - 1) / context : 0;
  if (windows > there) windows = there;
  *bits = NAN;
  for (size_t i = 0; i < context && positions; i++) positions[i] = NAN;
  if (windows == 0) return EFLA_OK;
  double *losses = malloc(windows * context * sizeof *losses), sum = 0;
  if (!losses) return efla_fail_memory(why);
  efla_status worst = EFLA_OK;
#pragma omp parallel for schedule(static, 1) num_threads((int)threads) if (threads > 1)
  for (size_t thread = 0; thread < threads; thread++) {
    efla_message mine;
    const efla_status status = add_windows(task, thread, parameters, part, context, windows, losses, &mine);
    if (status == EFLA_OK) continue;
#pragma omp critical(efla_text_message)
    worst = status, *why = mine;
  }
  for (size_t i = 0; i < windows * context; i++) sum += losses[i];
  *bits = sum / (double)(windows * context) / M_LN2;
  for (size_t i = 0; i < context && positions; i++) {
    double mean = 0;
    for (size_t w = 0; w < windows; w++) mean += losses[w * context + i];
    positions[i] = mean / (double)windows / M_LN2;
  }
  free(losses);
  return worst;
}
