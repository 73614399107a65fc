/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Comparison of EFLA (exact, raw keys) with baselines in recall under one perturbation: at how many levels its accuracy
 * is better, and worse, each with the same decay as the baseline. */
#ifndef EFLA_TASK_RECALL_COMPARISON_H
#define EFLA_TASK_RECALL_COMPARISON_H

#include "app/cli.h"
#include "app/table.h"
#include "task/recall_trials.h"

#include <stdio.h>

/* DeltaNet, Longhorn, the exact method with unit keys; rows of efla_decays */
enum { EFLA_RECALL_BASELINES = 3, EFLA_RECALL_DECAYS = 8 };

/* Without pointers, so that ranks can send it to each other. */
typedef struct efla_recall_comparison {
  size_t perturbation; /* row of efla_perturbations */
  int levels;          /* 0: the perturbation is not available in this build */
  struct {
    int better, worse;
  } count[EFLA_RECALL_DECAYS][EFLA_RECALL_BASELINES][2]; /* [decay][baseline][tuned] */
} efla_recall_comparison;

/* Writes the rows of one level, or of the mean over levels, which is nan then. */
typedef efla_status efla_recall_write(efla_recall_comparison *c, double level, const double *scores, efla_table *rows,
                                      efla_message *why);

/* Runs the trials at every level of the perturbation, or at its quick one only, and hands their scores on, and in the
 * end the means over levels.  Fails as efla_recall_trials_run does. */
efla_status efla_recall_comparison_run(efla_recall_comparison *c, const efla_recall_trials *trials,
                                       const efla_perturbation *perturbation, bool quick, efla_recall_write *write,
                                       efla_table *rows, efla_message *why);

/* Counts the difference of accuracy at one level, EFLA minus config, where config is a baseline. */
void efla_recall_comparison_count(efla_recall_comparison *c, const efla_recall_config *config,
                                  efla_interval difference);

/* Prints a table of n perturbations for each of these decays, rows of efla_decays. */
void efla_recall_comparison_print(FILE *file, size_t trials, const efla_list *decays, size_t n,
                                  const efla_recall_comparison *comparisons);

#endif
