/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The training of an image classifier to its end, evaluated after every epoch. */
#ifndef EFLA_TASK_IMAGE_RUN_H
#define EFLA_TASK_IMAGE_RUN_H

#include "task/image_task.h"
#include "train/training.h"

/* What is common to all trainings of a study. */
typedef struct efla_image_plan {
  const efla_images *training, *test;
  size_t epochs;
  size_t evaluated; /* images of the test set */
  size_t seed;      /* of their perturbations */
} efla_image_plan;

/* Evaluation number `number` after an epoch: 0 is of the unchanged images, then come the levels of every perturbation.
 * False past the last one. */
bool efla_image_evaluation_at(const efla_image_plan *plan, size_t number, efla_image_evaluation *evaluation);
size_t efla_image_evaluations(const efla_image_plan *plan); /* of an epoch */

typedef struct efla_image_run {
  efla_image_plan plan;
  efla_image_task task;
  efla_training training; /* results: accuracy and loss of each evaluation, efla_image_score */
  char settings[512];
} efla_image_run;

/* Resumes from the checkpoint at path where there is one, which may have been for fewer epochs; path NULL: none is
 * kept. save: steps between checkpoints. Fails as efla_training_open does; run is then zeroed. It must not be moved. */
efla_status efla_image_run_open(efla_image_run *run, const efla_image_plan *plan, const efla_image_options *options,
                                const char *path, size_t save, efla_message *why);
void efla_image_run_clear(efla_image_run *run);

/* Images that a training of these options works through, evaluations included. */
size_t efla_image_run_work(const efla_image_plan *plan, const efla_image_options *options);

#endif
