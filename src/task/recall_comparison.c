/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/recall_comparison.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct baseline {
  const char *name, *method, *keys;
} baselines[EFLA_RECALL_BASELINES] = {{"DeltaNet (euler, unit keys)", "euler", "unit"},
                                      {"Longhorn (implicit, raw keys)", "implicit", "raw"},
                                      {"exact with unit keys", "exact", "unit"}};

efla_status efla_recall_comparison_run(efla_recall_comparison *c, const efla_recall_trials *trials,
                                       const efla_perturbation *perturbation, bool quick, efla_recall_write *write,
                                       efla_table *rows, efla_message *why) {
  const size_t n = efla_recall_trials_scores(trials);
  const double *levels = perturbation->levels;
  efla_status status = EFLA_OK;
  double *scores = calloc(2 * n, sizeof *scores), *means = scores ? scores + n : NULL; /* of trials, over levels */
  if (!scores) return efla_fail_memory(why);
  c->perturbation = (size_t)(perturbation - efla_perturbations);
  for (size_t l = 0; l < EFLA_LEVELS && levels[l] > 0 && status == EFLA_OK; l++) {
    if (quick && levels[l] != perturbation->quick) continue;
    status = efla_recall_trials_run(trials, perturbation, levels[l], scores, why);
    if (status == EFLA_OK) status = write(c, levels[l], scores, rows, why);
    for (size_t e = 0; e < n; e++) means[e] += scores[e];
    c->levels += status == EFLA_OK;
  }
  for (size_t e = 0; e < n; e++) means[e] /= c->levels;
  if (status == EFLA_OK) status = write(c, NAN, means, rows, why);
  free(scores);
  return status;
}

void efla_recall_comparison_count(efla_recall_comparison *c, const efla_recall_config *config,
                                  efla_interval difference) {
  const size_t decay = (size_t)(config->rule.decay - efla_decays);
  assert(decay < EFLA_RECALL_DECAYS);
  for (size_t b = 0; b < EFLA_RECALL_BASELINES; b++) {
    if (strcmp(config->rule.method->name, baselines[b].method) || strcmp(config->rule.keys->name, baselines[b].keys))
      continue;
    c->count[decay][b][config->tuned].better += difference.low > 0;
    c->count[decay][b][config->tuned].worse += difference.high < 0;
  }
}

static void print(FILE *file, const efla_recall_comparison *c, size_t decay) {
  const char *name = efla_perturbation_name(c->perturbation);
  if (c->levels == 0) fprintf(file, "  %-13s not built (FFTW was not found when the toolkit was built)\n", name);
  for (size_t b = 0; b < EFLA_RECALL_BASELINES && c->levels > 0; b++) {
    fprintf(file, "  %-13s %-30s", b ? "" : name, baselines[b].name);
    for (int tuned = 0; tuned < 2; tuned++) {
      const int better = c->count[decay][b][tuned].better, worse = c->count[decay][b][tuned].worse;
      fprintf(file, "    %d / %d / %d", better, worse, c->levels - better - worse);
    }
    fputc('\n', file);
  }
}

void efla_recall_comparison_print(FILE *file, size_t trials, const efla_list *decays, size_t n,
                                  const efla_recall_comparison *comparisons) {
  fprintf(file,
          "EFLA (exact, raw keys) by recall accuracy, paired over %zu trials: number of levels at which it is\n"
          "                                               better / worse / neither, same beta, and each tuned\n",
          trials);
  for (size_t i = 0; i < decays->n; i++) {
    if (efla_decays[decays->row[i]].gated) fprintf(file, "all with the decay %s:\n", efla_decays[decays->row[i]].name);
    for (size_t p = 0; p < n; p++) print(file, &comparisons[p], decays->row[i]);
  }
}
