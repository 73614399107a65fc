/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/effects.h"

#include "stats/effect_rows.h"
#include "stats/power.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Corners of the cube are sets of bits: a bit is set where the factor is +.  Those of the square have no LR. */
enum { LR = 1, KEYS = 2, METHOD = 4, CORNERS = 8 };

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

/* A stratum's models and the two methods that are compared in it. */
typedef struct cube {
  efla_variant stratum;
  const char *method, *against;
  double lr, lr_against;
  unsigned used, step; /* the factors; corners are the multiples of step */
  size_t corner[CORNERS];
} cube;

static double sign(unsigned factors, unsigned corner) { return __builtin_popcount(factors & ~corner) % 2 ? -1 : 1; }

static efla_variant corner_of(const cube *x, unsigned corner) {
  efla_variant v = x->stratum;
  v.method = corner & METHOD ? x->method : x->against, v.keys = corner & KEYS ? "raw" : "unit";
  v.lr = !(x->used & LR) ? NAN : corner & LR ? x->lr : x->lr_against;
  return v;
}

static cube cube_of(const efla_results *o, efla_variant stratum, const efla_contrast *contrast, const char *against) {
  const bool rates = o->rate_is_factor;
  cube x = {stratum,
            contrast->method,
            against,
            contrast->lr,
            contrast->lr_against,
            METHOD | KEYS | (rates ? LR : 0),
            rates ? 1 : 2,
            {0}};
  x.stratum.method = x.stratum.keys = NULL, x.stratum.lr = NAN;
  for (unsigned c = 0; c < CORNERS; c += x.step) x.corner[c] = efla_results_find(o, corner_of(&x, c));
  return x;
}

/* Adds a difference of corners with the weights given. */
static void add_corners(efla_effect_rows *rows, const cube *x, const efla_effect *label, const double *weights) {
  size_t models[CORNERS], n = 0;
  double of[CORNERS];
  for (unsigned c = 0; c < CORNERS; c++)
    if (weights[c] != 0) models[n] = x->corner[c], of[n++] = weights[c];
  efla_effect_rows_add(rows, n, models, of, label);
}

static void add_panel(efla_effect_rows *rows, const cube *x, const char *panel, unsigned factors) {
  double weights[CORNERS] = {0};
  if (factors & ~x->used) return;
  efla_effect label = {.variant = x->stratum};
  snprintf(label.panel, sizeof label.panel, "%s", panel);
  for (unsigned c = 0; c < CORNERS && factors; c += x->step) weights[c] = sign(factors, c) / (4. / x->step);
  if (!factors) weights[0] = -1, weights[x->used] = 1;
  add_corners(rows, x, &label, weights);
}

/* Adds the differences along the edges of a factor. */
static void add_edges(efla_effect_rows *rows, const cube *x, const char *panel, unsigned factor) {
  if (factor & ~x->used) return;
  for (unsigned end = 0; end < CORNERS; end += x->step) {
    if (!(end & factor)) continue;
    double weights[CORNERS] = {0};
    weights[end] = 1, weights[end - factor] = -1;
    efla_effect label = {.variant = corner_of(x, end)};
    if (factor == METHOD) label.variant.method = NULL;
    if (factor == KEYS) label.variant.keys = NULL;
    if (factor == LR) label.variant.lr = NAN;
    snprintf(label.panel, sizeof label.panel, "%s", panel);
    add_corners(rows, x, &label, weights);
  }
}

/* Adds contrast->method minus every other method of the stratum that variants first ... end - 1 are. */
static void add_other_methods(efla_effect_rows *rows, const efla_contrast *contrast, size_t first, size_t end) {
  const efla_results *o = rows->results;
  for (size_t v = first; v < end; v++) {
    const char *other = o->variant[v].method;
    bool seen = v > first && !strcmp(other, o->variant[v - 1].method); /* variants are sorted */
    if (seen || !strcmp(other, contrast->method) || !strcmp(other, contrast->against)) continue;
    char panel[EFLA_PANEL];
    const cube x = cube_of(o, o->variant[first], contrast, other);
    snprintf(panel, sizeof panel, "method:%s", other);
    add_panel(rows, &x, panel, METHOD);
    if (!o->rate_is_factor) add_edges(rows, &x, panel, METHOD);
  }
}

/* Adds the stratum's decay minus none, for all its models that are there without, and the mean over the cube. */
static void add_decay(efla_effect_rows *rows, const cube *x, size_t first, size_t end) {
  const efla_results *o = rows->results;
  efla_effect label = {.variant = x->stratum};
  cube without = *x;
  if (!x->stratum.decay || !strcmp(x->stratum.decay, "none") || !strcmp(x->stratum.decay, "-")) return;
  snprintf(label.panel, sizeof label.panel, "decay:%s", x->stratum.decay);
  label.variant.decay = NULL, without.stratum.decay = "none";
  size_t models[2 * CORNERS], n = 0;
  double weights[2 * CORNERS];
  for (unsigned c = 0; c < CORNERS; c += x->step)
    for (int with = 0; with < 2; with++) {
      models[n] = with ? x->corner[c] : efla_results_find(o, corner_of(&without, c));
      weights[n++] = (with ? 1 : -1) / (8. / x->step);
    }
  efla_effect_rows_add(rows, n, models, weights, &label);
  for (size_t v = first; v < end; v++) {
    efla_variant other = o->variant[v];
    other.decay = "none";
    label.variant = o->variant[v], label.variant.decay = NULL;
    efla_effect_rows_add(rows, 2, (size_t[]){v, efla_results_find(o, other)}, (double[]){1, -1}, &label);
  }
}

