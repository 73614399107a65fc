/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options that programs with language models share, as rows of their tables (app/cli.h). Defaults that differ
 * between programs are arguments: the normal one and that of --quick. */
#ifndef EFLA_TASK_LM_OPTIONS_H
#define EFLA_TASK_LM_OPTIONS_H

#include "task/lm_grid.h"

/* grid: an efla_lm_grid. */
#define EFLA_LM_GRID_OPTIONS(grid, width, quick_width)                                                                 \
  {"mixer", "LIST", "delta", NULL, "mixers", EFLA_NAMES, &(grid).mixers, 0, 0, efla_mixer_name},                       \
      {"method", "LIST", "exact", NULL, "methods", EFLA_NAMES, &(grid).methods, 0, 0, efla_method_name},               \
      {"decay", "LIST", "none", NULL, "decays", EFLA_NAMES, &(grid).decays, 0, 0, efla_decay_name},                    \
      {"channels",       NULL, NULL, NULL, "decays split and strang are per channel", EFLA_FLAG,                       \
       &(grid).channels, 0,    0,    NULL},                                                                            \
      {"keys", "LIST", "raw", NULL, "key treatments", EFLA_NAMES, &(grid).treatments, 0, 0, efla_key_treatment_name},  \
      {"beta", "LIST", "sigmoid", NULL, "maps of beta", EFLA_NAMES, &(grid).maps, 0, 0, efla_beta_map_name},           \
      {"lr",       "LIST",        "3e-3", "1e-2", "learning rates, the largest of each training",                      \
       EFLA_REALS, &(grid).rates, 1e-12,  1e3,    NULL},                                                               \
      {"seeds",     "LIST",        "42", NULL,        "seeds of parameters and data, beside the common one",           \
       EFLA_COUNTS, &(grid).seeds, 0,    4294967295., NULL},                                                           \
  {                                                                                                                    \
    "width", "LIST", width, quick_width, "widths of the model", EFLA_COUNTS, &(grid).widths, 8, 8192, NULL             \
  }

/* model: an efla_lm_config. */
#define EFLA_LM_MODEL_OPTIONS(model, layers_, quick_layers, heads_, quick_heads, hidden_, quick_hidden)                \
  {"layers", "N", layers_, quick_layers, "layers", EFLA_COUNT, &(model).layers, 1, 100, NULL},                         \
      {"heads", "N", heads_, quick_heads, "heads, a divisor of the width", EFLA_COUNT, &(model).heads, 1, 256, NULL},  \
  {                                                                                                                    \
    "hidden", "N", hidden_, quick_hidden, "width of SwiGLU; 0: twice the model's", EFLA_COUNT, &(model).hidden, 0,     \
        65536, NULL                                                                                                    \
  }

/* batch, group: size_t; schedule: an efla_schedule. */
#define EFLA_LM_TRAINING_OPTIONS(batch_, n_batch, quick_batch, group_, n_group, schedule, n_steps, quick_steps,        \
                                 n_warmup, quick_warmup)                                                               \
  {"batch", "N", n_batch, quick_batch, "sequences of a step", EFLA_COUNT, &(batch_), 1, 1e5, NULL},                    \
      {"group",    "N",       n_group, NULL, "sequences that a thread takes together, a divisor of the batch",         \
       EFLA_COUNT, &(group_), 1,       1e5,  NULL},                                                                    \
      {"steps", "N", n_steps, quick_steps, "steps of training", EFLA_COUNT, &(schedule).steps, 1, 1e9, NULL}, {        \
    "warmup", "N", n_warmup, quick_warmup, "steps in which the learning rate rises", EFLA_COUNT, &(schedule).warmup,   \
        0, 1e9, NULL                                                                                                   \
  }

#endif
