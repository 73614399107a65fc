/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trials of recall: the same perturbed pairs written by many configs, which are compared trial by trial. */
#ifndef EFLA_TASK_RECALL_TRIALS_H
#define EFLA_TASK_RECALL_TRIALS_H

#include "data/perturbation.h"
#include "data/recall.h"
#include "stats/interval.h"

#define EFLA_RECALL_CONFIGS 512

/* A rule without decay and its step. */
typedef struct efla_recall_config {
  const efla_method *method;
  const efla_key_treatment *keys;
  bool tuned;  /* beta is this config's own best */
  double beta; /* that, or the step common to all */
} efla_recall_config;

typedef struct efla_recall_trials {
  efla_spec spec; /* where pairs come from; its beta is the common step */
  size_t pairs, trials, seed, n_configs;
  efla_recall_config configs[EFLA_RECALL_CONFIGS];
} efla_recall_trials;

/* Adds two configs, one with the common step and one to be tuned; at most EFLA_RECALL_CONFIGS in all. */
void efla_recall_trials_add(efla_recall_trials *r, const efla_method *method, const efla_key_treatment *keys);

/* Number of the config; n_configs where there is none. */
size_t efla_recall_trials_find(const efla_recall_trials *r, const char *method, const char *keys, bool tuned);

/* Gives every tuned config the candidate (n of them) with the best mean signal-to-noise ratio on clean pairs, as many
 * as the trials have but not the same: methods differ in how much they write for one beta, and that is not their
 * accuracy.  Fails as efla_source_init and efla_source_next do. */
efla_status efla_recall_trials_tune(efla_recall_trials *r, const double *candidates, size_t n, efla_message *why);

/* How many numbers the scores of a run are. */
size_t efla_recall_trials_scores(const efla_recall_trials *r);

/* scores (3, configs, trials): accuracy, error, snr of every config in every trial.  All configs see the same pairs and
 * the same perturbation, so that differences are paired.  Fails also as efla_perturb does. */
efla_status efla_recall_trials_run(const efla_recall_trials *r, const efla_perturbation *perturbation, double level,
                                   double *scores, efla_message *why);

/* Means over trials with bootstrap intervals. */
typedef struct efla_recall_summary {
  efla_interval accuracy, error, snr;
  efla_interval difference; /* of accuracy: that of EFLA (exact, raw keys) with a step of the same kind minus this */
} efla_recall_summary;

/* What the scores say of one config; difference is nan where EFLA is not among the configs.  Fails with
 * EFLA_NO_MEMORY. */
efla_status efla_recall_trials_summarise(const efla_recall_trials *r, const double *scores, size_t config,
                                         efla_recall_summary *summary, efla_message *why);

#endif
