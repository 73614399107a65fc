/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/effects_text.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static bool is_share(const efla_effect *e) {
  return !strcmp(e->panel, "diverged") || !strcmp(e->panel, "diverged:rate");
}

/* Whether it is a mean over levels of a difference that is averaged over all other factors. */
static bool is_overall(const efla_effect *e) {
  return !e->variant.method && !e->variant.keys && isinf(e->condition.level) && !is_share(e);
}

static void print_factors(FILE *file, const efla_effects *effects, const efla_results *results,
                          const efla_contrast *contrast) {
  fprintf(file,
          "Accuracy, mean over the levels of each perturbation: differences in percentage points, 95 %% intervals over "
          "seeds.\n"
          "published: %s, raw keys, lr %g minus %s, unit keys, lr %g = method + keys + lr + method_keys_lr\n\n%-16s",
          contrast->method, contrast->lr, contrast->against, contrast->lr_against, "");
  for (size_t c = 0; c < results->conditions; c++)
    if (isinf(results->condition[c].level)) fprintf(file, " %-24s", results->condition[c].name);
  const char *panel = "";
  for (size_t i = 0; i < effects->n; i++) {
    const efla_effect *e = &effects->row[i];
    if (!is_overall(e)) continue;
    if (strcmp(panel, e->panel) != 0) fprintf(file, "\n%-16s", e->panel);
    panel = e->panel;
    fprintf(file, " %+6.2f [%+7.2f %+7.2f]", 100 * e->interval.mean, 100 * e->interval.low, 100 * e->interval.high);
  }
  fprintf(file, "\n");
}

/* ---- each model at its own learning rate ---- */

static bool is_model(const efla_effect *e) { return !strcmp(e->panel, e->condition.measure->value); }

/* Of each name the mean over levels, or where there is none the smallest level. */
static bool is_shown(const efla_results *o, size_t c) {
  const efla_condition *at = &o->condition[c];
  if (at->measure->mean) return isinf(at->level);
  return isinf(at->level) || c == 0 || at->measure != at[-1].measure || strcmp(at->name, at[-1].name) != 0;
}

/* What is held, where it is a factor; and of several strata which one. */
static void print_label(FILE *file, const efla_effect *e, bool strata) {
  char text[160] = "";
  const efla_variant *v = &e->variant;
  snprintf(text, sizeof text, "%s%s%s%s%s", e->panel, v->method ? ", " : "", v->method ? v->method : "",
           v->keys ? ", " : "", v->keys ? v->keys : "");
  size_t length = strlen(text);
  if (strata)
    snprintf(text + length, sizeof text - length, "%s%s%s%s%s%.0f", v->decay ? ", " : "", v->decay ? v->decay : "",
             v->beta ? ", " : "", v->beta ? v->beta : "", ", width ", v->width);
  fprintf(file, "%-44s", text);
}

static void print_difference(FILE *file, const efla_effect *e, bool strata) {
  const double scale = e->condition.measure->scale;
  print_label(file, e, strata);
  fprintf(file, " %+8.2f [%+8.2f %+8.2f] %5zu %9.2f %9.4g", scale * e->interval.mean, scale * e->interval.low,
          scale * e->interval.high, e->seeds, scale * e->seen_from, e->seeds_for);
  if (!isnan(e->p_holm)) fprintf(file, " %7.2g", e->p_holm);
  if (e->diverged + e->diverged_against > 0)
    fprintf(file, "  (left out, diverged: %zu minus %zu models)", e->diverged, e->diverged_against);
  fprintf(file, "\n");
}

static void print_condition(FILE *file, const efla_effects *effects, const efla_condition *c, bool strata) {
  bool begun = false;
  for (size_t i = 0; i < effects->n; i++) {
    const efla_effect *e = &effects->row[i];
    const efla_condition *at = &e->condition;
    if (is_model(e) || is_share(e) || at->measure != c->measure || strcmp(at->name, c->name) != 0 ||
        at->level != c->level)
      continue;
    if (!begun) {
      fprintf(file, "\n%s: %s, %s ", c->measure->study, c->measure->value, c->name);
      if (isinf(c->level))
        fprintf(file, "(mean)");
      else
        fprintf(file, "%g", c->level);
      fprintf(file, "; differences in %s%s\n%-44s %8s %19s %5s %9s %9s %7s\n", c->measure->unit,
              c->measure->larger ? "" : ", below 0 is better", "", "mean", "95 % interval", "seeds", "seen from",
              "seeds for", "p Holm");
    }
    begun = true;
    print_difference(file, e, strata);
  }
}

static void print_divergence(FILE *file, const efla_effects *effects) {
  for (size_t i = 0; i < effects->n; i++) {
    const efla_effect *e = &effects->row[i];
    if (!is_share(e) || e->diverged == 0) continue;
    char text[EFLA_VARIANT_TEXT];
    efla_variant_print(text, e->variant);
    fprintf(file, "diverged: %s, %s %g: %zu of %zu seeds, share [%.2f %.2f]%s\n", text, e->condition.name,
            e->condition.level, e->diverged, e->seeds, e->interval.low, e->interval.high,
            strchr(e->panel, ':') ? "; a rate that is not compared" : "");
  }
}

static void print_own_rates(FILE *file, const efla_effects *effects, const efla_results *o,
                            const efla_contrast *contrast) {
  bool strata = false;
  for (size_t v = 1; v < o->variants; v++) strata |= !efla_variant_same_stratum(o->variant[v], o->variant[0]);
  fprintf(file, "Differences paired by seed, ");
  if (o->only_rate > 0)
    fprintf(file, "all models at learning rate %g", o->only_rate);
  else
    fprintf(file, "each model at its own learning rate");
  fprintf(
      file,
      "; 95 %% intervals over seeds.\n"
      "published: %s, raw keys minus %s, unit keys.  seen from: the smallest true difference that as many seeds see "
      "with power .8 at level .05, of main contrasts (those with p Holm) at .05/5.\n%s",
      contrast->method, contrast->against, o->choices ? o->choices : "");
  print_divergence(file, effects);
  for (size_t c = 0; c < o->conditions; c++)
    if (is_shown(o, c)) print_condition(file, effects, &o->condition[c], strata);
}

void efla_effects_print(FILE *file, const efla_effects *effects, const efla_results *o, const efla_contrast *contrast) {
  (o->rate_is_factor ? print_factors : print_own_rates)(file, effects, o, contrast);
}

void efla_effects_print_gaps(FILE *file, const efla_effects *effects, const efla_results *results, const char *before) {
  for (size_t v = 0; v < results->variants; v++) {
    char text[EFLA_VARIANT_TEXT];
    size_t missing = efla_results_missing(results, v);
    efla_variant_print(text, results->variant[v]);
    if (missing > 0)
      fprintf(file, "%s: %s lacks %zu of %zu values (seeds, conditions and their means)\n", before, text, missing,
              results->conditions * results->seeds);
  }
  for (size_t i = 0; i < effects->n; i++) {
    const efla_effect *e = &effects->row[i];
    if (e->seeds == 0 && is_overall(e) && !e->condition.measure->keys)
      fprintf(file, "%s: %s, mean over %s, is left out: no seed has all models\n", before, e->panel, e->condition.name);
  }
}
