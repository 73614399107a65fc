/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How good trained models are: the table of a study (stats/table_kind.h) as an array. */
#ifndef EFLA_STATS_RESULTS_H
#define EFLA_STATS_RESULTS_H

#include "stats/table_kind.h"

/* The options of a training except the seed; NULL and nan: the table has no such column. */
typedef struct efla_variant {
  const char *mixer, *decay, *beta;
  double width;
  const char *method, *keys;
  double lr; /* nan too where the rate is no factor, see efla_results.rate */
} efla_variant;

extern const efla_variant efla_variant_none; /* NULL and nan */

/* What a model is measured on. */
typedef struct efla_condition {
  const efla_measure *measure;
  const char *name;
  double level; /* inf: the mean over all levels of the name, or of all names */
} efla_condition;

/* How many models diverged of a config at a learning rate; the condition is the first where one model has all. */
typedef struct efla_tried {
  efla_variant variant;
  size_t condition, seeds, diverged;
} efla_tried;

typedef struct efla_results {
  const efla_table_kind *kind;
  bool rate_is_factor;
  double only_rate; /* the learning rate at which all models are compared; 0: each at its own, or a factor */
  size_t variants, conditions, seeds;
  efla_variant *variant;     /* (variants), sorted member by member; strings belong to the table */
  efla_condition *condition; /* (conditions), sorted by measure, name and level: the mean over levels comes last */
  double *seed;              /* (seeds), increasing */
  double *value;  /* (variants, conditions, seeds); nan: missing, diverged, or a mean with a level that is so */
  bool *diverged; /* the same; of a mean: one of the models did */
  double *rate;   /* (variants, conditions): the learning rate that was chosen; nan: a factor, or of a mean several */
  efla_tried *tried; /* (n_tried): every config and rate of the table, sorted; NULL where rates are a factor */
  size_t n_tried;
  char *choices; /* lines that say which rates were chosen, and from what; NULL where rates are a factor */
} efla_results;

/* Reads the rows that count of a table of one of the kinds; columns method, keys, lr, seed, those that the kind names,
 * and of mixer, decay, beta and width those that are there.  rate_is_factor: also where the kind says otherwise; where
 * it is none, one learning rate is chosen for each variant (stats/rates.h).  only_rate > 0: models of other rates are
 * left out, where the rate is none.  path: the table's name for messages; the
 * table must outlive results.  Fails with EFLA_INPUT (a table of another program, a missing column, an invalid number or
 * one out of range, two rows for one value, no rows, only_rate where the rate is a factor, a table with hardly
 * any of the combinations) or EFLA_NO_MEMORY; results is then zeroed. */
efla_status efla_results_init(efla_results *results, const efla_csv *table, bool rate_is_factor, double only_rate,
                              const char *path, efla_message *why);
void efla_results_clear(efla_results *results);

/* Index of a variant; results->variants if there is none. */
size_t efla_results_find(const efla_results *results, efla_variant variant);

/* A value; nan where variant = results->variants. */
double efla_results_at(const efla_results *results, size_t variant, size_t condition, size_t seed);
bool efla_results_diverged(const efla_results *results, size_t variant, size_t condition, size_t seed);

/* How many of a variant's values, one per seed and condition, means included, are missing and not because it
 * diverged. */
size_t efla_results_missing(const efla_results *results, size_t variant);

/* "METHOD, keys KEYS, lr R" and what else the table has; room for EFLA_VARIANT_TEXT bytes. */
enum { EFLA_VARIANT_TEXT = 256 };
void efla_variant_print(char *text, efla_variant variant);

/* < 0, 0, > 0 as a comes before b; the same except for method, keys and lr. */
int efla_variant_compare(const efla_variant *a, const efla_variant *b);
bool efla_variant_same_stratum(efla_variant a, efla_variant b);

#endif
