/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A language model's training on a synthetic task of tokens (data/token_task.h) from its first step or its checkpoint
 * to its end, and its accuracy on examples of the test set. */
#ifndef EFLA_TASK_TOKEN_RUN_H
#define EFLA_TASK_TOKEN_RUN_H

#include "data/token_task.h"
#include "task/lm_learner.h"

typedef struct efla_token_plan {
  const efla_token_task *task; /* none whose labels follow from what is kept after the last input (whole) */
  efla_token_settings settings;
  efla_lm_config model; /* its vocabulary is set */
  size_t batch, group, threads;
  size_t seed;     /* of parameters and examples */
  size_t examples; /* of the training set, taken in turn; 0: without end */
  size_t tested;   /* examples of the test set */
  efla_schedule schedule;
  efla_adamw rule;  /* its lr is not used */
  const char *path; /* of the checkpoint; NULL: none is kept */
  size_t save;      /* steps between checkpoints */
} efla_token_plan;

typedef struct efla_token_run {
  efla_token_plan plan;
  efla_token_source training, test;
  efla_lm_learner learner;
  efla_trainer trainer;
  uint16_t *room; /* (threads, 2 positions): examples */
  char settings[512];
} efla_token_run;

/* Resumes from the checkpoint where there is one. Fails with EFLA_USAGE where the task has no such settings or is not
 * for such models, with EFLA_INPUT where the checkpoint is of another training, and as efla_lm_learner_open does; run
 * is then zeroed. It must not be moved after that. */
efla_status efla_token_run_open(efla_token_run *run, const efla_token_plan *plan, efla_message *why);
void efla_token_run_clear(efla_token_run *run);

/* Called after every step. */
typedef void efla_token_callback(void *context, const efla_token_run *run);

/* Trains to the end, or until it diverges. Fails as efla_trainer_step and efla_trainer_save do. */
efla_status efla_token_run_finish(efla_token_run *run, efla_token_callback *callback, void *context, efla_message *why);

/* On the first `tested` examples: the accuracy as the task scores it, and the mean cross-entropy of scored positions in
 * nats; nan after a divergence. Fails as efla_lm_forward does and with EFLA_NO_MEMORY. */
efla_status efla_token_run_test(efla_token_run *run, double *accuracy, double *loss, efla_message *why);

#endif
