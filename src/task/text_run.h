/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A language model's training from its first step or its checkpoint to its end, evaluated on the way. */
#ifndef EFLA_TASK_TEXT_RUN_H
#define EFLA_TASK_TEXT_RUN_H

#include "task/text_task.h"

#include <stdio.h>

typedef struct efla_text_plan {
  efla_text_options options;
  efla_schedule schedule;
  efla_adamw rule;  /* its lr is not used */
  size_t every;     /* steps between evaluations on the validation text; the last step has one too */
  size_t windows;   /* of an evaluation, at most */
  const char *path; /* of the checkpoint; NULL: none is kept */
  size_t save;      /* steps between checkpoints */
} efla_text_plan;

typedef struct efla_text_run {
  efla_text_plan plan;
  efla_text_task task;
  efla_trainer trainer;
  char settings[512];
  size_t evaluations; /* done so far */
  double *bits;       /* their bits per byte: number i is after step efla_text_step_of(plan, i) */
} efla_text_run;

/* The step of evaluation i, from 0, and how many there are. */
size_t efla_text_step_of(const efla_text_plan *plan, size_t i);
size_t efla_text_evaluations(const efla_text_plan *plan);

/* Resumes from the checkpoint where there is one. Fails with EFLA_INPUT where that is of another training, as
 * efla_text_task_init does, and with EFLA_NO_MEMORY; run is then zeroed. It must not be moved after that. */
efla_status efla_text_run_open(efla_text_run *run, const efla_text_plan *plan, efla_message *why);
void efla_text_run_clear(efla_text_run *run);

/* Called after every step. */
typedef void efla_text_callback(void *context, const efla_text_run *run);

/* Trains to the end; a training that diverges ends there, and its evaluations are nan from then on. Fails as
 * efla_trainer_step, efla_text_evaluate and efla_trainer_save do. */
efla_status efla_text_run_finish(efla_text_run *run, efla_text_callback *callback, void *context, efla_message *why);

/* Writes to `file` the prompt, not empty, and `length` bytes that follow it, drawn with a temperature, 0: the
 * likeliest; *speed: of them per second. Fails as efla_lm_decoder_open. */
efla_status efla_text_generate(const efla_text_run *run, const char *prompt, size_t length, double temperature,
                               size_t seed, FILE *file, double *speed, efla_message *why);

#endif
