/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A study: configs, one for each combination of method, keys, learning rate and seed, trained alike one after another,
 * and the tables that come of it.
 *
 * Several processes can run one study in one directory of configs: each config is locked while one trains it
 * (io/lock.h), the others go on with the next ones, and wait for what is left in another's hands before they write its
 * rows, so that all write the same tables.  Where the other one dies, its config is taken up. */
#ifndef EFLA_TRAIN_STUDY_H
#define EFLA_TRAIN_STUDY_H

#include "train/training_run.h"
#include "app/cli.h"
#include "app/progress.h"
#include "app/table.h"

/* Of the tables: what test images are taken for, what training costs, what is written to the state. */
extern const efla_column efla_study_scores[], efla_study_losses[], efla_study_steps[];

typedef struct efla_study {
  efla_training_options options; /* what configs share; images from the study options */
  efla_study_options study;
  efla_list methods, treatments, rates, seeds;
  const char *configs;                 /* directory of the checkpoints; NULL: none are kept */
  bool finished;                       /* only what is finished in configs, not NULL then: nothing is trained */
  size_t shard, shards;                /* only configs number shard-1, shard-1 + shards, ...; from 1 */
  efla_table *scores, *losses, *steps; /* each NULL: not wanted */
  size_t loss_every;   /* steps of which a row of losses is the mean; an epoch's last row has what is left */
  const char *tensors; /* directory; NULL: not wanted */
  size_t recorded;     /* test images for steps; a quarter of them for tensors */
  /* Out: */
  size_t done;            /* configs whose rows were written */
  double images, seconds; /* trained in this run, and how long that took */
  /* While it runs: */
  efla_progress progress;
  char now[200]; /* what the progress line says */
  bool *trained; /* (configs), to their end, or found so */
  bool unlocked; /* it was said that the file system has no locks */
} efla_study;

size_t efla_study_configs(const efla_study *study);
/* That config's options.  Seeds vary most slowly, so that what is there of an unfinished study is whole for some of
 * them. */
efla_training_options efla_study_config(const efla_study *study, size_t number);

/* Trains the configs, or reads what is finished of them, and writes their rows, in order; a line for each that was
 * trained on standard error.  Fails as training runs do, with EFLA_OUTPUT where a directory cannot be made or a tensor
 * file not be written, and with EFLA_INPUT where a directory is a file, or where there is no `configs` to read finished
 * ones from. */
efla_status efla_study_run(efla_study *study, efla_message *why);

#endif
