/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/effects.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Corners of the cube are sets of bits: a bit is set where the factor is +. */
enum { LR = 1, KEYS = 2, METHOD = 4, CORNERS = 8, FACTORS = 3 };

static const struct {
  const char *name;
  unsigned factors; /* 0: the corner with all factors + minus the one with all - */
} panels[] = {{"published", 0},
              {"method", METHOD},
              {"keys", KEYS},
              {"lr", LR},
              {"method_keys", METHOD | KEYS},
              {"method_lr", METHOD | LR},
              {"keys_lr", KEYS | LR},
              {"method_keys_lr", METHOD | KEYS | LR}};
enum { PANELS = sizeof panels / sizeof *panels };

static double sign(unsigned factors, unsigned corner) { return __builtin_popcount(factors & ~corner) % 2 ? -1 : 1; }

static const efla_variant none = {NULL, NULL, NAN};

static efla_variant corner_of(const efla_contrast *contrast, unsigned corner) {
  return (efla_variant){corner & METHOD ? contrast->method : contrast->against, corner & KEYS ? "raw" : "unit",
                        corner & LR ? contrast->lr : contrast->lr_against};
}

static void find_cube(const efla_results *o, const efla_contrast *contrast, size_t cube[CORNERS]) {
  for (unsigned c = 0; c < CORNERS; c++) cube[c] = efla_results_find(o, corner_of(contrast, c));
}

/* Adds an effect for every condition, the weighted sum of n models.  A seed is used only where it has all models, those
 * of weight 0 included. */
static void add_rows(efla_effects *effects, const efla_results *o, size_t n, const size_t *models,
                     const double *weights, const efla_effect *label, double *values) {
  for (size_t c = 0; c < o->conditions; c++) {
    efla_effect *e = &effects->row[effects->n++];
    *e = *label;
    e->condition = o->condition[c];
    e->interval = (efla_interval){NAN, NAN, NAN};
    for (size_t s = 0; s < o->seeds; s++) {
      double sum = 0;
      for (size_t i = 0; i < n; i++) sum += weights[i] * efla_results_at(o, models[i], c, s);
      if (!isnan(sum)) values[e->seeds++] = sum;
    }
    if (e->seeds > 0) efla_student_mean(values, e->seeds, &e->interval);
  }
}

static void add_panel(efla_effects *effects, const efla_results *o, const size_t *cube, const char *panel,
                      unsigned factors, double *values) {
  double weights[CORNERS] = {[0] = -1, [CORNERS - 1] = 1};
  efla_effect label = {.variant = none};
  snprintf(label.panel, sizeof label.panel, "%s", panel);
  for (unsigned c = 0; c < CORNERS && factors; c++) weights[c] = sign(factors, c) / 4;
  add_rows(effects, o, CORNERS, cube, weights, &label, values);
}

/* Adds the differences along the four edges of a factor. */
static void add_edges(efla_effects *effects, const efla_results *o, const efla_contrast *contrast, const size_t *cube,
                      const char *panel, unsigned factor, double *values) {
  for (unsigned end = 0; end < CORNERS; end++) {
    if (!(end & factor)) continue;
    double weights[CORNERS] = {0};
    weights[end] = 1, weights[end - factor] = -1;
    efla_effect label = {.variant = corner_of(contrast, end)};
    if (factor == METHOD) label.variant.method = NULL;
    if (factor == KEYS) label.variant.keys = NULL;
    if (factor == LR) label.variant.lr = NAN;
    snprintf(label.panel, sizeof label.panel, "%s", panel);
    add_rows(effects, o, CORNERS, cube, weights, &label, values);
  }
}

/* Adds contrast->method minus every other method of the table, over the contrast's learning rates. */
static void add_other_methods(efla_effects *effects, const efla_results *o, const efla_contrast *contrast,
                              double *values) {
  for (size_t v = 0; v < o->variants; v++) {
    const char *other = o->variant[v].method;
    bool seen = v > 0 && !strcmp(other, o->variant[v - 1].method); /* variants are sorted */
    if (seen || !strcmp(other, contrast->method) || !strcmp(other, contrast->against)) continue;
    const efla_contrast pair = {contrast->method, other, contrast->lr, contrast->lr_against};
    char panel[EFLA_PANEL];
    size_t cube[CORNERS];
    find_cube(o, &pair, cube);
    snprintf(panel, sizeof panel, "method:%s", other);
    add_panel(effects, o, cube, panel, METHOD, values);
  }
}

static efla_status check_cube(const efla_results *o, const efla_contrast *contrast, const size_t *cube,
                              const char *path, efla_message *why) {
  for (unsigned c = 0; c < CORNERS; c++) {
    efla_variant corner = corner_of(contrast, c);
    if (cube[c] == o->variants)
      return efla_fail(why, EFLA_INPUT, "%s: no rows of %s, keys %s, lr %g in the last epoch, which the contrast needs",
                       path, corner.method, corner.keys, corner.lr);
  }
  return EFLA_OK;
}

static efla_status check_seeds(const efla_effects *effects, const char *path, efla_message *why) {
  for (size_t i = 0; i < effects->n; i++) {
    const efla_effect *e = &effects->row[i];
    if (e->seeds == 0 && !strcmp(e->panel, "published"))
      return efla_fail(why, EFLA_INPUT, "%s: %s %g: no seed has all eight models of the contrast", path,
                       e->condition.perturbation, e->condition.level);
  }
  return EFLA_OK;
}

efla_status efla_effects_init(efla_effects *effects, const efla_results *o, const efla_contrast *contrast,
                              const char *path, efla_message *why) {
  assert(strcmp(contrast->method, contrast->against) != 0 && contrast->lr != contrast->lr_against);
  *effects = (efla_effects){0};
  size_t cube[CORNERS],
      most = o->variants /* models */ + PANELS + FACTORS * CORNERS / 2 /* edges */ + o->variants /* other methods */;
  find_cube(o, contrast, cube);
  efla_status status = check_cube(o, contrast, cube, path, why);
  if (status != EFLA_OK) return status;
  effects->row = calloc(most * o->conditions, sizeof *effects->row);
  double *values = calloc(o->seeds, sizeof *values);
  if (effects->row && values) {
    for (size_t v = 0; v < o->variants; v++) {
      const efla_effect label = {.panel = "accuracy", .variant = o->variant[v]};
      add_rows(effects, o, 1, &v, &(double){1}, &label, values);
    }
    for (size_t p = 0; p < PANELS; p++) {
      add_panel(effects, o, cube, panels[p].name, panels[p].factors, values);
      if (__builtin_popcount(panels[p].factors) == 1)
        add_edges(effects, o, contrast, cube, panels[p].name, panels[p].factors, values);
    }
    add_other_methods(effects, o, contrast, values);
    status = check_seeds(effects, path, why);
  } else {
    status = efla_fail_memory(why);
  }
  free(values);
  if (status != EFLA_OK) efla_effects_clear(effects);
  return status;
}

void efla_effects_clear(efla_effects *effects) {
  free(effects->row);
  *effects = (efla_effects){0};
}
