/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Training of anything whose loss is a sum over the groups of a batch: AdamW with warm-up and cosine decay of the
 * learning rate, clipped gradients, checkpoints.
 *
 * A thread computes the gradient of one group after another; the groups' gradients and losses are added in their order,
 * so that the bits do not depend on the number of threads. Ranks (efla/communicator.h) have groups dealt to them and
 * share the gradients; each keeps and updates all parameters, with the bits of one process. */
#ifndef EFLA_TRAIN_TRAINER_H
#define EFLA_TRAIN_TRAINER_H

#include "base/status.h"
#include "train/adamw.h"
#include "train/gradients.h"

#include <stdbool.h>

/* What is trained. */
typedef struct efla_learner {
  void *context;
  size_t numbers; /* of the parameters, which begin with `decayed` that weight decay applies to */
  size_t decayed; /* both multiples of EFLA_PAD */
  size_t groups;  /* of the batch of every step */
  /* Adds the derivative of a group's part of the loss of step `step` (from 1) to gradient (numbers), and sets *loss to
   * that part. Called by thread `thread`, of several at the same time. */
  efla_status (*gradient)(void *context, size_t thread, size_t step, size_t group, const float *parameters,
                          float *gradient, double *loss, efla_message *why);
  /* Called before the groups of a step, by one thread; NULL: not needed. */
  void (*prepare)(void *context, size_t step);
} efla_learner;

typedef struct efla_schedule {
  size_t steps;  /* of the training */
  size_t warmup; /* steps in which the rate rises in proportion */
  double rate;   /* the largest */
  double least;  /* share of it that is left at the end of the cosine */
} efla_schedule;

/* The learning rate of a step, from 1. */
double efla_schedule_rate(const efla_schedule *schedule, size_t step);

typedef struct efla_trainer {
  efla_learner learner;
  efla_schedule schedule;
  efla_adamw rule; /* its lr is not used */
  size_t threads;
  size_t step;            /* steps that have been done */
  double *losses, *norms; /* (schedule.steps): of the batches, before the update, and of their gradients */
  double seconds;         /* of training so far */
  bool diverged;          /* a loss or a gradient was not finite: no further steps */
  float *parameters, *moment1, *moment2;
  efla_gradients gradients;
} efla_trainer;

/* start (learner->numbers): the first parameters, rounded to f32. ranks: those that train together, each of which calls
 * all functions here with the same arguments but threads; NULL: one process. Fails with EFLA_NO_MEMORY; t is then
 * zeroed. */
efla_status efla_trainer_init(efla_trainer *t, const efla_learner *learner, const efla_schedule *schedule,
                              const efla_adamw *rule, size_t threads, const efla_communicator *ranks,
                              const double *start, efla_message *why);
void efla_trainer_clear(efla_trainer *t);

/* f32 numbers that a trainer takes: parameters, two moments, gradients (train/gradients.h). */
size_t efla_trainer_floats(const efla_learner *learner, const efla_communicator *ranks);

/* Whether there is a step left. */
bool efla_trainer_unfinished(const efla_trainer *t);

/* One step. A loss or gradient that is not finite sets t->diverged and leaves the parameters as they are. Fails as the
 * learner does, on all ranks where it does on one. */
efla_status efla_trainer_step(efla_trainer *t, efla_message *why);

/* All of the training's state, and `extra` more numbers of the caller's at x, which may grow from checkpoint to
 * checkpoint. settings: see train/checkpoint.h; the schedule's steps are the caller's to name. Loading sets *extra, at
 * most its value before, to how many there are. The first rank writes and reads for all. Fail as efla_checkpoint_write and
 * efla_checkpoint_read do, on all ranks. */
efla_status efla_trainer_save(const efla_trainer *t, const char *path, const char *settings, size_t extra, double *x,
                              efla_message *why);
efla_status efla_trainer_load(efla_trainer *t, const char *path, const char *settings, size_t *extra, double *x,
                              efla_message *why);

#endif
