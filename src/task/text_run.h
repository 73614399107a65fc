/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A language model's training from its first step or its checkpoint to its end, evaluated on the way. */
#ifndef EFLA_TASK_TEXT_RUN_H
#define EFLA_TASK_TEXT_RUN_H

#include "task/text_layers.h"
#include "train/training.h"

typedef struct efla_text_plan {
  efla_text_options options;
  efla_schedule schedule;
  efla_adamw rule; /* its lr is not used */
  size_t every;    /* steps between evaluations on the validation text; the last step has one too */
  size_t windows;  /* of an evaluation, at most */
  bool along;      /* evaluations keep the distributions of text_layers.h too */
} efla_text_plan;

typedef struct efla_text_run {
  efla_text_plan plan;
  efla_text_task task;
  efla_training training;
  char settings[512];
} efla_text_run;

/* The step of evaluation i, from 0, and how many there are. */
size_t efla_text_step_of(const efla_text_plan *plan, size_t i);
size_t efla_text_evaluations(const efla_text_plan *plan);

/* Of evaluation i: bits per byte, and with plan->along what efla_text_layers_describe tells. */
const double *efla_text_run_result(const efla_text_run *run, size_t i);

/* Sequences of training length that a training works through, evaluations included. */
size_t efla_text_run_work(const efla_text_plan *plan);

/* Resumes from the checkpoint at path where there is one; path NULL: none is kept. save: steps between checkpoints.
 * Fails as efla_text_task_init and efla_training_open do; run is then zeroed. It must not be moved after that. */
efla_status efla_text_run_open(efla_text_run *run, const efla_text_plan *plan, const char *path, size_t save,
                               efla_message *why);
void efla_text_run_clear(efla_text_run *run);

#endif
