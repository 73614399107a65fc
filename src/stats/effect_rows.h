/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of effects: weighted sums of models, under every condition.  Used by effects.c only. */
#ifndef EFLA_STATS_EFFECT_ROWS_H
#define EFLA_STATS_EFFECT_ROWS_H

#include "stats/effects.h"

enum { EFLA_KNOWN_SEEDS = 64 };
typedef struct efla_effect_rows {
  efla_effects *effects;
  const efla_results *results;
  double difference; /* of interest; 0: that of the measure */
  double *values;    /* room for one a seed */
  double seen_from[2]
                  [EFLA_KNOWN_SEEDS]; /* of others and of main contrasts, by the number of seeds; 0: not yet computed */
  efla_status status;                 /* EFLA_OK, or EFLA_NO_MEMORY, after which nothing is added */
} efla_effect_rows;

/* Adds a model's response under every condition and, where models can diverge, the share of those that did, also at rates
 * that were not chosen. */
void efla_effect_rows_model(efla_effect_rows *rows, size_t variant);

/* Adds the difference sum of weight times model for every condition; the label has panel and variant.  Adds none where a
 * model is not there, unless the learning rate is a factor: then such rows have no seeds. */
void efla_effect_rows_add(efla_effect_rows *rows, size_t n, const size_t *models, const double *weights,
                          const efla_effect *label);

#endif
