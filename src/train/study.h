/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A study: training runs that differ in method, keys, learning rate and seed, one config for each combination, and the
 * tables of their results.
 *
 * Several processes can run one study in one directory of checkpoints.  Each config is locked while a process trains it
 * (io/lock.h); the others continue with the next configs and wait for the locked one before they write its rows, so
 * that all write the same tables.  Where a process dies, another one continues its config from the checkpoint. */
#ifndef EFLA_TRAIN_STUDY_H
#define EFLA_TRAIN_STUDY_H

#include "train/training_run.h"
#include "app/cli.h"
#include "app/progress.h"
#include "app/table.h"

/* Columns of the tables: scores on test images, training losses, distributions of the steps beta*lambda. */
extern const efla_column efla_study_scores[], efla_study_losses[], efla_study_steps[];

typedef struct efla_study {
  efla_training_options options; /* common to all configs */
  efla_study_options study;
  efla_list methods, treatments, rates, seeds;
  const char *configs;  /* directory of the checkpoints; NULL: none are kept */
  bool finished;        /* nothing is trained: rows of the finished checkpoints in `configs`, not NULL then */
  size_t shard, shards; /* only configs number shard-1, shard-1 + shards, ...; from 1 */
  efla_table *scores, *losses, *steps; /* NULL: not written */
  size_t loss_every;                   /* steps averaged in a row of losses; in the last row of an epoch, the rest */
  const char *tensors;                 /* directory of tensor files; NULL: not written */
  size_t recorded;                     /* test images whose steps are written; a quarter of them in tensor files */
  /* Out: */
  size_t done;            /* configs whose rows were written */
  double images, seconds; /* images trained on in this run, and the time it took */
  /* While it runs: */
  efla_progress progress;
  char now[200]; /* text of the progress line */
  bool *trained; /* (configs), whether finished */
  bool unlocked; /* the user was told that the file system has no locks */
} efla_study;

size_t efla_study_configs(const efla_study *study);

/* The options of a config.  The seed varies most slowly, so that an unfinished study has all combinations for some
 * seeds. */
efla_training_options efla_study_config(const efla_study *study, size_t number);

/* Trains the configs, or with `finished` reads their checkpoints, and writes their rows in the order of configs;
 * reports each trained config on standard error.  Fails as training runs do, with EFLA_OUTPUT where a directory or a
 * tensor file cannot be written, and with EFLA_INPUT where a directory is a file, or where no finished checkpoint is
 * found. */
efla_status efla_study_run(efla_study *study, efla_message *why);

#endif
