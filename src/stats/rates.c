/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/rates.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rates of one config: variants first ... first + n - 1, looked at in one condition. */
typedef struct choice {
  size_t first, n, condition;
  size_t shared; /* seeds that all rates have; 0: each is judged by its own */
  size_t best;   /* variant */
} choice;

static bool has(const efla_results *o, size_t v, size_t c, size_t s) {
  return !isnan(efla_results_at(o, v, c, s)) || efla_results_diverged(o, v, c, s);
}

static bool is_shared(const efla_results *o, const choice *x, size_t s) {
  for (size_t v = x->first; v < x->first + x->n; v++)
    if (!has(o, v, x->condition, s)) return false;
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

static void choose(const efla_results *o, choice *x) {
  double least = INFINITY, best = -INFINITY;
  x->shared = 0, x->best = x->first;
  for (size_t s = 0; s < o->seeds; s++) x->shared += is_shared(o, x, s);
  for (size_t v = x->first; v < x->first + x->n; v++) {
    double lost, good;
    judge(o, x, v, &lost, &good);
    if (lost < least || (lost == least && good > best)) least = lost, best = good, x->best = v;
  }
}

/* A line for a choice; all conditions have it where `all`. */
static void tell(FILE *file, const efla_results *o, const choice *x, bool all) {
  char text[EFLA_VARIANT_TEXT];
  efla_variant v = o->variant[x->best];
  const efla_condition *c = &o->condition[x->condition];
  size_t used = 0;
  for (size_t s = 0; s < o->seeds; s++) used += has(o, x->best, x->condition, s);
  v.lr = NAN;
  efla_variant_print(text, v);
  fprintf(file, "%s%s%s: lr %g of", text, all ? "" : ", ", all ? "" : c->name, o->variant[x->best].lr);
  for (size_t i = x->first; i < x->first + x->n; i++) fprintf(file, " %g", o->variant[i].lr);
  fprintf(file, ", by %s of %s %g over ", c->measure->value, c->name, c->level);
  if (x->shared)
    fprintf(file, "%zu common seed%s; they are among the %zu of the effects\n", x->shared, x->shared == 1 ? "" : "s",
            used);
  else
    fprintf(file, "each rate's own seeds, as none has all; they are those of the effects\n");
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
    choose(o, x), tell(file, o, x, true);
  }
  for (size_t c = 0; c < o->conditions; c++) {
    if (isinf(o->condition[c].level)) continue;
    x->condition = c;
    if (!all && x->n > 1) choose(o, x), tell(file, o, x, false);
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

efla_status efla_rates_choose(efla_results *o, const char *path, efla_message *why) {
  size_t length, to = 0;
  FILE *file = open_memstream(&o->choices, &length);
  efla_status status = file ? EFLA_OK : efla_fail_memory(why);
  for (choice x = {.n = 0}; x.first + x.n < o->variants && status == EFLA_OK; to++) {
    x.first += x.n, x.n = 0;
    const efla_variant *v = &o->variant[x.first];
    while (x.first + x.n < o->variants && efla_variant_same_stratum(v[x.n], *v) && !strcmp(v[x.n].method, v->method) &&
           !strcmp(v[x.n].keys, v->keys))
      x.n++;
    status = choose_config(o, &x, to, file, path, why);
  }
  if (file && fclose(file) != 0) status = efla_fail_memory(why);
  if (status != EFLA_OK) return status;
  for (size_t v = 0; v < to; v++) o->variant[v].lr = NAN;
  o->variants = to;
  rates_of_means(o);
  return EFLA_OK;
}
