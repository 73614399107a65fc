/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Studies of language models on synthetic tasks: every combination of settings of tasks and of what lm_grid.h
 * varies. */
#ifndef EFLA_TASK_TOKEN_STUDY_H
#define EFLA_TASK_TOKEN_STUDY_H

#include "app/table.h"
#include "task/lm_options.h"
#include "task/token_run.h"
#include "train/study.h"

extern const efla_column efla_token_study_columns[];

typedef struct efla_token_problem {
  const efla_token_task *task;
  efla_token_settings settings;
} efla_token_problem;

typedef struct efla_token_study {
  efla_study study;
  efla_token_plan plan; /* common to all; its task, settings, seed and rate are set for each */
  efla_lm_grid grid;
  const efla_token_problem *problems;
  size_t n; /* problems */
  efla_table *table;
  /* While it runs: */
  efla_token_run run;
  size_t number; /* of the open config */
} efla_token_study;

/* The options of its programs beside those of their tasks; s: an efla_token_study. */
#define EFLA_TOKEN_STUDY_OPTIONS(s)                                                                                    \
  EFLA_LM_GRID_OPTIONS((s).grid, "64", "32"), EFLA_LM_MODEL_OPTIONS((s).plan.model, "2", "1", "2", "1", "0", NULL),    \
      EFLA_LM_TRAINING_OPTIONS((s).plan.batch, "64", "16", (s).plan.group, "8", (s).plan.schedule, "1000", "40", "50", \
                               "5"),                                                                                   \
      {"examples", "N", "0", NULL, "training sequences; 0: no end", EFLA_COUNT, &(s).plan.examples, 0, 1e12, NULL},    \
      {"tested", "N", "1280", "50", "test sequences", EFLA_COUNT, &(s).plan.tested, 1, 1e7, NULL},                     \
      EFLA_STUDY_OPTIONS((s).study)

/* Lists the configs of study->study from the rest, which must not be changed after that, nor study be moved. EFLA_USAGE
 * where options do not fit each other or a task cannot have its settings, and as efla_study_check. */
efla_status efla_token_study_check(efla_token_study *study, efla_message *why);

#endif
