/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Training in epochs of shuffled batches, and evaluation, of image classifiers (nn/classifier.h) with one token per
 * pixel and at least one class per label.
 *
 * A batch is split into groups of EFLA_GROUP images.  One thread computes the gradient of a group, image by image, and
 * the gradients of the groups are added in order, so that the bits do not depend on the number of threads. */
#ifndef EFLA_TRAIN_TRAINING_H
#define EFLA_TRAIN_TRAINING_H

#include "data/image_perturbation.h"
#include "data/images.h"
#include "train/adamw.h"
#include "nn/classifier.h"

enum { EFLA_GROUP = 16 };

typedef struct efla_training_options {
  efla_model model;
  efla_adamw rule;
  size_t seed;  /* of the parameters and the order of images */
  size_t batch; /* images; the last batch of an epoch may have fewer */
  size_t count; /* images of an epoch, the first `count` >= 1 of the set */
  size_t threads;
  const efla_isa *isa; /* NULL: the best */
} efla_training_options;

/* Steps of one epoch. */
size_t efla_training_steps(const efla_training_options *options);

/* Means over images. */
typedef struct efla_score {
  double accuracy; /* share of images whose label has the largest logit; an image with a logit not finite is wrong */
  double loss;     /* cross-entropy */
} efla_score;

/* An evaluation: the first `count` images of a set, perturbed at a level; perturbation NULL: unchanged. */
typedef struct efla_evaluation {
  const efla_images *images;
  size_t count;
  const efla_image_perturbation *perturbation;
  double level;
  size_t seed; /* of the perturbation */
} efla_evaluation;

/* The state of a training is `step`, `parameters` and the moments; all else follows from the options.  A training to
 * which the state of another one with the same options is copied continues with the same bits. */
#define EFLA_TRAINING(REAL, suffix)                                                                                    \
  typedef struct efla_training_##suffix {                                                                              \
    efla_training_options options;                                                                                     \
    const efla_images *images;                                                                                         \
    size_t step;                                                                                                       \
    size_t numbers; /* in each of parameters, moment1, moment2 */                                                      \
    REAL *parameters, *moment1, *moment2;                                                                              \
    REAL *gradients;                       /* (groups, numbers) */                                                     \
    efla_classifier_##suffix *classifiers; /* (threads) */                                                             \
    size_t *order, epoch;                  /* the images' order in that epoch, from 1; 0: not drawn */                 \
    gsl_rng *draw;                                                                                                     \
    double *losses; /* (room), of single images: at least a batch, or those of an evaluation */                        \
    size_t room;    /* length of losses */                                                                             \
  } efla_training_##suffix;                                                                                            \
  /* The images belong to the caller.  Fails with EFLA_NO_MEMORY; training is then zeroed. */                          \
  efla_status efla_training_init_##suffix(efla_training_##suffix *training, const efla_training_options *options,      \
                                          const efla_images *images, efla_message *why);                               \
  void efla_training_clear_##suffix(efla_training_##suffix *training);                                                 \
  /* One step on the next batch; returns the batch's mean loss before the update. */                                   \
  double efla_training_step_##suffix(efla_training_##suffix *training);                                                \
  /* Fails with EFLA_NO_MEMORY. */                                                                                     \
  efla_status efla_training_evaluate_##suffix(efla_training_##suffix *training, const efla_evaluation *evaluation,     \
                                              efla_score *score, efla_message *why);
EFLA_TRAINING(float, f32)
EFLA_TRAINING(double, f64)

#endif
