/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/rates.h"

#include "base/memory_stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rates of one config: variants first ... first + n - 1, looked at in one condition. */
typedef struct choice {
  size_t first, n, condition;
  size_t fewest; /* seeds of a rate that is looked at */
  size_t shared; /* seeds that all of these have; 0: each is judged by its own */
  size_t best;   /* variant */
} choice;

static bool has(const efla_results *o, size_t v, size_t c, size_t s) {
  return !isnan(efla_results_at(o, v, c, s)) || efla_results_diverged(o, v, c, s);
}

static size_t seeds_of(const efla_results *o, const choice *x, size_t v) {
  size_t n = 0;
  for (size_t s = 0; s < o->seeds; s++) n += has(o, v, x->condition, s) ? 1 : 0;
  return n;
}

static bool is_shared(const efla_results *o, const choice *x, size_t s) {
  for (size_t v = x->first; v < x->first + x->n; v++)
    if (seeds_of(o, x, v) >= x->fewest && !has(o, v, x->condition, s)) return false;
  return true;
}

/* Share of diverged models and mean response of the others, negative where a smaller one is better. */
static void judge(const efla_results *o, const choice *x, size_t v, double *lost, double *good) {
  size_t runs = 0, finite = 0;
  double sum = 0;
  *lost = 0;
  for (size_t s = 0; s < o->seeds; s++) {
    if (!has(o, v, x->condition, s) || (x->shared && !is_shared(o, x, s))) continue;
    runs++;
    if (efla_results_diverged(o, v, x->condition, s))
      ++*lost;
    else
      sum += efla_results_at(o, v, x->condition, s), finite++;
  }
  *lost = runs ? *lost / (double)runs : INFINITY;
  *good = finite ? sum / (double)finite * (o->condition[x->condition].measure->larger ? 1 : -1) : -INFINITY;
}

/* Chooses among the rates that have as many seeds. */
static void choose_from(const efla_results *o, choice *x, size_t fewest) {
  double least = INFINITY, best = -INFINITY;
  x->shared = 0, x->best = x->first, x->fewest = fewest;
  for (size_t s = 0; s < o->seeds; s++) x->shared += is_shared(o, x, s) ? 1 : 0;
  for (size_t v = x->first; v < x->first + x->n; v++) {
    double lost, good;
    if (seeds_of(o, x, v) < fewest) continue;
    judge(o, x, v, &lost, &good);
    if (lost < least || (lost == least && good > best)) least = lost, best = good, x->best = v;
  }
}

/* Chooses, and returns how many rates there were to choose from: not those of which the study tried a few seeds only. */
static size_t choose(const efla_results *o, choice *x) {
  size_t most = 0, full = 0;
  for (size_t v = x->first; v < x->first + x->n; v++) most = seeds_of(o, x, v) > most ? seeds_of(o, x, v) : most;
  for (size_t v = x->first; v < x->first + x->n; v++) full += 3 * seeds_of(o, x, v) >= 2 * most ? 1 : 0;
  choose_from(o, x, (2 * most + 2) / 3);
  return full;
}

/* A line for a choice among so many; `all`: for all conditions. */
static void tell(FILE *file, const efla_results *o, const choice *x, size_t full, bool all) {
  char text[EFLA_VARIANT_TEXT];
  efla_variant v = o->variant[x->best];
  const efla_condition *c = &o->condition[x->condition];
  choice every = *x;
  v.lr = NAN;
  efla_variant_print(text, v);
  fprintf(file, "%s%s%s: lr %g of", text, all ? "" : ", ", all ? "" : c->name, o->variant[x->best].lr);
  for (size_t i = x->first; i < x->first + x->n; i++)
    fprintf(file, " %g (%zu seeds)", o->variant[i].lr, seeds_of(o, x, i));
  if (full == 1)
    fprintf(file, ", the one with most seeds");
  else if (x->shared)
    fprintf(file, ", by %s of %s %g over %zu common seeds, which are among those of the effects", c->measure->value,
            c->name, c->level, x->shared);
  else
    fprintf(file, ", by %s of %s %g over each rate's own seeds, which are those of the effects", c->measure->value,
            c->name, c->level);
  choose_from(o, &every, 0);
  if (full < x->n && every.best != x->best && every.shared)
    fprintf(file, "; lr %g is better over %zu common seeds", o->variant[every.best].lr, every.shared);
  fprintf(file, "\n");
}

