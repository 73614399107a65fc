/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/recall_comparison.h"

#include <string.h>

static const struct baseline {
  const char *name, *method, *keys;
} baselines[EFLA_RECALL_BASELINES] = {{"DeltaNet (euler, unit keys)", "euler", "unit"},
                                      {"Longhorn (implicit, raw keys)", "implicit", "raw"},
                                      {"exact with unit keys", "exact", "unit"}};

void efla_recall_comparison_count(efla_recall_comparison *c, const efla_recall_config *config,
                                  efla_interval difference) {
  for (size_t b = 0; b < EFLA_RECALL_BASELINES; b++) {
    if (strcmp(config->method->name, baselines[b].method) || strcmp(config->keys->name, baselines[b].keys)) continue;
    c->better[b][config->tuned] += difference.low > 0;
    c->worse[b][config->tuned] += difference.high < 0;
  }
}

static void print(FILE *file, const efla_recall_comparison *c) {
  if (c->levels == 0)
    fprintf(file, "  %-13s not built (FFTW was not found when the toolkit was built)\n", c->perturbation);
  for (size_t b = 0; b < EFLA_RECALL_BASELINES && c->levels > 0; b++) {
    fprintf(file, "  %-13s %-30s", b ? "" : c->perturbation, baselines[b].name);
    for (int tuned = 0; tuned < 2; tuned++) {
      int better = c->better[b][tuned], worse = c->worse[b][tuned];
      fprintf(file, "    %d / %d / %d", better, worse, c->levels - better - worse);
    }
    fputc('\n', file);
  }
}

void efla_recall_comparison_print(FILE *file, size_t trials, size_t n, const efla_recall_comparison *comparisons) {
  fprintf(file,
          "EFLA (exact, raw keys) by recall accuracy, paired over %zu trials: number of levels at which it is\n"
          "                                               better / worse / neither, same beta, and each tuned\n",
          trials);
  for (size_t i = 0; i < n; i++) print(file, &comparisons[i]);
}
