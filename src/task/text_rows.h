/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows of a study of language models: what is measured along a training, at its end, and of the trained model. */
#ifndef EFLA_TASK_TEXT_ROWS_H
#define EFLA_TASK_TEXT_ROWS_H

#include "app/cli.h"
#include "app/table.h"
#include "data/judgement.h"
#include "task/text_run.h"

typedef struct efla_text_row {
  const char *study, *mixer, *method, *decay, *keys, *beta;
  size_t width;
  double lr;
  size_t seed, step;
  const char *part;
  size_t context, place;
  double bits, level, accuracy;
  size_t count;
} efla_text_row;

extern const efla_column efla_text_study_columns[];

/* What trained models are judged on, beside the text. */
typedef struct efla_text_judges {
  efla_pairs pairs; /* count 0: none */
  efla_passages passages;
  bool robust;               /* the next two are used */
  efla_list shares, factors; /* of substituted bytes, and of keys */
  bool exchange;             /* the next two are used: the method is exchanged for each of these, and tuned so long */
  efla_list methods;
  size_t tuning;
} efla_text_judges;

/* The rows of a finished training; r has the config's columns. Fails as the evaluations do. */
efla_status efla_text_write_rows(const efla_text_run *run, const efla_text_judges *judges, efla_text_row r,
                                 efla_table *table, efla_message *why);

#endif
