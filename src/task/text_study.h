/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A study of language models: trainings that differ in mixer, method, decay, keys, map of beta, learning rate and seed,
 * one config for each combination, and the table of their results. */
#ifndef EFLA_TASK_TEXT_STUDY_H
#define EFLA_TASK_TEXT_STUDY_H

#include "app/cli.h"
#include "app/progress.h"
#include "task/lm_grid.h"
#include "task/text_rows.h"

typedef struct efla_text_study {
  efla_text_plan plan; /* common to all configs; its path is set for each */
  efla_lm_grid grid;
  efla_text_judges judges;
  efla_table *layers;  /* for the rows of efla_text_inspect; NULL: none */
  const char *tensors; /* directory of its files, made where it is missing; NULL: none */
  const char *configs; /* directory of the checkpoints, made where it is missing; NULL: none are kept */
  const char *prompt;  /* a text that each model continues, on standard error; NULL: none */
  size_t length;
  double temperature;
} efla_text_study;

/* Fails with EFLA_USAGE and a message that names an option of bin/lm where options do not fit each other. */
efla_status efla_text_study_check(const efla_text_study *study, efla_message *why);

/* Trains the configs, or reads their checkpoints, and writes their rows; reports each on standard error. Fails as
 * efla_text_run_open and efla_text_run_finish do, and with EFLA_OUTPUT where a directory cannot be made. */
efla_status efla_text_study_run(const efla_text_study *study, efla_table *table, efla_message *why);

#endif
