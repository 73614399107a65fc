/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Activations of a trained image classifier: queries, keys, values and beta of some images, as a tensor file, and the
 * distributions of beta, lambda and beta*lambda. */
#ifndef EFLA_TASK_IMAGE_ACTIVATIONS_H
#define EFLA_TASK_IMAGE_ACTIVATIONS_H

#include "stats/distribution.h"
#include "task/image_task.h"

typedef struct efla_activations {
  size_t images, tokens, width;
  float *q, *k, *v; /* (images, tokens, width); k after the key treatment */
  float *beta;      /* (images, tokens) */
  float *block;
} efla_activations;

/* Computes the activations of the first `count` images with these parameters of the task's classifier.  Fails with
 * EFLA_NO_MEMORY; activations is then zeroed. */
efla_status efla_activations_record(efla_activations *activations, efla_image_task *task, const float *parameters,
                                    const efla_images *images, size_t count, efla_message *why);
void efla_activations_clear(efla_activations *activations);

/* Writes them as a tensor file, complete or not at all: one batch entry per image, one head.  Fails with EFLA_OUTPUT,
 * EFLA_NO_MEMORY. */
efla_status efla_activations_save(const efla_activations *activations, const char *path, efla_message *why);

enum { EFLA_ACTIVATIONS_DISTRIBUTIONS = 3 }; /* of beta, lambda, x = beta*lambda, over all tokens */

/* Fails with EFLA_NO_MEMORY. */
efla_status efla_activations_summarise(const efla_activations *activations,
                                       efla_distribution distributions[EFLA_ACTIVATIONS_DISTRIBUTIONS],
                                       efla_message *why);

#endif
