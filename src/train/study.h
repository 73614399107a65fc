/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A study: many trainings, one config each, and what each writes when it has ended. A study knows of its configs only
 * what efla_configs says.
 *
 * Several processes can run one study in one directory of checkpoints. Each config is locked while a process trains it
 * (io/lock.h); the others continue with the next configs and wait for the locked one before they write its rows, so
 * that all write the same tables. Where a process dies, another one continues its config from the checkpoint.
 *
 * Ranks run one study in one of two ways: all share each training, or each trains configs of its own, found by these
 * locks. The first rank alone locks and writes for all. */
#ifndef EFLA_TRAIN_STUDY_H
#define EFLA_TRAIN_STUDY_H

#include "app/cli.h"
#include "app/progress.h"
#include "train/training.h"

/* What is trained, config by config; number: of a config, from 0. One is open at a time. */
typedef struct efla_configs {
  size_t count;
  void *context;
  size_t (*work)(void *context, size_t number); /* sequences, as efla_training_work counts them */
  /* The config's file in a directory, with this ending; to be freed, NULL where memory ends. */
  char *(*path)(void *context, size_t number, const char *directory, const char *ending);
  /* Opens its run, which keeps a checkpoint at path (NULL: none) every `save` steps, and is the context's. */
  efla_status (*open)(void *context, size_t number, const char *path, size_t save, efla_training **run,
                      efla_message *why);
  void (*close)(void *context);
  void (*name)(void *context, char *text, size_t room);   /* the open config in words */
  void (*report)(void *context, char *text, size_t room); /* what came of it, once it has ended */
  efla_status (*write)(void *context, efla_message *why); /* its rows and files, once it has ended */
} efla_configs;

/* What ranks share. */
enum efla_parallel { EFLA_PARALLEL_DATA, EFLA_PARALLEL_CONFIGS };
const char *efla_parallel_name(size_t row);

typedef struct efla_study {
  efla_configs configs;
  const char *directory; /* of the checkpoints; NULL: none are kept */
  size_t save;           /* steps between checkpoints */
  bool finished;         /* nothing is trained: only what has ended in `directory`, not NULL then, is written */
  const char *share;     /* "I/N": the I-th of N shares of the configs, number I-1, I-1 + N, ... */
  const char *files;     /* directory of files that configs->write makes for each config, made where it is missing; a
                            config is then locked while it is written, unless `finished`; NULL: none */
  size_t parallel;       /* an efla_parallel */
  /* Out: */
  size_t done, steps; /* configs that were written; steps of training in this run, and the time they took */
  double seconds;
  /* While it runs: */
  size_t shard, shards;
  const efla_communicator *ranks; /* see efla_study_join */
  efla_progress progress;
  char now[300]; /* text of the progress line */
  bool *trained; /* (configs), whether finished */
  bool unlocked; /* the user was told that the file system has no locks */
} efla_study;

/* The options that every program with a study has. */
#define EFLA_STUDY_OPTIONS(study)                                                                                      \
  {"configs",          "DIR", NULL, NULL, "where configs are kept, one checkpoint each", EFLA_TEXT,                    \
   &(study).directory, 0,     0,    NULL},                                                                             \
      {"save-every", "N", "100", NULL, "steps between checkpoints", EFLA_COUNT, &(study).save, 1, 1e9, NULL},          \
      {"shard",   "I/N",          "1/1", NULL, "only the I-th share of N of the configs, which must be kept",          \
       EFLA_TEXT, &(study).share, 0,     0,    NULL},                                                                  \
      {"parallel",                                                                                                     \
       "NAME",                                                                                                         \
       "data",                                                                                                         \
       NULL,                                                                                                           \
       "what ranks (mpirun) take: data, sequences of each training; configs, whole ones, which must be kept",          \
       EFLA_NAME,                                                                                                      \
       &(study).parallel,                                                                                              \
       0,                                                                                                              \
       0,                                                                                                              \
       efla_parallel_name},                                                                                            \
  {                                                                                                                    \
    "finished", NULL, NULL, NULL, "only configs that are kept and finished, no other is trained", EFLA_FLAG,           \
        &(study).finished, 0, 0, NULL                                                                                  \
  }

/* A number in the name of a config's file: as many digits as read back to the same double. */
enum { EFLA_STUDY_DIGITS = 32 };
void efla_study_number(double x, char text[EFLA_STUDY_DIGITS]);

/* To be called before efla_study_run, when all else is set. Sets shard and shards from `share`. Fails with EFLA_USAGE
 * and a message that names the option where the text is not I/N, where the study has no directory of checkpoints
 * although it has several shares, `finished` is set or configs are what ranks take, and where the share has no
 * config. */
efla_status efla_study_check(efla_study *study, efla_message *why);

/* Has all ranks run the study, each of which calls efla_study_run; they are to outlive it. Returns those that share each
 * training, for its plan; NULL: none does. */
const efla_communicator *efla_study_join(efla_study *study, const efla_communicator *ranks);

/* Trains the configs, or with `finished` reads their checkpoints, and writes them in their order; reports each on
 * standard error. Fails as efla_configs and runs do, with EFLA_OUTPUT where a directory cannot be made, and with
 * EFLA_INPUT where a directory is a file, or where no finished checkpoint is found. */
efla_status efla_study_run(efla_study *study, efla_message *why);

#endif
