/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/results.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { METHOD, KEYS, LR, SEED, EPOCH, PERTURBATION, LEVEL, ACCURACY, COLUMNS };

static const struct column {
  const char *name;
  double least, most; /* its range; both 0: a text */
} columns[COLUMNS] = {
    [METHOD] = {.name = "method"},          [KEYS] = {.name = "keys"},       [LR] = {"lr", DBL_MIN, DBL_MAX},
    [SEED] = {"seed", 0, DBL_MAX},          [EPOCH] = {"epoch", 0, DBL_MAX}, [PERTURBATION] = {.name = "perturbation"},
    [LEVEL] = {"level", -DBL_MAX, DBL_MAX}, [ACCURACY] = {"accuracy", 0, 1},
};

/* A row of the table. */
typedef struct record {
  efla_variant variant;
  efla_condition condition;
  double seed, epoch, accuracy;
} record;

static int by_number(double a, double b) { return (a > b) - (a < b); }

static int by_variant(const void *a, const void *b) {
  const efla_variant *x = a, *y = b;
  int order = strcmp(x->method, y->method);
  if (order == 0) order = strcmp(x->keys, y->keys);
  return order ? order : by_number(x->lr, y->lr);
}

static int by_condition(const void *a, const void *b) {
  const efla_condition *x = a, *y = b;
  int order = strcmp(x->perturbation, y->perturbation);
  return order ? order : by_number(x->level, y->level);
}

static int by_seed(const void *a, const void *b) { return by_number(*(const double *)a, *(const double *)b); }

/* Sorts n items of `size` bytes and removes duplicates; returns how many are left. */
static size_t distinct(void *list, size_t n, size_t size, int (*compare)(const void *a, const void *b)) {
  char *items = list;
  size_t kept = 0;
  qsort(list, n, size, compare);
  for (size_t i = 0; i < n; i++)
    if (kept == 0 || compare(items + (kept - 1) * size, items + i * size) != 0)
      memmove(items + kept++ * size, items + i * size, size);
  return kept;
}

static efla_status read_record(const efla_csv *table, const char *path, size_t row, const size_t *at, record *r,
                               efla_message *why) {
  double number[COLUMNS] = {0};
  char *const *cells = table->cells + row * table->columns;
  for (size_t c = 0; c < COLUMNS; c++) {
    const struct column *column = &columns[c];
    if (column->most == 0) continue;
    char *end;
    const char *text = cells[at[c]];
    number[c] = strtod(text, &end);
    if (end == text || *end || !(number[c] >= column->least && number[c] <= column->most))
      return efla_fail(why, EFLA_INPUT, "%s: row %zu: %s is '%s', expected a number from %g to %g", path, row + 1,
                       column->name, text, column->least, column->most);
  }
  *r = (record){{cells[at[METHOD]], cells[at[KEYS]], number[LR]},
                {cells[at[PERTURBATION]], number[LEVEL]},
                number[SEED],
                number[EPOCH],
                number[ACCURACY]};
  return EFLA_OK;
}

/* Reads all rows and keeps those of the last epoch. */
static efla_status read_records(const efla_csv *table, const char *path, record *records, size_t *n,
                                efla_message *why) {
  size_t at[COLUMNS];
  double last = -INFINITY;
  for (size_t c = 0; c < COLUMNS; c++) {
    at[c] = efla_csv_column(table, columns[c].name);
    if (at[c] == table->columns) return efla_fail(why, EFLA_INPUT, "%s: no column '%s'", path, columns[c].name);
  }
  if (table->rows == 0) return efla_fail(why, EFLA_INPUT, "%s: no rows", path);
  for (size_t r = 0; r < table->rows; r++) {
    efla_status status = read_record(table, path, r, at, &records[r], why);
    if (status != EFLA_OK) return status;
    last = fmax(last, records[r].epoch);
  }
  *n = 0;
  for (size_t r = 0; r < table->rows; r++)
    if (records[r].epoch == last) records[(*n)++] = records[r];
  return EFLA_OK;
}

static double *place(const efla_results *o, size_t variant, size_t condition, size_t seed) {
  return &o->accuracy[(variant * o->conditions + condition) * o->seeds + seed];
}

static size_t index_of(const void *item, const void *list, size_t n, size_t size,
                       int (*compare)(const void *a, const void *b)) {
  const char *found = bsearch(item, list, n, size, compare);
  return found ? (size_t)(found - (const char *)list) / size : n;
}

