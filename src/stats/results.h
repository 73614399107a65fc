/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accuracies of trained classifiers: the table of bin/smnist as an array. */
#ifndef EFLA_STATS_RESULTS_H
#define EFLA_STATS_RESULTS_H

#include "io/csv.h"
#include "base/status.h"

/* The options of a training except the seed. */
typedef struct efla_variant {
  const char *method, *keys;
  double lr;
} efla_variant;

/* The perturbation of the test images. */
typedef struct efla_condition {
  const char *perturbation;
  double level; /* inf: the mean over all levels of the perturbation */
} efla_condition;

typedef struct efla_results {
  size_t variants, conditions, seeds;
  efla_variant *variant;     /* (variants), sorted by names and learning rate; strings belong to the table */
  efla_condition *condition; /* (conditions), sorted by name and level: the mean over levels comes last */
  double *seed;              /* (seeds), increasing */
  double *accuracy;          /* (variants, conditions, seeds), 0 ... 1; nan: missing, or a mean with a level missing */
} efla_results;

/* Reads the rows of the table's last epoch; columns method, keys, lr, seed, epoch, perturbation, level, accuracy.
 * path: the table's name for messages; the table must outlive results.  Fails with EFLA_INPUT (a missing column, an
 * invalid number or one out of range, two rows for one accuracy, no rows, a table with hardly any of the combinations)
 * or EFLA_NO_MEMORY; results is then zeroed. */
efla_status efla_results_init(efla_results *results, const efla_csv *table, const char *path, efla_message *why);
void efla_results_clear(efla_results *results);

/* Index of a variant; results->variants if there is none. */
size_t efla_results_find(const efla_results *results, efla_variant variant);

/* An accuracy; nan where variant = results->variants. */
double efla_results_at(const efla_results *results, size_t variant, size_t condition, size_t seed);

/* How many of a variant's accuracies, one per seed and condition, means included, are missing. */
size_t efla_results_missing(const efla_results *results, size_t variant);

#endif
