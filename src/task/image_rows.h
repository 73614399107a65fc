/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows that a study of image classifiers writes of its open config; used by image_study.c only.  Nothing is written
 * to a table that is NULL. */
#ifndef EFLA_TASK_IMAGE_ROWS_H
#define EFLA_TASK_IMAGE_ROWS_H

#include "task/image_activations.h"
#include "task/image_study.h"

/* A row for every evaluation of the run. */
void efla_image_write_scores(const efla_image_study *study);

/* Mean losses of study->loss_every steps each, epoch by epoch. */
void efla_image_write_losses(const efla_image_study *study);

/* A row for each distribution (EFLA_ACTIVATIONS_DISTRIBUTIONS) of a model's activations; when: "before" or "after"
 * training. */
void efla_image_write_steps(const efla_image_study *study, const char *when, const efla_distribution *distributions);

#endif
