/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trials of recall: many ways to write the same perturbed pairs, compared trial by trial. */
#ifndef EFLA_TASK_RECALL_TRIALS_H
#define EFLA_TASK_RECALL_TRIALS_H

#include "data/perturbation.h"
#include "data/recall.h"

#define EFLA_RECALL_CONFIGS 512

/* A way to write. */
typedef struct efla_recall_config {
  const efla_method *method;
  const efla_key_treatment *keys;
  bool tuned;  /* its step is its own best one */
  double beta; /* that step, or the common one */
} efla_recall_config;

typedef struct efla_recall_trials {
  efla_spec spec; /* where pairs come from */
  size_t pairs, trials, seed, n_ways;
  efla_recall_config ways[EFLA_RECALL_CONFIGS];
} efla_recall_trials;

/* Gives every tuned way the candidate (n of them) with the best mean signal-to-noise ratio on clean pairs, as many as
 * the trials have but not the same: methods differ in how much they write for one beta, and that is not their accuracy.
 * Fails as efla_source_init and efla_source_next do. */
efla_status efla_recall_trials_tune(efla_recall_trials *c, const double *candidates, size_t n, efla_message *why);

/* scores (3, ways, trials): accuracy, error, snr of every way in every trial.  All ways see the same pairs and the same
 * perturbation, so that differences are paired.  Fails also as efla_perturb does. */
efla_status efla_recall_trials_run(const efla_recall_trials *c, const efla_perturbation *perturbation, double level,
                                   double *scores, efla_message *why);

#endif
