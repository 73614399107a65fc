/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Studies of language models on synthetic tasks: every combination of settings of tasks and of what lm_grid.h
 * varies. */
#ifndef EFLA_TASK_TOKEN_STUDY_H
#define EFLA_TASK_TOKEN_STUDY_H

#include "app/table.h"
#include "task/lm_grid.h"
#include "task/token_run.h"

extern const efla_column efla_token_study_columns[];

typedef struct efla_token_problem {
  const efla_token_task *task;
  efla_token_settings settings;
} efla_token_problem;

typedef struct efla_token_study {
  efla_token_plan plan; /* common to all; its task, settings, seed, rate and path are set for each */
  efla_lm_grid grid;
  const efla_token_problem *problems;
  size_t n;            /* problems */
  const char *configs; /* directory of the checkpoints, made where it is missing; NULL: none are kept */
} efla_token_study;

/* The options of its programs behind those of their tasks, to the end of the list; study: an efla_token_study. */
#define EFLA_TOKEN_STUDY_OPTIONS(study)                                                                                \
  {"mixer", "LIST", "delta", NULL, "mixers", EFLA_NAMES, &study.grid.mixers, 0, 0, efla_mixer_name},                   \
      {"method", "LIST", "exact,euler", "exact", "methods", EFLA_NAMES, &study.grid.methods, 0, 0, efla_method_name},  \
      {"decay", "LIST", "none", NULL, "decays", EFLA_NAMES, &study.grid.decays, 0, 0, efla_decay_name},                \
      {"channels", NULL, NULL, NULL, "split and strang per channel", EFLA_FLAG, &study.grid.channels, 0, 0, NULL},     \
      {"keys", "LIST", "unit", NULL, "keys", EFLA_NAMES, &study.grid.treatments, 0, 0, efla_key_treatment_name},       \
      {"beta", "LIST", "sigmoid", NULL, "maps of beta", EFLA_NAMES, &study.grid.maps, 0, 0, efla_beta_map_name},       \
      {"lr", "LIST", "3e-3", "1e-2", "learning rates", EFLA_REALS, &study.grid.rates, 1e-12, 1e3, NULL},               \
      {"seeds",           "LIST", "42",        NULL, "seeds of models, beside the common one", EFLA_COUNTS,            \
       &study.grid.seeds, 0,      4294967295., NULL},                                                                  \
      {"width", "N", "64", "32", "width of the model", EFLA_COUNT, &study.plan.model.width, 8, 8192, NULL},            \
      {"layers", "N", "2", "1", "layers", EFLA_COUNT, &study.plan.model.layers, 1, 100, NULL},                         \
      {"heads", "N", "2", "1", "heads, a divisor of the width", EFLA_COUNT, &study.plan.model.heads, 1, 256, NULL},    \
      {"hidden", "N", "128", "32", "width of SwiGLU", EFLA_COUNT, &study.plan.model.hidden, 1, 65536, NULL},           \
      {"batch", "N", "64", "16", "sequences of a step", EFLA_COUNT, &study.plan.batch, 1, 1e5, NULL},                  \
      {"group", "N", "8", NULL, "sequences per thread and time", EFLA_COUNT, &study.plan.group, 1, 1e5, NULL},         \
      {"steps", "N", "1000", "40", "steps of training", EFLA_COUNT, &study.plan.schedule.steps, 1, 1e9, NULL},         \
      {"warmup", "N", "50", "5", "steps of rising rate", EFLA_COUNT, &study.plan.schedule.warmup, 0, 1e9, NULL},       \
      {"examples", "N", "0", NULL, "training sequences; 0: no end", EFLA_COUNT, &study.plan.examples, 0, 1e12, NULL},  \
      {"tested", "N", "1280", "50", "test sequences", EFLA_COUNT, &study.plan.tested, 1, 1e7, NULL},                   \
      {"configs", "DIR", NULL, NULL, "where checkpoints are kept", EFLA_TEXT, &study.configs, 0, 0, NULL},             \
      {"save-every", "N", "100", NULL, "steps between checkpoints", EFLA_COUNT, &study.plan.save, 1, 1e9, NULL}, {     \
    .name = NULL                                                                                                       \
  }

/* EFLA_USAGE where options do not fit each other or a task cannot have its settings, and EFLA_NO_MEMORY. */
efla_status efla_token_study_check(const efla_token_study *study, efla_message *why);

/* Trains the configs, or reads their checkpoints, and writes a row for each; reports them on standard error. Fails as
 * efla_token_run_open, _finish and _test do. */
efla_status efla_token_study_run(const efla_token_study *study, efla_table *table, efla_message *why);

#endif