bool efla_effect_is_main(const efla_effect *e) {
  const bool held = e->variant.method || e->variant.keys;
  return !strcmp(e->panel, "published") || (held && (!strcmp(e->panel, "method") || !strcmp(e->panel, "keys")));
}

/* Adjusts the p values of the main contrasts among rows from ... n - 1, of one stratum. */
static void adjust(efla_effects *effects, const efla_results *o, size_t from) {
  for (size_t c = 0; c < o->conditions; c++) {
    double p[EFLA_MAIN], adjusted[EFLA_MAIN];
    size_t at[EFLA_MAIN], n = 0;
    for (size_t i = from + c; i < effects->n && n < EFLA_MAIN; i += o->conditions) /* a panel has all conditions */
      if (efla_effect_is_main(&effects->row[i])) p[n] = effects->row[i].p, at[n++] = i;
    efla_holm(EFLA_MAIN, n, p, adjusted);
    for (size_t i = 0; i < n; i++) effects->row[at[i]].p_holm = adjusted[i];
  }
}

/* Adds the effects in the stratum that variants first ... end - 1 are. */
static void add_stratum(efla_effect_rows *rows, const efla_contrast *contrast, size_t first, size_t end) {
  const efla_results *o = rows->results;
  const cube x = cube_of(o, o->variant[first], contrast, contrast->against);
  const size_t from = rows->effects->n;
  for (size_t p = 0; p < PANELS; p++) {
    add_panel(rows, &x, panels[p].name, panels[p].factors);
    if (__builtin_popcount(panels[p].factors) == 1) add_edges(rows, &x, panels[p].name, panels[p].factors);
  }
  if (!o->rate_is_factor) adjust(rows->effects, o, from);
  add_other_methods(rows, contrast, first, end);
  add_decay(rows, &x, first, end);
}

static efla_status check_cube(const efla_results *o, const efla_contrast *contrast, const char *path,
                              efla_message *why) {
  bool complete = false;
  efla_variant lacks = efla_variant_none;
  for (size_t v = 0; v < o->variants && !complete; v++) {
    if (v && efla_variant_same_stratum(o->variant[v], o->variant[v - 1])) continue;
    const cube x = cube_of(o, o->variant[v], contrast, contrast->against);
    complete = true;
    for (unsigned c = 0; c < CORNERS && complete; c += x.step)
      if (x.corner[c] == o->variants) complete = false, lacks = corner_of(&x, c);
  }
  if (complete) return EFLA_OK;
  char text[EFLA_VARIANT_TEXT];
  efla_variant_print(text, lacks);
  return efla_fail(why, EFLA_INPUT, "%s: no rows of %s at the last %s, which the contrast needs", path, text,
                   o->kind->along);
}

static efla_status check_seeds(const efla_effects *effects, const char *path, efla_message *why) {
  for (size_t i = 0; i < effects->n; i++) {
    const efla_effect *e = &effects->row[i];
    if (e->seeds == 0 && e->diverged + e->diverged_against == 0 && !strcmp(e->panel, "published"))
      return efla_fail(why, EFLA_INPUT, "%s: %s %g: no seed has both published models", path, e->condition.name,
                       e->condition.level);
  }
  return EFLA_OK;
}

efla_status efla_effects_init(efla_effects *effects, const efla_results *o, const efla_contrast *contrast,
                              const char *path, efla_message *why) {
  assert(strcmp(contrast->method, contrast->against) != 0 &&
         (!o->rate_is_factor || contrast->lr != contrast->lr_against));
  *effects = (efla_effects){0};
  efla_effect_rows rows = {
      .effects = effects, .results = o, .difference = contrast->difference, .values = calloc(o->seeds, sizeof(double))};
  efla_status status = o->rate_is_factor ? check_cube(o, contrast, path, why) : EFLA_OK;
  if (!rows.values) rows.status = EFLA_NO_MEMORY;
  for (size_t v = 0; v < o->variants && status == EFLA_OK; v++) efla_effect_rows_model(&rows, v);
  for (size_t first = 0, end; first < o->variants && status == EFLA_OK; first = end) {
    for (end = first; end < o->variants && efla_variant_same_stratum(o->variant[end], o->variant[first]);) end++;
    add_stratum(&rows, contrast, first, end);
  }
  if (status == EFLA_OK && rows.status != EFLA_OK) status = efla_fail_memory(why);
  if (status == EFLA_OK && o->rate_is_factor) status = check_seeds(effects, path, why);
  free(rows.values);
  if (status != EFLA_OK) efla_effects_clear(effects);
  return status;
}

void efla_effects_clear(efla_effects *effects) {
  free(effects->row);
  *effects = (efla_effects){0};
}
