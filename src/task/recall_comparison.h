/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Comparison of EFLA (exact, raw keys) with baselines in recall under one perturbation: at how many levels its accuracy
 * is better, and worse. */
#ifndef EFLA_TASK_RECALL_COMPARISON_H
#define EFLA_TASK_RECALL_COMPARISON_H

#include "task/recall_trials.h"

#include <stdio.h>

enum { EFLA_RECALL_BASELINES = 3 }; /* DeltaNet, Longhorn, the exact method with unit keys */

typedef struct efla_recall_comparison {
  const char *perturbation;
  int levels; /* 0: the perturbation is not available in this build */
  int better[EFLA_RECALL_BASELINES][2], worse[EFLA_RECALL_BASELINES][2]; /* [baseline][tuned] */
} efla_recall_comparison;

/* Counts the difference of accuracy at one level, EFLA minus config, where config is a baseline. */
void efla_recall_comparison_count(efla_recall_comparison *c, const efla_recall_config *config,
                                  efla_interval difference);

/* Prints a table of n perturbations. */
void efla_recall_comparison_print(FILE *file, size_t trials, size_t n, const efla_recall_comparison *comparisons);

#endif
