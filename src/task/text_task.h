/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The task `lm`: the next byte of a text. Batches for a trainer, and evaluations. */
#ifndef EFLA_TASK_TEXT_TASK_H
#define EFLA_TASK_TEXT_TASK_H

#include "data/text.h"
#include "task/lm_learner.h"

enum { EFLA_BYTES = 256 }; /* the vocabulary */

typedef struct efla_text_options {
  efla_lm_config model; /* its vocabulary is EFLA_BYTES */
  const efla_corpus *corpus;
  size_t context;                 /* tokens of a training sequence */
  size_t batch, group;            /* sequences of a step, and of one gradient; group divides batch */
  size_t seed;                    /* of parameters and windows */
  size_t threads;                 /* at least 1 */
  const efla_communicator *ranks; /* that train together; NULL: one process */
} efla_text_options;

typedef struct efla_text_task {
  efla_text_options options;
  efla_lm_learner learner; /* a batch: `batch` random windows of the training text (efla_corpus_window) */
} efla_text_task;

/* Fails with EFLA_INPUT where the training text is shorter than a window of context + 1 bytes, as efla_lm_init does,
 * and with EFLA_NO_MEMORY; task is then zeroed. It must not be moved after that. */
efla_status efla_text_task_init(efla_text_task *task, const efla_text_options *options, efla_message *why);
void efla_text_task_clear(efla_text_task *task);

enum { EFLA_LONGEST = 16 }; /* windows of the last evaluations are 1, 4, 16 times the context */

/* Windows of `context` tokens that an evaluation reads of a part: `most`, or all there are. */
size_t efla_text_windows(const efla_corpus_part *part, size_t context, size_t most);

/* The memory of a training of `steps` steps and its evaluations of `windows` windows of the context, or of as many tokens
 * in up to EFLA_LONGEST times longer ones: efla_lm_learner_bytes. */
double efla_text_task_bytes(const efla_text_task *task, size_t steps, size_t windows);

/* The mean loss of a part, in bits per byte: windows of `context` tokens one after another, each from the zero state,
 * the first `windows` of them or all there are, the last incomplete one left out. positions (context, NULL: not
 * wanted): the means of each place in a window. nan where the part is shorter than one. ranks: that have a share of the
 * windows each, and all the means; NULL: this process has them all. Fails as efla_lm_forward does. */
efla_status efla_text_evaluate(const efla_text_task *task, const efla_communicator *ranks, const float *parameters,
                               const efla_corpus_part *part, size_t context, size_t windows, double *bits,
                               double *positions, efla_message *why);

#endif
