/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The task `smnist`: sequential images, one token per pixel, and an image classifier (nn/classifier.h). Epochs of
 * shuffled batches for a trainer, and evaluations.
 *
 * A batch is split into groups of EFLA_GROUP images. One thread computes the gradient of a group, image by image. */
#ifndef EFLA_TASK_IMAGE_TASK_H
#define EFLA_TASK_IMAGE_TASK_H

#include "data/image_perturbation.h"
#include "data/images.h"
#include "nn/classifier.h"
#include "train/trainer.h"

enum { EFLA_GROUP = 16 };

typedef struct efla_image_options {
  efla_model model; /* one token per pixel, at least one class per label */
  efla_adamw rule;  /* its lr is that of all steps */
  size_t seed;      /* of the parameters and the order of images */
  size_t batch;     /* images; the last batch of an epoch may have fewer */
  size_t count;     /* images of an epoch, the first `count` >= 1 of the set */
  size_t threads;
  const efla_communicator *ranks; /* that train and evaluate together; NULL: one process */
  const efla_isa *isa;            /* NULL: the best */
} efla_image_options;

/* Steps of one epoch. */
size_t efla_image_steps(const efla_image_options *options);

/* Means over images. */
typedef struct efla_image_score {
  double accuracy; /* share of images whose label has the largest logit; an image with a logit not finite is wrong */
  double loss;     /* cross-entropy */
} efla_image_score;

/* An evaluation: the first `count` images of a set, perturbed at a level; perturbation NULL: unchanged. */
typedef struct efla_image_evaluation {
  const efla_images *images;
  size_t count;
  const efla_image_perturbation *perturbation;
  double level;
  size_t seed; /* of the perturbation */
} efla_image_evaluation;

typedef struct efla_image_task {
  efla_image_options options;
  const efla_images *images;
  efla_classifier_f32 *classifiers; /* (threads) */
  size_t *loaded;                   /* (threads): the step whose parameters a classifier has; 0: of none */
  size_t *order, epoch;             /* the images' order in that epoch, from 1; 0: not drawn */
  gsl_rng *draw;
} efla_image_task;

/* The images belong to the caller. Fails with EFLA_NO_MEMORY; task is then zeroed. It must not be moved after
 * efla_image_task_learner. */
efla_status efla_image_task_init(efla_image_task *task, const efla_image_options *options, const efla_images *images,
                                 efla_message *why);
void efla_image_task_clear(efla_image_task *task);

/* The loss is the mean over the images of a batch. All parameters are subject to weight decay. */
efla_learner efla_image_task_learner(efla_image_task *task);

/* Fails with EFLA_NO_MEMORY. */
efla_status efla_image_evaluate(efla_image_task *task, const float *parameters, const efla_image_evaluation *evaluation,
                                efla_image_score *score, efla_message *why);

#endif
