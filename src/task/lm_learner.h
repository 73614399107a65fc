/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A language model as a trainer sees it, whatever its sequences are: devices and workspaces of the threads, and a
 * function that makes the sequences of a step. */
#ifndef EFLA_TASK_LM_LEARNER_H
#define EFLA_TASK_LM_LEARNER_H

#include "nn/language_model.h"
#include "train/training.h"

typedef struct efla_lm_source {
  void *context;
  /* Sequence i of the batch of step `step` (from 1): tokens and labels (positions). Called by thread `thread`, of
   * several at the same time. */
  void (*make)(void *context, size_t thread, size_t step, size_t i, uint32_t *tokens, int32_t *labels);
} efla_lm_source;

typedef struct efla_lm_learner {
  efla_lm_config model;
  efla_lm_source source;
  size_t positions;               /* tokens of a sequence */
  size_t batch, group;            /* sequences of a step, and of one gradient; group divides batch */
  size_t threads;                 /* at least 1 */
  const efla_communicator *ranks; /* that train together; NULL: one process */
  /* While it is open: */
  efla_device *devices; /* (threads) */
  efla_lm *models;      /* (threads), for `group` sequences */
  uint32_t *tokens;     /* (threads, group, positions) */
  int32_t *labels;
} efla_lm_learner;

/* The first fields are set. Fails as efla_lm_init does and with EFLA_NO_MEMORY; the rest is then zero. */
efla_status efla_lm_learner_open(efla_lm_learner *l, efla_message *why);
void efla_lm_learner_close(efla_lm_learner *l); /* accepts one that is not open */

/* The loss is the mean over the groups of the mean over their labels that count, in nats. l must not be moved. */
efla_learner efla_lm_learner_as_learner(efla_lm_learner *l);

/* Opens a run with the parameters of a seed. Fails as efla_training_open does. */
efla_status efla_lm_learner_start(efla_lm_learner *l, const efla_training_plan *plan, size_t seed, efla_training *run,
                                  efla_message *why);

/* The most memory that a training of `steps` steps takes at one time, in bytes, together with evaluations that read
 * windows one by one in every thread, `longest` tokens or less, `evaluated` tokens in all: workspaces, backends',
 * parameters, moments, gradients, and the parameters in f64 that a training starts from. l is open. The code, texts,
 * tables and buffers of BLAS are not counted. */
double efla_lm_learner_bytes(const efla_lm_learner *l, size_t steps, size_t longest, size_t evaluated);

#endif
