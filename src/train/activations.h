/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Activations of a trained model: queries, keys, values and beta of some images, as a tensor file, and the
 * distributions of beta, lambda and beta*lambda. */
#ifndef EFLA_TRAIN_ACTIVATIONS_H
#define EFLA_TRAIN_ACTIVATIONS_H

#include "train/training.h"

typedef struct efla_activations {
  size_t images, tokens, width;
  float *q, *k, *v; /* (images, tokens, width); k after the key treatment */
  float *beta;      /* (images, tokens) */
  float *block;
} efla_activations;

/* Computes the activations of the first `count` images with the training's present parameters.  Fails with
 * EFLA_NO_MEMORY; activations is then zeroed. */
efla_status efla_activations_record(efla_activations *activations, efla_training_f32 *training,
                                    const efla_images *images, size_t count, efla_message *why);
void efla_activations_clear(efla_activations *activations);

/* Writes them as a tensor file, complete or not at all: one batch entry per image, one head.  Fails with EFLA_OUTPUT,
 * EFLA_NO_MEMORY. */
efla_status efla_activations_save(const efla_activations *activations, const char *path, efla_message *why);

/* The same of any inputs of the rule, as efla_tensors_save takes them. */
efla_status efla_inputs_save(const efla_sequence *x, const char *path, efla_message *why);

/* The distribution of one quantity over all tokens. */
enum { EFLA_QUANTILES = 7 };
extern const double efla_activations_quantiles[EFLA_QUANTILES]; /* .01, .05, .25, .5, .75, .95, .99 */
typedef struct efla_distribution {
  const char *quantity; /* beta, lambda, x = beta*lambda */
  double mean, quantile[EFLA_QUANTILES], most;
} efla_distribution;
enum { EFLA_DISTRIBUTIONS = 3 };

/* Of n >= 1 values, which it sorts.  Where a value is nan or infinite, the whole distribution is nan. */
efla_distribution efla_distribution_of(const char *quantity, size_t n, double *values);

/* Fails with EFLA_NO_MEMORY. */
efla_status efla_activations_summarise(const efla_activations *activations,
                                       efla_distribution distributions[EFLA_DISTRIBUTIONS], efla_message *why);

#endif
