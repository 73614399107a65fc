/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Training by epochs of shuffled batches, and evaluation, of models with a token per pixel and a class per label at
 * least.
 *
 * A batch is dealt out in groups of EFLA_GROUP images; each group has a gradient of its own and is worked through in
 * order by one thread, and groups are added up in order, so that the bits do not depend on the number of threads. */
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
  size_t batch; /* images; the last batch of an epoch has what is left */
  size_t count; /* images of an epoch, the first ones of the set; 1 <= count */
  size_t threads;
  const efla_isa *isa; /* NULL: the best */
} efla_training_options;

size_t efla_training_steps(const efla_training_options *options); /* of one epoch */

/* The mean over images of what a model makes of them. */
typedef struct efla_score {
  double
      /* share of images whose largest logit is that of their label; where logits are not finite there is none */
      accuracy;
  double loss; /* cross-entropy */
} efla_score;

/* A set of images under a perturbation at a level (perturbation NULL: as they are), the first `count` of them. */
typedef struct efla_evaluation {
  const efla_images *images;
  size_t count;
  const efla_image_perturbation *perturbation;
  double level;
  size_t seed; /* of the perturbation */
} efla_evaluation;

/* Each call of `step` takes the next batch; the state of a training is step, parameters and moments, and all else
 * follows from the options: one that is put in another training of the same options goes on with the same bits. */
#define EFLA_TRAINING(REAL, suffix)                                                                                    \
  typedef struct efla_training_##suffix {                                                                              \
    efla_training_options options;                                                                                     \
    const efla_images *images;                                                                                         \
    size_t step;                                                                                                       \
    size_t numbers; /* in each of: */                                                                                  \
    REAL *parameters, *moment1, *moment2;                                                                              \
    REAL *gradients;                       /* (groups, numbers) */                                                     \
    efla_classifier_##suffix *classifiers; /* (threads) */                                                             \
    size_t *order, epoch;                  /* the images' order in that epoch, from 1; 0: not drawn */                 \
    gsl_rng *draw;                                                                                                     \
    double *losses; /* (batch, or as many as an evaluation has), of single images */                                   \
    size_t room;    /* of losses */                                                                                    \
  } efla_training_##suffix;                                                                                            \
  /* The images stay the caller's.  Fails with EFLA_NO_MEMORY; training is then zeroed. */                             \
  efla_status efla_training_init_##suffix(efla_training_##suffix *training, const efla_training_options *options,      \
                                          const efla_images *images, efla_message *why);                               \
  void efla_training_clear_##suffix(efla_training_##suffix *training);                                                 \
  /* The mean loss of the next batch, before the step that it leads to. */                                             \
  double efla_training_step_##suffix(efla_training_##suffix *training);                                                \
  /* Fails with EFLA_NO_MEMORY. */                                                                                     \
  efla_status efla_training_evaluate_##suffix(efla_training_##suffix *training, const efla_evaluation *evaluation,     \
                                              efla_score *score, efla_message *why);
EFLA_TRAINING(float, f32)
EFLA_TRAINING(double, f64)

#endif