static efla_status fill(efla_results *o, const record *records, size_t n, const char *path, efla_message *why) {
  for (size_t r = 0; r < n; r++) {
    const record *x = &records[r];
    double *to = place(o, efla_results_find(o, x->variant),
                       index_of(&x->condition, o->condition, o->conditions, sizeof x->condition, by_condition),
                       index_of(&x->seed, o->seed, o->seeds, sizeof x->seed, by_seed));
    if (!isnan(*to))
      return efla_fail(why, EFLA_INPUT, "%s: two rows of %s, keys %s, lr %g, seed %g, epoch %g, %s %g: expected one",
                       path, x->variant.method, x->variant.keys, x->variant.lr, x->seed, x->epoch,
                       x->condition.perturbation, x->condition.level);
    *to = x->accuracy;
  }
  return EFLA_OK;
}

/* Fills the means over the levels of each perturbation, whose levels come before the mean. */
static void average(efla_results *o) {
  for (size_t c = 0, first = 0; c < o->conditions; c++) {
    if (!isinf(o->condition[c].level)) continue;
    for (size_t i = 0; i < o->variants * o->seeds; i++) {
      size_t v = i / o->seeds, s = i % o->seeds;
      double sum = 0;
      for (size_t level = first; level < c; level++) sum += *place(o, v, level, s);
      *place(o, v, c, s) = sum / (double)(c - first);
    }
    first = c + 1;
  }
}

/* Allocates and fills the arrays from the records. */
static efla_status arrange(efla_results *o, const record *records, size_t n, const char *path, efla_message *why) {
  assert(n > 0);
  o->variant = calloc(n, sizeof *o->variant);
  o->condition = calloc(2 * n, sizeof *o->condition);
  o->seed = calloc(n, sizeof *o->seed);
  if (!o->variant || !o->condition || !o->seed) return efla_fail_memory(why);
  for (size_t r = 0; r < n; r++) {
    o->variant[r] = records[r].variant, o->seed[r] = records[r].seed;
    o->condition[2 * r] = o->condition[2 * r + 1] = records[r].condition;
    o->condition[2 * r].level = INFINITY;
  }
  o->variants = distinct(o->variant, n, sizeof *o->variant, by_variant);
  o->conditions = distinct(o->condition, 2 * n, sizeof *o->condition, by_condition);
  o->seeds = distinct(o->seed, n, sizeof *o->seed, by_seed);
  /* A study fills most of the array.  A table that fills less than a hundredth is refused: it could need far more
   * memory than the file has. */
  if ((double)o->variants * (double)o->conditions * (double)o->seeds > 100 * (double)n)
    return efla_fail(why, EFLA_INPUT,
                     "%s: %zu rows for %zu models, %zu perturbations and levels, %zu seeds: expected most combinations",
                     path, n, o->variants, o->conditions, o->seeds);
  o->accuracy = calloc(o->variants * o->conditions * o->seeds, sizeof *o->accuracy);
  if (!o->accuracy) return efla_fail_memory(why);
  for (size_t i = 0; i < o->variants * o->conditions * o->seeds; i++) o->accuracy[i] = NAN;
  efla_status status = fill(o, records, n, path, why);
  if (status == EFLA_OK) average(o);
  return status;
}

efla_status efla_results_init(efla_results *o, const efla_csv *table, const char *path, efla_message *why) {
  *o = (efla_results){0};
  size_t n = 0;
  record *records = calloc(table->rows + 1, sizeof *records);
  efla_status status = records ? read_records(table, path, records, &n, why) : efla_fail_memory(why);
  if (status == EFLA_OK) status = arrange(o, records, n, path, why);
  free(records);
  if (status != EFLA_OK) efla_results_clear(o);
  return status;
}

void efla_results_clear(efla_results *o) {
  free(o->variant);
  free(o->condition);
  free(o->seed);
  free(o->accuracy);
  *o = (efla_results){0};
}

size_t efla_results_find(const efla_results *o, efla_variant variant) {
  return index_of(&variant, o->variant, o->variants, sizeof variant, by_variant);
}

double efla_results_at(const efla_results *o, size_t variant, size_t condition, size_t seed) {
  return variant < o->variants ? *place(o, variant, condition, seed) : NAN;
}

size_t efla_results_missing(const efla_results *o, size_t variant) {
  size_t missing = 0;
  for (size_t i = 0; i < o->conditions * o->seeds; i++)
    missing += isnan(*place(o, variant, i / o->seeds, i % o->seeds)) ? 1 : 0;
  return missing;
}
