/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A language model's training on a synthetic task of tokens (data/token_task.h) from its first step or its checkpoint
 * to its end, and its accuracy on examples of the test set. */
#ifndef EFLA_TASK_TOKEN_RUN_H
#define EFLA_TASK_TOKEN_RUN_H

#include "data/token_task.h"
#include "task/lm_learner.h"

typedef struct efla_token_plan {
  const efla_token_task *task;
  efla_token_settings settings;
  efla_lm_config model; /* its vocabulary is set, and whether it compresses */
  size_t batch, group, threads;
  const efla_communicator *ranks; /* that train and test together; NULL: one process */
  size_t seed;                    /* of parameters and examples */
  size_t examples;                /* of the training set, taken in turn; 0: without end */
  size_t tested;                  /* examples of the test set */
  efla_schedule schedule;
  efla_adamw rule; /* its lr is not used */
} efla_token_plan;

typedef struct efla_token_run {
  efla_token_plan plan;
  efla_token_source source, test; /* of training and of test examples */
  efla_lm_learner learner;
  efla_training training; /* results, two: accuracy and loss at the end, as efla_token_run_test has them */
  uint16_t *room;         /* (threads, 2 positions): examples */
  char settings[512];
} efla_token_run;

/* Sequences that a training works through, its test included. */
size_t efla_token_run_work(const efla_token_plan *plan);

/* Resumes from the checkpoint at path where there is one; path NULL: none is kept. save: steps between checkpoints.
 * Fails with EFLA_USAGE where the task has no such settings, and as efla_lm_learner_open and
 * efla_training_open do; run is then zeroed. It must not be moved after that. */
efla_status efla_token_run_open(efla_token_run *run, const efla_token_plan *plan, const char *path, size_t save,
                                efla_message *why);
void efla_token_run_clear(efla_token_run *run);

/* On the first `tested` examples: the accuracy as the task scores it, and the mean cross-entropy of scored positions in
 * nats; where that is not finite, the accuracy is nan. The same bits for any number of threads. Fails as efla_lm_forward does and with EFLA_NO_MEMORY. */
efla_status efla_token_run_test(const efla_token_run *run, const float *parameters, double *accuracy, double *loss,
                                efla_message *why);

#endif
