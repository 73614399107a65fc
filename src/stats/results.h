/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What trained classifiers scored: the table of bin/smnist as an array. */
#ifndef EFLA_STATS_RESULTS_H
#define EFLA_STATS_RESULTS_H

#include "io/csv.h"
#include "base/status.h"

/* How a model was trained, apart from its seed. */
typedef struct efla_variant {
  const char *method, *keys;
  double lr;
} efla_variant;

/* What was done to the images that it was tested on. */
typedef struct efla_condition {
  const char *perturbation;
  double level; /* inf: the mean over all levels of the perturbation */
} efla_condition;

typedef struct efla_results {
  size_t variants, conditions, seeds;
  efla_variant *variant; /* (variants), by name and rate; their texts are the table's */
  efla_condition
      *condition; /* (conditions), by name and level, so that the mean over levels is the last of its perturbation */
  double *seed;   /* (seeds), rising */
  double *
      /* (variants, conditions, seeds), 0 ... 1; nan where the table has none, also where a mean lacks a level */
      accuracy;
} efla_results;

/* The rows of the table's last epoch; columns method, keys, lr, seed, epoch, perturbation, level, accuracy.  path names
 * the table in messages; the table must outlive results.  Fails with EFLA_INPUT (a column that is missing, a number
 * that is none or outside its range, two rows for one accuracy, no rows, a table that is nearly all gaps) or
 * EFLA_NO_MEMORY, and then results is zeroed. */
efla_status efla_results_init(efla_results *results, const efla_csv *table, const char *path, efla_message *why);
void efla_results_clear(efla_results *results);

/* Index of a variant; results->variants if there is none. */
size_t efla_results_find(const efla_results *results, efla_variant variant);

/* nan for a variant that there is none of. */
double efla_results_at(const efla_results *results, size_t variant, size_t condition, size_t seed);

/* How many of a variant's accuracies, one per seed and condition, means included, the table lacks. */
size_t efla_results_missing(const efla_results *results, size_t variant);

#endif
