/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configs of a study of language models: one for each combination of what is varied. */
#ifndef EFLA_TASK_LM_GRID_H
#define EFLA_TASK_LM_GRID_H

#include "app/cli.h"
#include "nn/language_model.h"
#include "train/trainer.h"

const char *efla_mixer_name(size_t i); /* "delta", "softmax" */

typedef struct efla_lm_grid {
  efla_list mixers, methods, decays, treatments, maps, rates, widths, seeds;
  size_t seed;   /* from which, with those of the list, the trainings' follow */
  bool channels; /* decays that can be are per channel */
} efla_lm_grid;

/* A config by its names, "-" where softmax attention has none; decay: "split channels" where it is per channel. */
typedef struct efla_lm_variant {
  const char *mixer, *method, *decay, *keys, *beta;
  double rate;
  size_t width;
  size_t listed, seed; /* the seed in the list, and that of the training */
} efla_lm_variant;

/* Configs; softmax attention, which has no rule, is one for all combinations of rules. */
size_t efla_lm_grid_size(const efla_lm_grid *grid);

/* Config i: its names, and model's width, mixer, rule and map; where hidden is 0, twice the width. The seed varies most slowly, so that an unfinished study has
 * all combinations for some seeds. */
void efla_lm_grid_at(const efla_lm_grid *grid, size_t i, efla_lm_config *model, efla_lm_variant *variant);

/* A path of the config in a directory: its names between prefix and ending, to be freed; NULL where memory ends. */
char *efla_lm_variant_path(const efla_lm_variant *variant, const char *directory, const char *prefix,
                           const char *ending);

/* The config in words, for messages. */
void efla_lm_variant_name(const efla_lm_variant *variant, char *text, size_t room);

/* EFLA_USAGE, and which option is wrong, where heads do not divide a width, group not the batch, or the warm-up is not
 * shorter than the training. */
efla_status efla_lm_grid_check(const efla_lm_grid *grid, const efla_lm_config *model, size_t batch, size_t group,
                               const efla_schedule *schedule, efla_message *why);

#endif
