/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A study of language models: trainings that differ in mixer, method, decay, keys, map of beta, learning rate and seed,
 * one config for each combination, and the table of their results. */
#ifndef EFLA_TASK_TEXT_STUDY_H
#define EFLA_TASK_TEXT_STUDY_H

#include "task/lm_options.h"
#include "task/text_rows.h"
#include "train/study.h"

typedef struct efla_text_study {
  efla_study study;
  efla_text_plan plan; /* common to all configs */
  efla_lm_grid grid;
  efla_text_judges judges;
  efla_table *table;
  efla_table *layers;  /* for the rows of efla_text_inspect; NULL: none */
  const char *tensors; /* directory of its files, made where it is missing; NULL: none */
  const char *prompt;  /* a text that each model continues, on standard error; NULL: none */
  size_t length;
  double temperature;
  bool baseline; /* what was trained is told beside its matrix products alone, on standard error */
  /* While it runs: */
  efla_text_run run;
  size_t number; /* of the open config */
} efla_text_study;

/* Lists the configs of study->study from the rest, which must not be changed after that, nor study be moved. Fails with
 * EFLA_USAGE and a message that names an option of bin/lm where options do not fit each other, and as
 * efla_study_check. */
efla_status efla_text_study_check(efla_text_study *study, efla_message *why);

#endif
