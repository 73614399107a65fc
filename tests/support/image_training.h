/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A training of an image classifier, step by step. */
#ifndef IMAGE_TRAINING_H
#define IMAGE_TRAINING_H

#include "laboratory.h"

typedef struct image_training {
  efla_image_task task;
  efla_trainer trainer;
} image_training;

/* Many steps at options->rule.lr; not to be moved. */
void image_training_open(image_training *t, const efla_image_options *options, const efla_images *images);
void image_training_close(image_training *t);

/* One step; the loss of its batch before the update. */
double image_training_step(image_training *t);

#endif
