/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A training run: one training brought to its end, evaluated after every epoch, and kept in a checkpoint on the way.
 *
 * What is in the checkpoint, parameters and moments, losses, scores and seconds, is all that a training run is: one
 * that was stopped goes on where it was, and one that has ended is only read. */
#ifndef EFLA_TRAIN_TRAINING_RUN_H
#define EFLA_TRAIN_TRAINING_RUN_H

#include "train/training.h"

/* What is the same for all training runs of a study. */
typedef struct efla_study_options {
  const efla_images *training, *test;
  size_t epochs;
  size_t evaluated; /* images of the test set */
  size_t seed;      /* of their perturbations */
  size_t save;      /* steps between checkpoints */
} efla_study_options;

/* The evaluations after an epoch, by number: the images as they are, then every level of every perturbation.
 * evaluation->perturbation NULL: as they are; false past the last. */
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

/* Takes the checkpoint up where there is one at path (NULL: none is kept).  Fails with EFLA_INPUT where that belongs to
 * another training or to more epochs, with EFLA_NO_MEMORY; training run is then zeroed. */
efla_status efla_training_run_open(efla_training_run *run, const efla_study_options *study,
                                   const efla_training_options *options, const char *path, efla_message *why);
void efla_training_run_clear(efla_training_run *run);

/* Images that are seen in all, evaluations included, by one training run of this options; and how many are still to be:
 * what progress adds up to. */
size_t efla_study_images(const efla_study_options *study, const efla_training_options *options);
size_t efla_training_run_left(const efla_training_run *run);

/* After every step and evaluation: so many images more were seen. */
typedef void efla_training_run_watch(void *context, const efla_training_run *run, size_t images);

/* To the end.  Fails with EFLA_OUTPUT where a checkpoint cannot be written, EFLA_NO_MEMORY. */
efla_status efla_training_run_finish(efla_training_run *run, efla_training_run_watch *watch, void *context,
                                     efla_message *why);

#endif
