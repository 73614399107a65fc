/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A training from its first step or its checkpoint to its end, evaluated on the way.
 *
 * The checkpoint has all of its state: that of the trainer and the results so far. A run that was stopped is resumed
 * from it, by any number of ranks, and one that has ended is only read. */
#ifndef EFLA_TRAIN_TRAINING_H
#define EFLA_TRAIN_TRAINING_H

#include "train/trainer.h"

/* The evaluations of a training. */
typedef struct efla_evaluations {
  size_t count; /* of the whole training */
  size_t width; /* numbers that each results in, at least 1 */
  void *context;
  size_t (*step)(const void *context, size_t i); /* that evaluation i follows; does not fall with i */
  size_t (*size)(const void *context, size_t i); /* sequences that it looks at, for the progress; NULL: none */
  /* Sets x (width) to the results of evaluation i; those of the ones before it end at x. */
  efla_status (*evaluate)(void *context, const float *parameters, size_t i, double *x, efla_message *why);
} efla_evaluations;

typedef struct efla_training_plan {
  efla_schedule schedule;
  efla_adamw rule; /* its lr is not used */
  size_t threads;
  const efla_communicator *ranks; /* that train together, each of which calls all functions here; NULL: one process */
  efla_evaluations evaluations;
  size_t batch;         /* sequences of a step, for the progress */
  const char *settings; /* all that the numbers depend on, one line; the caller's, as long as the run is open */
  const char *path;     /* of the checkpoint, the caller's too; NULL: none is kept */
  size_t save;          /* steps between checkpoints */
} efla_training_plan;

typedef struct efla_training {
  efla_training_plan plan;
  efla_trainer trainer;
  size_t evaluated; /* evaluations done so far */
  double *results;  /* (evaluations, width); nan where the training had diverged before */
} efla_training;

/* start (learner->numbers): the first parameters. Resumes from the checkpoint where there is one. Fails with EFLA_INPUT
 * where that is of another training, or of more steps or evaluations, with EFLA_USAGE where ranks have other settings or
 * data, or processors whose arithmetic has other bits, and with EFLA_NO_MEMORY; run is then zeroed. */
efla_status efla_training_open(efla_training *run, const efla_learner *learner, const efla_training_plan *plan,
                               const double *start, efla_message *why);
void efla_training_clear(efla_training *run);

/* Sequences that a whole training works through, evaluations included, and those that are left. */
size_t efla_training_work(const efla_training_plan *plan);
size_t efla_training_left(const efla_training *run);

bool efla_training_unfinished(const efla_training *run);

/* Called after every step and evaluation, which worked through `sequences`. */
typedef void efla_training_callback(void *context, const efla_training *run, size_t sequences);

/* Trains to the end; a training that diverges ends there. Checkpoints are written every plan->save steps, and before
 * and after evaluations. callback NULL: none. Fails as efla_trainer_step, evaluate and efla_trainer_save do. */
efla_status efla_training_finish(efla_training *run, efla_training_callback *callback, void *context,
                                 efla_message *why);

#endif
