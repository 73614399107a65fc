/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Effects in a factorial experiment with trained models: how much of a difference between them is due to the method, to
 * the keys, to the learning rate.
 *
 * The models {method, against} x {raw, unit} x {lr, lr_against} of one stratum (mixer, decay, map of beta and width are
 * the same) are the corners of a cube, or where the learning rate is no factor of a square, signed + for method, raw,
 * lr.  With y the response at a corner and f factors, the effect of a factor is the mean over its 2^(f-1) edges of
 * y(+) - y(-), that is sum s y / 2^(f-1) with its sign s; an interaction has the product of the signs instead (Yates
 * 1937).  The difference between two opposite corners is then
 *
 *     published = y(+,+,+) - y(-,-,-) = method + keys + lr + method_keys_lr:
 *
 * the interactions of two factors have the same sign at both corners and cancel. */
#ifndef EFLA_STATS_EFFECTS_H
#define EFLA_STATS_EFFECTS_H

#include "stats/results.h"
#include "stats/interval.h"

#define EFLA_PANEL 48
enum { EFLA_MAIN = 5 }; /* main contrasts of a stratum and condition */

/* The two models of the published comparison, (method, raw, lr) and (against, unit, lr_against). */
typedef struct efla_contrast {
  const char *method, *against;
  double lr, lr_against; /* used where the learning rate is a factor */
  double difference;     /* that is of interest; 0: that of the measure */
} efla_contrast;

/* A mean over seeds with its 95 % Student interval.  Differences are paired: a seed is used where all models that are
 * compared have it. */
typedef struct efla_effect {
  /* The response ("accuracy", "bits"), of a model; "published", "method", "keys", "lr", "method_keys" ...;
   * "method:METHOD": method minus METHOD; "decay:DECAY": DECAY minus none; "diverged": share of a model's seeds, with
   * the interval of Clopper and Pearson; "diverged:rate": the same at a learning rate that was not chosen */
  char panel[EFLA_PANEL];
  efla_variant variant; /* the model, or the edge of the cube; NULL and nan for what is averaged over or compared */
  /* Learning rates of a difference's first term and of its second; nan: several are averaged over, or no difference. */
  double rate, rate_against;
  efla_condition condition;
  size_t seeds; /* 0: models are missing or diverged, and the interval is nan */
  efla_interval interval;
  double sd; /* over seeds, n - 1 in the denominator */
  /* Of differences that vary, nan otherwise: the smallest one that as many seeds see with power .8 at level .05, of main
   * contrasts at .05 / EFLA_MAIN as in the first step of Holm's adjustment, were sd the true standard deviation; seeds that
   * the difference of interest needs; the two-sided p value. */
  double seen_from, seeds_for, p;
  double p_holm; /* of the EFLA_MAIN main contrasts, see efla_effects_init; nan otherwise */
  /* How many models of the row diverged, and are not in the mean; of a difference, those of the first term and of the
   * second. */
  size_t diverged, diverged_against;
} efla_effect;

typedef struct efla_effects {
  size_t n, room;
  efla_effect *row; /* (n); the conditions of one panel and variant are consecutive */
} efla_effects;

/* Computes all effects of every stratum; strings belong to results.  Where the learning rate is no factor, the main
 * contrasts (published, the method at raw and at unit keys, the keys at each method) of one stratum and condition are a
 * family, over which p_holm is adjusted as if all were there.  path: the table's name for messages.  Fails
 * with EFLA_INPUT where the rate is a factor and a model of the cube is missing or no seed has both that are published, and with EFLA_NO_MEMORY; effects
 * is then zeroed. */
efla_status efla_effects_init(efla_effects *effects, const efla_results *results, const efla_contrast *contrast,
                              const char *path, efla_message *why);
void efla_effects_clear(efla_effects *effects);

/* Whether a row is of the family of main contrasts. */
bool efla_effect_is_main(const efla_effect *effect);

#endif
