/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_task.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A window of length + 1 bytes as tokens and the labels that follow them. */
static void split_window(const unsigned char *bytes, size_t length, uint32_t *tokens, int32_t *labels) {
  assert(tokens && labels);
  for (size_t i = 0; i < length; i++) tokens[i] = bytes[i], labels[i] = bytes[i + 1];
}

static void make_window(void *context, size_t thread, size_t step, size_t i, uint32_t *tokens, int32_t *labels) {
  const efla_text_options *o = &((const efla_text_task *)context)->options;
  (void)thread;
  split_window(efla_corpus_window(&o->corpus->train, o->context + 1, o->seed, step, i), o->context, tokens, labels);
}

efla_status efla_text_task_init(efla_text_task *task, const efla_text_options *options, efla_message *why) {
  *task = (efla_text_task){.learner = {.threads = 0}};
  if (options->corpus->train.count <= options->context)
    return efla_fail(why, EFLA_INPUT, "the training text has %zu bytes, expected more than the context of %zu",
                     options->corpus->train.count, options->context);
  task->options = *options;
  task->learner = (efla_lm_learner){.model = options->model,
                                    .source = {task, make_window},
                                    .positions = options->context,
                                    .batch = options->batch,
                                    .group = options->group,
                                    .threads = options->threads,
                                    .ranks = options->ranks};
  const efla_status status = efla_lm_learner_open(&task->learner, why);
  if (status != EFLA_OK) efla_text_task_clear(task);
  return status;
}

void efla_text_task_clear(efla_text_task *task) {
  efla_lm_learner_close(&task->learner);
  *task = (efla_text_task){.learner = {.threads = 0}};
}

/* ---- evaluation ---- */

size_t efla_text_windows(const efla_corpus_part *part, size_t context, size_t most) {
  const size_t there = part->count > context ? (part->count - 1) / context : 0;
  return most < there ? most : there;
}

double efla_text_task_bytes(const efla_text_task *task, size_t steps, size_t windows) {
  const efla_text_options *o = &task->options;
  const efla_corpus_part *const parts[] = {&o->corpus->train, &o->corpus->valid, &o->corpus->test};
  size_t longest = o->context, evaluated = 0;
  for (size_t times = 1; times <= EFLA_LONGEST; times *= 4)
    for (size_t p = 0; p < 3; p++) {
      const size_t context = times * o->context, most = windows / times ? windows / times : 1,
                   tokens = efla_text_windows(parts[p], context, most) * context;
      if (tokens > 0 && context > longest) longest = context;
      if (tokens > evaluated) evaluated = tokens;
    }
  return efla_lm_learner_bytes(&task->learner, steps, longest, evaluated + longest);
}

/* Sets losses (windows, context) of those of windows first, ..., end - 1 that a thread has. */
static efla_status add_windows(const efla_text_task *task, size_t thread, const float *parameters,
                               const efla_corpus_part *part, size_t context, size_t first, size_t end, double *losses,
                               efla_message *why) {
  efla_lm m = {.layers = NULL};
  uint32_t *tokens = malloc(context * sizeof *tokens);
  int32_t *labels = malloc(context * sizeof *labels);
  efla_status status = tokens && labels ? EFLA_OK : efla_fail_memory(why);
  if (status == EFLA_OK)
    status = efla_lm_init_forward(&m, &task->options.model, &task->learner.devices[thread], 1, context, why);
  for (size_t w = first + thread; w < end && status == EFLA_OK; w += task->options.threads) {
    double loss;
    split_window(part->bytes + w * context, context, tokens, labels);
    status = efla_lm_forward(&m, parameters, tokens, labels, 0, &loss, why);
    memcpy(losses + w * context, m.losses, context * sizeof *losses);
  }
  efla_lm_clear(&m);
  free(tokens), free(labels);
  return status;
}

/* Sets losses (windows, context) of windows first, ..., end - 1. */
static efla_status add_all(const efla_text_task *task, const float *parameters, const efla_corpus_part *part,
                           size_t context, size_t first, size_t end, double *losses, efla_message *why) {
  const size_t threads = task->options.threads;
  efla_status worst = EFLA_OK;
#pragma omp parallel for schedule(static, 1) num_threads((int)threads) if (threads > 1)
  for (size_t thread = 0; thread < threads; thread++) {
    efla_message mine;
    const efla_status status = add_windows(task, thread, parameters, part, context, first, end, losses, &mine);
    if (status == EFLA_OK) continue;
#pragma omp critical(efla_text_message)
    worst = status, *why = mine;
  }
  return worst;
}

/* The mean of losses (windows, context) in bits, and of each place. */
static void average(size_t windows, size_t context, const double *losses, double *bits, double *positions) {
  double sum = 0;
  for (size_t i = 0; i < windows * context; i++) sum += losses[i];
  *bits = sum / (double)(windows * context) / M_LN2;
  for (size_t i = 0; i < context && positions; i++) {
    double mean = 0;
    for (size_t w = 0; w < windows; w++) mean += losses[w * context + i];
    positions[i] = mean / (double)windows / M_LN2;
  }
}

efla_status efla_text_evaluate(const efla_text_task *task, const efla_communicator *ranks, const float *parameters,
                               const efla_corpus_part *part, size_t context, size_t windows, double *bits,
                               double *positions, efla_message *why) {
  size_t first, end;
  windows = efla_text_windows(part, context, windows);
  *bits = NAN;
  for (size_t i = 0; i < context && positions; i++) positions[i] = NAN;
  if (windows == 0) return EFLA_OK;
  efla_ranks_share(ranks, windows, &first, &end);
  double *losses = malloc(windows * context * sizeof *losses);
  efla_status status = losses ? EFLA_OK : efla_fail_memory(why);
  if (status == EFLA_OK) status = add_all(task, parameters, part, context, first, end, losses, why);
  status = efla_ranks_complete(ranks, windows, context * sizeof *losses, losses, status, why);
  if (status == EFLA_OK) average(windows, context, losses, bits, positions);
  free(losses);
  return status;
}
