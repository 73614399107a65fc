/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Studies of language models on synthetic tasks: every combination of settings of tasks and of what lm_grid.h
 * varies. */
#ifndef EFLA_TASK_TOKEN_STUDY_H
#define EFLA_TASK_TOKEN_STUDY_H

#include "app/table.h"
#include "task/lm_grid.h"
#include "task/token_run.h"

extern const efla_column efla_token_study_columns[];

typedef struct efla_token_problem {
  const efla_token_task *task;
  efla_token_settings settings;
} efla_token_problem;

typedef struct efla_token_study {
  efla_token_plan plan; /* common to all; its task, settings, seed, rate and path are set for each */
  efla_lm_grid grid;
  const efla_token_problem *problems;
  size_t n;            /* problems */
  const char *configs; /* directory of the checkpoints, made where it is missing; NULL: none are kept */
} efla_token_study;

/* EFLA_USAGE where options do not fit each other or a task cannot have its settings, and EFLA_NO_MEMORY. */
efla_status efla_token_study_check(const efla_token_study *study, efla_message *why);

/* Trains the configs, or reads their checkpoints, and writes a row for each; reports them on standard error. Fails as
 * efla_token_run_open, _finish and _test do. */
efla_status efla_token_study_run(const efla_token_study *study, efla_table *table, efla_message *why);

#endif
