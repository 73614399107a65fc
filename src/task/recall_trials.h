/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trials of recall: many configs write the same perturbed pairs and are compared trial by trial. */
#ifndef EFLA_TASK_RECALL_TRIALS_H
#define EFLA_TASK_RECALL_TRIALS_H

#include "app/cli.h"
#include "data/perturbation.h"
#include "data/recall.h"
#include "stats/interval.h"

#define EFLA_RECALL_CONFIGS 512

/* A rule, its decay and keys given, and its beta. */
typedef struct efla_recall_config {
  efla_rule rule;
  bool tuned;  /* beta is the best one for this config */
  double beta; /* that, or the one common to all */
} efla_recall_config;

typedef struct efla_recall_trials {
  efla_spec spec; /* the source of pairs; its beta is the common one */
  double rate;    /* of decay, of every pair, where the rule has one */
  size_t pairs, trials, seed, n_configs;
  efla_recall_config configs[EFLA_RECALL_CONFIGS];
} efla_recall_trials;

/* Adds two configs for every method and key treatment, rows of their tables, one with the common beta and one to be
 * tuned; at most EFLA_RECALL_CONFIGS in all. */
void efla_recall_trials_add_all(efla_recall_trials *r, const efla_list *methods, const efla_decay *decay,
                                const efla_list *treatments);

/* Number of the config of EFLA, exact with raw keys, that has the decay and the tuning of this one; n_configs where
 * there is none. */
size_t efla_recall_trials_efla(const efla_recall_trials *r, const efla_recall_config *config);

/* Sets beta of every tuned config to the candidate (n of them) with the best mean signal-to-noise ratio on unperturbed
 * pairs, as many as in the trials but other ones.  For one beta methods write with different strength, which tuning
 * compensates.  Fails as efla_source_init and efla_source_next do. */
efla_status efla_recall_trials_tune(efla_recall_trials *r, const double *candidates, size_t n, efla_message *why);

/* The length of the scores of a run. */
size_t efla_recall_trials_scores(const efla_recall_trials *r);

/* Computes scores (3, configs, trials): accuracy, error, snr of every config in every trial.  All configs have the same
 * pairs and the same perturbation, so that differences are paired.  Fails as efla_recall_trials_tune and efla_perturb
 * do. */
efla_status efla_recall_trials_run(const efla_recall_trials *r, const efla_perturbation *perturbation, double level,
                                   double *scores, efla_message *why);

/* Means over trials with bootstrap intervals. */
typedef struct efla_recall_summary {
  efla_interval accuracy, error, snr;
  efla_interval difference; /* of accuracy, EFLA (exact, raw keys; decay and tuning of this config) minus this config */
} efla_recall_summary;

/* Summary of one config; difference is nan where EFLA is not among the configs.  Fails with EFLA_NO_MEMORY. */
efla_status efla_recall_trials_summarise(const efla_recall_trials *r, const double *scores, size_t config,
                                         efla_recall_summary *summary, efla_message *why);

#endif
