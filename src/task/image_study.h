/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A study of image classifiers: trainings that differ in method, keys, learning rate and seed, and the tables of their
 * results. */
#ifndef EFLA_TASK_IMAGE_STUDY_H
#define EFLA_TASK_IMAGE_STUDY_H

#include "app/table.h"
#include "task/image_run.h"
#include "train/study.h"

/* Columns of the tables: scores on test images, training losses, distributions of the steps beta*lambda. */
extern const efla_column efla_image_scores[], efla_image_losses[], efla_image_steps_columns[];

typedef struct efla_image_study {
  efla_study study;
  efla_image_plan plan;
  efla_image_options options; /* common to all configs */
  efla_list methods, treatments, rates, seeds;
  efla_table *scores, *losses, *steps; /* NULL: not written */
  size_t loss_every;                   /* steps averaged in a row of losses; in the last row of an epoch, the rest */
  const char *tensors;                 /* directory of tensor files; NULL: not written */
  size_t recorded;                     /* test images whose steps are written; a quarter of them in tensor files */
  /* While it runs: */
  efla_image_run run;
} efla_image_study;

/* Sets study->study.configs and .files from the rest; its lists must not be changed after that, nor study be moved. */
void efla_image_study_list(efla_image_study *study);

/* The options of a config.  The seed varies most slowly, so that an unfinished study has all combinations for some
 * seeds. */
efla_image_options efla_image_study_config(const efla_image_study *study, size_t number);

#endif
