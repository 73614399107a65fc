/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/effect_rows.h"

#include "stats/power.h"

#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A new row, of which nothing is known yet; NULL: no memory. */
static efla_effect *append(efla_effect_rows *rows, const efla_effect *label, size_t condition) {
  efla_effects *effects = rows->effects;
  if (effects->n == effects->room) {
    const size_t room = 2 * effects->room + 64;
    efla_effect *more = rows->status == EFLA_OK ? realloc(effects->row, room * sizeof *more) : NULL;
    if (!more) {
      rows->status = EFLA_NO_MEMORY;
      return NULL;
    }
    effects->row = more, effects->room = room;
  }
  efla_effect *e = &effects->row[effects->n++];
  *e = *label;
  e->condition = rows->results->condition[condition];
  e->interval = (efla_interval){NAN, NAN, NAN};
  e->rate = e->rate_against = e->sd = e->seen_from = e->seeds_for = e->p = e->p_holm = NAN;
  return e;
}

static void summarise(efla_effect *e, const double *values) {
  if (e->seeds > 0) efla_student_mean(values, e->seeds, &e->interval);
  if (e->seeds > 1) e->sd = gsl_stats_sd_m(values, 1, e->seeds, e->interval.mean);
}

/* In the usual case of few seeds the effect is computed once for each number of them. */
static double seen_from(efla_effect_rows *rows, size_t seeds, bool main, double level) {
  if (seeds >= EFLA_KNOWN_SEEDS) return efla_student_seen_from(seeds, level);
  double *known = &rows->seen_from[main][seeds];
  if (*known == 0) *known = efla_student_seen_from(seeds, level);
  return *known;
}

static void judge(efla_effect_rows *rows, efla_effect *e) {
  const double wanted = rows->difference > 0 ? rows->difference : e->condition.measure->difference;
  e->p = efla_student_p(e->interval.mean, e->sd, e->seeds);
  if (e->seeds < 2 || e->sd == 0) return;
  const bool main = !rows->results->rate_is_factor && efla_effect_is_main(e);
  const double level = main ? 0.05 / EFLA_MAIN : 0.05;
  e->seen_from = e->sd * seen_from(rows, e->seeds, main, level);
  e->seeds_for = efla_student_seeds(wanted / e->sd, level);
}

/* The learning rate of the models that are weighed with this sign; nan where they have several. */
static double rate_of(const efla_results *o, size_t n, const size_t *models, const double *weights, bool first,
                      size_t c) {
  double rate = NAN;
  bool several = false;
  for (size_t i = 0; i < n; i++) {
    if ((weights[i] > 0) != first || models[i] >= o->variants) continue;
    const double own = o->rate_is_factor ? o->variant[models[i]].lr : o->rate[models[i] * o->conditions + c];
    several |= isnan(own) || (!isnan(rate) && own != rate);
    rate = own;
  }
  return several ? NAN : rate;
}

void efla_effect_rows_add(efla_effect_rows *rows, size_t n, const size_t *models, const double *weights,
                          const efla_effect *label) {
  const efla_results *o = rows->results;
  for (size_t i = 0; i < n; i++)
    if (models[i] >= o->variants && !o->rate_is_factor) return;
  for (size_t c = 0; c < o->conditions; c++) {
    efla_effect *e = append(rows, label, c);
    if (!e) return;
    e->rate = rate_of(o, n, models, weights, true, c), e->rate_against = rate_of(o, n, models, weights, false, c);
    for (size_t s = 0; s < o->seeds; s++) {
      double sum = 0;
      for (size_t i = 0; i < n; i++) {
        sum += weights[i] * efla_results_at(o, models[i], c, s);
        *(weights[i] > 0 ? &e->diverged : &e->diverged_against) += efla_results_diverged(o, models[i], c, s);
      }
      if (!isnan(sum)) rows->values[e->seeds++] = sum;
    }
    summarise(e, rows->values);
    judge(rows, e);
  }
}

static void fill_share(const efla_effect_rows *rows, efla_effect *e, size_t seeds) {
  if (!rows->results->kind->each_trains) e->condition.name = "training", e->condition.level = 0;
  e->seeds = seeds;
  if (!seeds) return;
  e->interval.mean = (double)e->diverged / (double)seeds;
  efla_clopper_pearson(e->diverged, seeds, &e->interval.low, &e->interval.high);
}

/* The share of a model's seeds that diverged. */
static void add_share(efla_effect_rows *rows, size_t variant, size_t c, const efla_effect *model) {
  efla_effect label = {.panel = "diverged", .variant = model->variant, .diverged = model->diverged};
  efla_effect *e = append(rows, &label, c);
  if (!e) return;
  size_t seeds = 0;
  for (size_t s = 0; s < rows->results->seeds; s++)
    seeds +=
        !isnan(efla_results_at(rows->results, variant, c, s)) || efla_results_diverged(rows->results, variant, c, s);
  fill_share(rows, e, seeds);
}

/* The shares at the rates that were not chosen. */
static void add_tried(efla_effect_rows *rows, size_t variant) {
  const efla_results *o = rows->results;
  for (size_t i = 0; i < o->n_tried; i++) {
    const efla_tried *t = &o->tried[i];
    efla_variant config = t->variant;
    config.lr = NAN;
    if (efla_variant_compare(&config, &o->variant[variant]) != 0 ||
        t->variant.lr == o->rate[variant * o->conditions + t->condition])
      continue;
    const efla_effect label = {.panel = "diverged:rate", .variant = t->variant, .diverged = t->diverged};
    efla_effect *e = append(rows, &label, t->condition);
    if (!e) return;
    fill_share(rows, e, t->seeds);
  }
}

void efla_effect_rows_model(efla_effect_rows *rows, size_t variant) {
  const efla_results *o = rows->results;
  const size_t first = rows->effects->n;
  for (size_t c = 0; c < o->conditions; c++) {
    efla_effect label = {.variant = o->variant[variant]};
    if (!o->rate_is_factor) label.variant.lr = o->rate[variant * o->conditions + c];
    snprintf(label.panel, sizeof label.panel, "%s", o->condition[c].measure->value);
    efla_effect *e = append(rows, &label, c);
    if (!e) return;
    for (size_t s = 0; s < o->seeds; s++) {
      const double value = efla_results_at(o, variant, c, s);
      if (!isnan(value)) rows->values[e->seeds++] = value;
      e->diverged += efla_results_diverged(o, variant, c, s);
    }
    summarise(e, rows->values);
  }
  for (size_t c = 0; c < o->conditions && o->kind->diverges; c++) {
    const efla_effect model = rows->effects->row[first + c];
    add_share(rows, variant, c, &model);
    if (!o->kind->each_trains) break; /* one model for all conditions */
  }
  if (o->kind->diverges) add_tried(rows, variant);
}
