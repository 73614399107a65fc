/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Effects in a factorial experiment with trained models: how much of a difference in accuracy is due to the method, to
 * the keys, to the learning rate.
 *
 * The eight models {method, against} x {raw, unit} x {lr, lr_against} are the corners of a cube, signed + for method,
 * raw, lr. With y the accuracy at a corner, the effect of a factor is the mean over its four edges of y(+) - y(-), that
 * is sum s y / 4 with its sign s; an interaction has the product of the signs instead (Yates 1937).  The difference
 * between two opposite corners is then
 *
 *     published = y(+,+,+) - y(-,-,-) = method + keys + lr + method_keys_lr:
 *
 * the interactions of two factors have the same sign at both corners and cancel. */
#ifndef EFLA_STATS_EFFECTS_H
#define EFLA_STATS_EFFECTS_H

#include "stats/results.h"
#include "stats/interval.h"

#define EFLA_PANEL 48

/* The two models of the published comparison, (method, raw, lr) and (against, unit, lr_against), which differ in all
 * three. */
typedef struct efla_contrast {
  const char *method, *against;
  double lr, lr_against;
} efla_contrast;

/* A mean over seeds with its 95 % Student interval.  Differences are paired: a seed is used where all corners have
 * it. */
typedef struct efla_effect {
  /* "accuracy", "published", "method", "keys", "lr", "method_keys" ..., "method:METHOD": method minus METHOD */
  char panel[EFLA_PANEL];
  efla_variant variant; /* the model, or the edge of the cube; NULL and nan for what is averaged over or compared */
  efla_condition condition;
  size_t seeds; /* 0: models are missing, and the interval is nan */
  efla_interval interval;
} efla_effect;

typedef struct efla_effects {
  size_t n;
  efla_effect *row; /* (n); the conditions of one panel and variant are consecutive */
} efla_effects;

/* Computes all effects; strings belong to results.  path: the table's name for messages.  Fails with EFLA_INPUT where a
 * model of the cube is missing or no seed has all eight, and with EFLA_NO_MEMORY; effects is then zeroed. */
efla_status efla_effects_init(efla_effects *effects, const efla_results *results, const efla_contrast *contrast,
                              const char *path, efla_message *why);
void efla_effects_clear(efla_effects *effects);

#endif
