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

typedef struct efla_outcomes {
  size_t variants, conditions, seeds;
  efla_variant *variant;     /* (variants), by name and rate; their texts are the table's */
  efla_condition *condition; /* (conditions), by name and level, so that the mean over levels is the last of its perturbation */
  double *seed;              /* (seeds), rising */
  double *accuracy; /* (variants, conditions, seeds), 0 ... 1; nan where the table has none, also where a mean lacks a level */
} efla_outcomes;

/* The rows of the table's last epoch; columns method, keys, lr, seed, epoch, perturbation, level, accuracy.  path names the table
 * in messages; the table must outlive outcomes.  Fails with EFLA_INPUT (a column that is missing, a number that is none or outside
 * its range, two rows for one accuracy, no rows, a table that is nearly all gaps) or EFLA_MEMORY, and then outcomes is zeroed. */
efla_status efla_outcomes_init(efla_outcomes *outcomes, const efla_csv *table, const char *path, efla_message *why);
void efla_outcomes_clear(efla_outcomes *outcomes);

/* Index of a variant; outcomes->variants if there is none. */
size_t efla_outcomes_find(const efla_outcomes *outcomes, efla_variant variant);

/* nan for a variant that there is none of. */
double efla_outcomes_at(const efla_outcomes *outcomes, size_t variant, size_t condition, size_t seed);

/* How many of a variant's accuracies, one per seed and condition, means included, the table lacks. */
size_t efla_outcomes_missing(const efla_outcomes *outcomes, size_t variant);

#endif