/* Moves the values of the best rate to variant `to`. */
static void keep(efla_results *o, const choice *x, size_t to, size_t c) {
  const size_t n = o->conditions * o->seeds;
  memmove(&o->value[to * n + c * o->seeds], &o->value[x->best * n + c * o->seeds], o->seeds * sizeof *o->value);
  memmove(&o->diverged[to * n + c * o->seeds], &o->diverged[x->best * n + c * o->seeds],
          o->seeds * sizeof *o->diverged);
  o->rate[to * o->conditions + c] = o->variant[x->best].lr;
}

/* The condition by which the kind chooses; o->conditions: none. */
static size_t chooser(const efla_results *o) {
  size_t c = 0;
  while (c < o->conditions && strcmp(o->condition[c].name, o->kind->chosen_by) != 0) c++;
  return c;
}

static efla_status choose_config(efla_results *o, choice *x, size_t to, FILE *file, const char *path,
                                 efla_message *why) {
  const bool all = o->kind->chosen_by != NULL;
  if (all) x->condition = chooser(o);
  x->best = x->first;
  if (all && x->n > 1) {
    if (x->condition == o->conditions)
      return efla_fail(why, EFLA_INPUT, "%s: no rows of %s, by which learning rates are chosen", path,
                       o->kind->chosen_by);
    tell(file, o, x, choose(o, x), true);
  }
  for (size_t c = 0; c < o->conditions; c++) {
    if (isinf(o->condition[c].level)) continue;
    x->condition = c;
    if (!all && x->n > 1) tell(file, o, x, choose(o, x), false);
    keep(o, x, to, c);
  }
  o->variant[to] = o->variant[x->first];
  return EFLA_OK;
}

/* The rate of a mean is that of all that it is of, if they agree. */
static void rates_of_means(efla_results *o) {
  for (size_t v = 0; v < o->variants; v++)
    for (size_t c = 0, first = 0; c < o->conditions; c++) {
      double *rate = &o->rate[v * o->conditions];
      if (c && o->condition[c].measure != o->condition[c - 1].measure) first = c;
      if (!isinf(o->condition[c].level)) continue;
      rate[c] = rate[first];
      for (size_t i = first; i < c; i++)
        if (isfinite(o->condition[i].level) && rate[i] != rate[first]) rate[c] = NAN;
    }
}

/* Lists what was tried, before one of the rates is chosen. */
static efla_status list_tried(efla_results *o, efla_message *why) {
  const size_t conditions = o->kind->each_trains ? o->conditions : 1;
  o->tried = calloc(o->variants * conditions, sizeof *o->tried);
  if (!o->tried) return efla_fail_memory(why);
  for (size_t v = 0; v < o->variants; v++)
    for (size_t c = 0; c < conditions; c++) {
      efla_tried t = {o->variant[v], c, 0, 0};
      for (size_t s = 0; s < o->seeds; s++) t.seeds += has(o, v, c, s), t.diverged += efla_results_diverged(o, v, c, s);
      if (t.seeds) o->tried[o->n_tried++] = t;
    }
  return EFLA_OK;
}

efla_status efla_rates_choose(efla_results *o, const char *path, efla_message *why) {
  size_t length, to = 0;
  FILE *file = efla_memory_stream(&o->choices, &length);
  efla_status status = file ? list_tried(o, why) : efla_fail_memory(why);
  for (choice x = {.n = 0}; x.first + x.n < o->variants && status == EFLA_OK; to++) {
    x.first += x.n, x.n = 0;
    const efla_variant *v = &o->variant[x.first];
    while (x.first + x.n < o->variants && efla_variant_same_stratum(v[x.n], *v) && !strcmp(v[x.n].method, v->method) &&
           !strcmp(v[x.n].keys, v->keys))
      x.n++;
    status = choose_config(o, &x, to, file, path, why);
  }
  if (file && !efla_memory_stream_close(file)) status = efla_fail_memory(why);
  if (status != EFLA_OK) return status;
  for (size_t v = 0; v < to; v++) o->variant[v].lr = NAN;
  o->variants = to;
  rates_of_means(o);
  return EFLA_OK;
}
