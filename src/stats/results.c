/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/results.h"

#include "stats/rates.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A row of the table that counts. */
typedef struct record {
  efla_variant variant;
  efla_condition condition;
  double seed, along, value;
} record;

static int by_number(double a, double b) { return (a > b) - (a < b); }

static int by_variant(const void *a, const void *b) { return efla_variant_compare(a, b); }

static int by_condition(const void *a, const void *b) {
  const efla_condition *x = a, *y = b;
  int order = (x->measure > y->measure) - (x->measure < y->measure);
  if (order == 0 && x->measure->mean_of_names) order = (isinf(x->level) != 0) - (isinf(y->level) != 0);
  if (order == 0) order = strcmp(x->name, y->name);
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

/* The table that is read, and where messages about it go. */
typedef struct source {
  const efla_csv *table;
  const efla_table_kind *kind;
  double only_rate; /* 0: all count */
  const char *path;
  efla_message *why;
} source;

static efla_status need_column(const source *s, const char *name) {
  if (!name || efla_csv_column(s->table, name) < s->table->columns) return EFLA_OK;
  return efla_fail(s->why, EFLA_INPUT, "%s: no column '%s'", s->path, name);
}

static const char *text_of(const source *s, size_t row, const char *column) {
  const size_t at = efla_csv_column(s->table, column);
  return at < s->table->columns ? s->table->cells[row * s->table->columns + at] : NULL;
}

/* Stores the number of a cell, in its range. */
static efla_status read_number(const source *s, size_t row, const char *column, double least, double most, bool nan_too,
                               double *number) {
  char *end;
  const char *text = text_of(s, row, column);
  *number = strtod(text, &end);
  const bool valid = (*number >= least && *number <= most) || (nan_too && isnan(*number));
  if (end != text && !*end && valid) return EFLA_OK;
  return efla_fail(s->why, EFLA_INPUT, "%s: row %zu: %s is '%s', expected a number from %g to %g", s->path, row + 1,
                   column, text, least, most);
}

static efla_status read_record(const source *s, size_t row, const efla_measure *m, record *r) {
  r->variant = (efla_variant){text_of(s, row, "mixer"),
                              text_of(s, row, "decay"),
                              text_of(s, row, "beta"),
                              NAN,
                              text_of(s, row, "method"),
                              text_of(s, row, "keys"),
                              NAN};
  r->condition = (efla_condition){m, m->name ? text_of(s, row, m->name) : m->study, 0};
  const struct {
    const char *column;
    double least, most;
    double *to;
  } numbers[] = {{"lr", DBL_MIN, DBL_MAX, &r->variant.lr},
                 {"width", 0, DBL_MAX, &r->variant.width},
                 {"seed", 0, DBL_MAX, &r->seed},
                 {s->kind->along, 0, DBL_MAX, &r->along},
                 {m->level, -DBL_MAX, DBL_MAX, &r->condition.level},
                 {m->value, 0, m->most, &r->value}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    if (!numbers[i].column || !text_of(s, row, numbers[i].column)) continue;
    efla_status status = read_number(s, row, numbers[i].column, numbers[i].least, numbers[i].most,
                                     s->kind->diverges && numbers[i].to == &r->value, numbers[i].to);
    if (status != EFLA_OK) return status;
  }
  return EFLA_OK;
}

static efla_status check_columns(const source *s) {
  const char *const names[] = {"method", "keys", "lr", "seed", s->kind->along, s->kind->whole};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (need_column(s, names[i]) != EFLA_OK) return EFLA_INPUT;
  for (const efla_measure *m = s->kind->measures; m->study; m++)
    if (need_column(s, m->name) != EFLA_OK || need_column(s, m->level) != EFLA_OK ||
        need_column(s, m->value) != EFLA_OK)
      return EFLA_INPUT;
  return EFLA_OK;
}

/* Reads all rows that have a measure and keeps those of the end of training. */
static efla_status read_records(const source *s, record *records, size_t *n) {
  double last = -INFINITY;
  size_t read = 0;
  efla_status status = check_columns(s);
  if (status != EFLA_OK) return status;
  for (size_t row = 0; row < s->table->rows; row++) {
    const efla_measure *m = efla_table_measure(s->kind, s->table, row);
    if (!m) continue;
    status = read_record(s, row, m, &records[read]);
    if (status != EFLA_OK) return status;
    last = fmax(last, records[read++].along);
  }
  *n = 0;
  for (size_t r = 0; r < read; r++)
    if (records[r].along == last && (s->only_rate == 0 || records[r].variant.lr == s->only_rate))
      records[(*n)++] = records[r];
  if (*n) return EFLA_OK;
  if (read) return efla_fail(s->why, EFLA_INPUT, "%s: no models of learning rate %g", s->path, s->only_rate);
  return efla_fail(s->why, EFLA_INPUT, "%s: no rows of trained models", s->path);
}

static size_t index_of(const void *item, const void *list, size_t n, size_t size,
                       int (*compare)(const void *a, const void *b)) {
  const char *found = bsearch(item, list, n, size, compare);
  return found ? (size_t)(found - (const char *)list) / size : n;
}

static size_t place(const efla_results *o, size_t variant, size_t condition, size_t seed) {
  return (variant * o->conditions + condition) * o->seeds + seed;
}

static efla_status fill(efla_results *o, const record *records, size_t n, const source *s) {
  for (size_t r = 0; r < n; r++) {
    const record *x = &records[r];
    const size_t to = place(o, efla_results_find(o, x->variant),
                            index_of(&x->condition, o->condition, o->conditions, sizeof x->condition, by_condition),
                            index_of(&x->seed, o->seed, o->seeds, sizeof x->seed, by_seed));
    if (!isnan(o->value[to]) || o->diverged[to]) {
      char variant[EFLA_VARIANT_TEXT];
      efla_variant_print(variant, x->variant);
      return efla_fail(s->why, EFLA_INPUT, "%s: two rows of %s, seed %g, %s %g, %s %g: expected one", s->path, variant,
                       x->seed, o->kind->along, x->along, x->condition.name, x->condition.level);
    }
    o->value[to] = x->value, o->diverged[to] = isnan(x->value);
  }
  return EFLA_OK;
}

/* Where one model is measured on all conditions, it diverged if none of its values is finite; others that are nan could
 * not be measured. */
static void tell_divergence(efla_results *o) {
  for (size_t i = 0; i < o->variants * o->seeds && !o->kind->each_trains; i++) {
    bool finite = false;
    for (size_t c = 0; c < o->conditions; c++) finite |= !isnan(o->value[place(o, i / o->seeds, c, i % o->seeds)]);
    for (size_t c = 0; c < o->conditions && finite; c++) o->diverged[place(o, i / o->seeds, c, i % o->seeds)] = false;
  }
}

/* Fills condition c from those of [first, c) that are no means themselves. */
static void average_of(efla_results *o, size_t first, size_t c) {
  for (size_t i = 0; i < o->variants * o->seeds; i++) {
    const size_t v = i / o->seeds, s = i % o->seeds, to = place(o, v, c, s);
    double sum = 0, levels = 0;
    for (size_t level = first; level < c; level++) {
      if (isinf(o->condition[level].level)) continue;
      sum += o->value[place(o, v, level, s)], levels++;
      o->diverged[to] |= o->diverged[place(o, v, level, s)];
    }
    o->value[to] = sum / levels;
  }
}

/* Fills the means, which come after what they are of. */
static void average(efla_results *o) {
  for (size_t c = 0, name = 0, measure = 0; c < o->conditions; c++) {
    const efla_condition *at = &o->condition[c];
    if (c && at->measure != at[-1].measure) measure = c;
    if (c && (at->measure != at[-1].measure || strcmp(at->name, at[-1].name) != 0)) name = c;
    if (isinf(at->level)) average_of(o, at->measure->mean_of_names ? measure : name, c);
  }
}

/* Lists the distinct variants, conditions and seeds. */
static void list(efla_results *o, const record *records, size_t n) {
  size_t conditions = 0;
  for (size_t r = 0; r < n; r++) {
    efla_condition at = records[r].condition;
    o->variant[r] = records[r].variant, o->seed[r] = records[r].seed;
    o->condition[conditions++] = at;
    if (!at.measure->mean && !at.measure->mean_of_names) continue;
    at.level = INFINITY;
    if (at.measure->mean_of_names) at.name = "all";
    o->condition[conditions++] = at;
  }
  o->variants = distinct(o->variant, n, sizeof *o->variant, by_variant);
  o->conditions = distinct(o->condition, conditions, sizeof *o->condition, by_condition);
  o->seeds = distinct(o->seed, n, sizeof *o->seed, by_seed);
}

/* Allocates and fills the arrays from the records. */
static efla_status arrange(efla_results *o, const record *records, size_t n, const source *s) {
  assert(n > 0);
  o->variant = calloc(n, sizeof *o->variant);
  o->condition = calloc(2 * n, sizeof *o->condition);
  o->seed = calloc(n, sizeof *o->seed);
  if (!o->variant || !o->condition || !o->seed) return efla_fail_memory(s->why);
  list(o, records, n);
  /* A study fills most of the array.  A table that fills less than a hundredth is refused: it could need far more
   * memory than the file has. */
  if ((double)o->variants * (double)o->conditions * (double)o->seeds > 100 * (double)n)
    return efla_fail(s->why, EFLA_INPUT,
                     "%s: %zu rows for %zu models, %zu conditions, %zu seeds: expected most "
                     "combinations",
                     s->path, n, o->variants, o->conditions, o->seeds);
  const size_t values = o->variants * o->conditions * o->seeds;
  o->value = calloc(values, sizeof *o->value);
  o->diverged = calloc(values, sizeof *o->diverged);
  o->rate = calloc(o->variants * o->conditions, sizeof *o->rate);
  if (!o->value || !o->diverged || !o->rate) return efla_fail_memory(s->why);
  for (size_t i = 0; i < values; i++) o->value[i] = NAN;
  for (size_t i = 0; i < o->variants * o->conditions; i++) o->rate[i] = NAN;
  efla_status status = fill(o, records, n, s);
  if (status != EFLA_OK) return status;
  tell_divergence(o);
  if (!o->rate_is_factor) status = efla_rates_choose(o, s->path, s->why);
  if (status == EFLA_OK) average(o);
  return status;
}

efla_status efla_results_init(efla_results *o, const efla_csv *table, bool rate_is_factor, double only_rate,
                              const char *path, efla_message *why) {
  const source s = {table, efla_table_kind_of(table), only_rate, path, why};
  *o = (efla_results){.kind = s.kind, .only_rate = only_rate};
  size_t n = 0;
  if (!s.kind) return efla_fail(why, EFLA_INPUT, "%s: expected a table of smnist, lm, recall or mad", path);
  o->rate_is_factor = rate_is_factor || s.kind->rate_is_factor;
  if (only_rate > 0 && o->rate_is_factor)
    return efla_fail(why, EFLA_INPUT, "%s: the learning rate is a factor, and models of one rate are asked for", path);
  record *records = calloc(table->rows + 1, sizeof *records);
  efla_status status = records ? read_records(&s, records, &n) : efla_fail_memory(why);
  if (status == EFLA_OK) status = arrange(o, records, n, &s);
  free(records);
  if (status != EFLA_OK) efla_results_clear(o);
  return status;
}

void efla_results_clear(efla_results *o) {
  free(o->variant);
  free(o->condition);
  free(o->seed);
  free(o->value);
  free(o->diverged);
  free(o->rate);
  free(o->tried);
  free(o->choices);
  *o = (efla_results){0};
}

size_t efla_results_find(const efla_results *o, efla_variant variant) {
  return index_of(&variant, o->variant, o->variants, sizeof variant, by_variant);
}

double efla_results_at(const efla_results *o, size_t variant, size_t condition, size_t seed) {
  return variant < o->variants ? o->value[place(o, variant, condition, seed)] : NAN;
}

bool efla_results_diverged(const efla_results *o, size_t variant, size_t condition, size_t seed) {
  return variant < o->variants && o->diverged[place(o, variant, condition, seed)];
}

size_t efla_results_missing(const efla_results *o, size_t variant) {
  size_t missing = 0;
  for (size_t i = 0; i < o->conditions * o->seeds; i++) {
    const char *keys = o->condition[i / o->seeds].measure->keys;
    if (keys && strcmp(keys, o->variant[variant].keys) != 0) continue;
    missing += isnan(o->value[place(o, variant, 0, i)]) && !o->diverged[place(o, variant, 0, i)] ? 1 : 0;
  }
  return missing;
}
