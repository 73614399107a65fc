/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a factorial of trained models says: how much of a difference in accuracy is due to the method, to the keys, to
 * the learning rate.
 *
 * The eight models {method, against} x {raw, unit} x {lr, lr_against} are the corners of a cube, signed + for method,
 * raw, lr. With y the accuracy at a corner, the effect of a factor is the mean over its four edges of y(+) - y(-), that
 * is sum s y / 4; an interaction is the same with the product of the signs (Yates 1937).  What a comparison of two
 * opposite corners shows is then
 *
 *     published = y(+,+,+) - y(-,-,-) = method + keys + lr + method_keys_lr:
 *
 * the interactions of two have the same sign at both and cancel. */
#ifndef EFLA_STATS_EFFECTS_H
#define EFLA_STATS_EFFECTS_H

#include "stats/results.h"
#include "stats/interval.h"

#define EFLA_PANEL 48

/* Whom the published comparison is between: (method, raw, lr) and (against, unit, lr_against); each differs from its
 * other. */
typedef struct efla_contrast {
  const char *method, *against;
  double lr, lr_against;
} efla_contrast;

/* One number with its interval over seeds (Student, 95 %).  Differences are paired: a seed counts where all corners
 * have it. */
typedef struct efla_effect {
  char panel
      /* "accuracy", "published", "method", "keys", "lr", "method_keys" ..., "method:METHOD": method minus that one */
      [EFLA_PANEL];
  efla_variant variant; /* the model, or the edge of the cube; NULL and nan where averaged over or contrasted */
  efla_condition condition;
  size_t seeds; /* 0: the models for it are not there, and the interval is nan */
  efla_interval interval;
} efla_effect;

typedef struct efla_effects {
  size_t n;
  efla_effect *row; /* (n): all conditions of a panel and variant in a row */
} efla_effects;

/* Everything that follows from results, whose texts it uses.  path names the table in messages.  Fails with EFLA_INPUT
 * where a model of the cube is not there or no seed has all eight, and with EFLA_NO_MEMORY; then effects is zeroed. */
efla_status efla_effects_init(efla_effects *effects, const efla_results *results, const efla_contrast *contrast,
                              const char *path, efla_message *why);
void efla_effects_clear(efla_effects *effects);

#endif
