/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/effects_text.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Whether it is a mean over levels of a difference that is averaged over all other factors. */
static bool is_overall(const efla_effect *e) {
  return !e->variant.method && !e->variant.keys && isinf(e->condition.level);
}

void efla_effects_print(FILE *file, const efla_effects *effects, const efla_results *results,
                        const efla_contrast *contrast) {
  fprintf(file,
          "Accuracy, mean over the levels of each perturbation: differences in percentage points, 95 %% intervals over "
          "seeds.\n"
          "published: %s, raw keys, lr %g minus %s, unit keys, lr %g = method + keys + lr + method_keys_lr\n\n%-16s",
          contrast->method, contrast->lr, contrast->against, contrast->lr_against, "");
  for (size_t c = 0; c < results->conditions; c++)
    if (isinf(results->condition[c].level)) fprintf(file, " %-24s", results->condition[c].perturbation);
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

void efla_effects_print_gaps(FILE *file, const efla_effects *effects, const efla_results *results, const char *before) {
  for (size_t v = 0; v < results->variants; v++) {
    const efla_variant *variant = &results->variant[v];
    size_t missing = efla_results_missing(results, v);
    if (missing > 0)
      fprintf(file,
              "%s: %s, keys %s, lr %g lacks %zu of %zu accuracies (seeds, perturbations, levels and their means)\n",
              before, variant->method, variant->keys, variant->lr, missing, results->conditions * results->seeds);
  }
  for (size_t i = 0; i < effects->n; i++) {
    const efla_effect *e = &effects->row[i];
    if (e->seeds == 0 && is_overall(e))
      fprintf(file, "%s: %s, mean over %s, is left out: no seed has all eight models\n", before, e->panel,
              e->condition.perturbation);
  }
}
