/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A training run: one training to its end, evaluated after every epoch, and saved in a checkpoint on the way.
 *
 * The checkpoint has all of its state: parameters, moments, losses, scores and seconds.  A run that was stopped is
 * resumed from it, and one that has ended is only read. */
#ifndef EFLA_TRAIN_TRAINING_RUN_H
#define EFLA_TRAIN_TRAINING_RUN_H

#include "train/training.h"

/* Options common to all training runs of a study. */
typedef struct efla_study_options {
  const efla_images *training, *test;
  size_t epochs;
  size_t evaluated; /* images of the test set */
  size_t seed;      /* of their perturbations */
  size_t save;      /* steps between checkpoints */
} efla_study_options;

/* Evaluation number `number` after an epoch: 0 is of the unchanged images, then come the levels of every perturbation.
 * False past the last one. */
bool efla_study_evaluation(const efla_study_options *study, size_t number, efla_evaluation *evaluation);
size_t efla_study_evaluations(const efla_study_options *study);

typedef struct efla_training_run {
  const efla_study_options *study;
  efla_training_f32 training;
  char *path; /* of the checkpoint; NULL: none */
  char settings[512];
  size_t steps;           /* in all epochs */
  double *losses;         /* (steps), of the batches so far */
  double seconds;         /* spent on training so far */
  size_t evaluated_count; /* evaluations whose scores are known, over all epochs */
  efla_score *scores;     /* (epochs, evaluations) */
} efla_training_run;

/* Resumes from the checkpoint at path where there is one; path NULL: none is kept.  Fails with EFLA_INPUT where it is
 * of another training or of more epochs, and with EFLA_NO_MEMORY; run is then zeroed. */
efla_status efla_training_run_open(efla_training_run *run, const efla_study_options *study,
                                   const efla_training_options *options, const char *path, efla_message *why);
void efla_training_run_clear(efla_training_run *run);

/* Images that one training run of these options processes, evaluations included, and how many are left: the total of
 * the progress. */
size_t efla_study_images(const efla_study_options *study, const efla_training_options *options);
size_t efla_training_run_left(const efla_training_run *run);

/* Called after every step and evaluation, which processed `images` images. */
typedef void efla_training_run_callback(void *context, const efla_training_run *run, size_t images);

/* Trains and evaluates to the end.  Fails with EFLA_OUTPUT where a checkpoint cannot be written, EFLA_NO_MEMORY. */
efla_status efla_training_run_finish(efla_training_run *run, efla_training_run_callback *callback, void *context,
                                     efla_message *why);

#endif
