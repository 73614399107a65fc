/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnose/statistics.h"

#include "ode/channel_decay.h"
#include "ode/growth.h"

#include <assert.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <string.h>

const efla_place efla_nowhere = {0, 0, SIZE_MAX};

bool efla_somewhere(efla_place place) { return place.token != SIZE_MAX; }

void efla_worst_take(efla_worst *worst, double value, efla_place at) {
  if (isnan(value)) value = INFINITY;
  if (value <= worst->value) return;
  *worst = (efla_worst){value, at};
}

void efla_place_take(efla_place *first, efla_place place) {
  if (place.token < first->token) *first = place;
}

const efla_method *efla_statistics_coefficient(size_t g) { return efla_method_find(g == 0 ? "exact" : "euler"); }

static const efla_worst none = {NAN, {0, 0, SIZE_MAX}};

static efla_deviation no_deviation(void) {
  return (efla_deviation){
      .state = none, .readout = none, .largest = none, .lost = efla_nowhere, .overflow = efla_nowhere};
}

/* The distinct finite limits of all methods, increasing. */
static size_t find_limits(efla_beyond *beyond) {
  double all[EFLA_STATISTICS_LIMITS];
  size_t n = 0, distinct = 0;
  for (const efla_method *m = efla_methods; m->name; m++) {
    if (isfinite(m->positive)) all[n++] = m->positive;
    if (isfinite(m->stable)) all[n++] = m->stable;
  }
  gsl_sort(all, 1, n);
  for (size_t i = 0; i < n; i++)
    if (distinct == 0 || all[i] > beyond[distinct - 1].limit)
      beyond[distinct++] = (efla_beyond){all[i], 0, efla_nowhere};
  return distinct;
}

efla_status efla_statistics_init(efla_statistics *f) {
  *f = (efla_statistics){.beta = none,
                         .lambda = none,
                         .least_lambda = INFINITY,
                         .rise = none,
                         .splitting = {.error = {none, none}, .largest = {none, none}}};
  efla_status status = efla_quantiles_init(&f->x);
  if (status != EFLA_OK) return status;
  f->limits = find_limits(f->beyond);
  for (const efla_method *m = efla_methods; m->name; m++) {
    assert(f->methods < EFLA_STATISTICS_METHODS);
    f->method[f->methods++] = (efla_method_statistics){.method = m,
                                                       .rate = none,
                                                       .law = none,
                                                       .rise = none,
                                                       .overflow_f32 = efla_nowhere,
                                                       .deviation = no_deviation(),
                                                       .divergence = efla_nowhere};
  }
  for (const efla_format *format = efla_formats; format->name; format++) {
    assert(f->formats < EFLA_STATISTICS_FORMATS);
    f->format[f->formats++] = (efla_format_statistics){format, no_deviation()};
  }
  for (size_t c = 0; c < EFLA_STATISTICS_CHUNKS; c++)
    f->chunk[c] = (efla_chunk_statistics){.chunk = (size_t)16 << c, .largest = {none, none}, .condition = {none, none}};
  return EFLA_OK;
}

efla_status efla_statistics_set_decay(efla_statistics *f, const efla_decay *decay) {
  f->decay = decay;
  return decay && decay->gated ? efla_quantiles_init(&f->fading) : EFLA_OK;
}

efla_status efla_statistics_set_erase_key(efla_statistics *f) {
  f->erase_key = true;
  efla_status status = efla_quantiles_init(&f->against);
  return status == EFLA_OK ? efla_quantiles_init(&f->along) : status;
}

bool efla_statistics_runs(const efla_statistics *f) { return !f->channels && !f->erase_key; }

bool efla_statistics_exact_flow(const efla_statistics *f) { return f->channels && f->decay->share == 0; }

size_t efla_statistics_judged(const efla_statistics *f) { return f->channels ? f->splitting.tokens : f->tokens; }

void efla_statistics_clear(efla_statistics *f) {
  efla_quantiles_clear(&f->against);
  efla_quantiles_clear(&f->along);
  efla_quantiles_clear(&f->fading);
  efla_quantiles_clear(&f->x);
  *f = (efla_statistics){0};
}

/* Mean predicted growth over all tokens, with each x replaced by the middle of its bin (at most 0.28 % off), plus the
 * mean decay.  Of a decay within the step the law was summed token by token. */
static double mean_law(const efla_statistics *f, const efla_growth_law *law, const efla_method_statistics *m) {
  const efla_method *method = m->method;
  if (f->decay && !f->decay->proportional) return m->law_sum / (double)f->tokens;
  double sum = f->log_decay;
  for (size_t b = 0; b < EFLA_QUANTILES_BINS; b++)
    if (f->x.bins[b] > 0)
      sum += (double)f->x.bins[b] * efla_growth_expected(law, efla_stability(method, efla_quantiles_middle(&f->x, b)));
  return sum / (double)f->tokens;
}

static double ratio(double error, double truth) { return error == 0 ? 0 : error / truth; }

static void finish_deviation(efla_deviation *d, const efla_statistics *f, efla_place at) {
  efla_worst_take(&d->state, ratio(d->state_norm, f->state_norm), at);
  efla_worst_take(&d->readout, ratio(d->readout_norm, f->readout_norm), at);
}

static bool diverges(const efla_statistics *f, const efla_method_statistics *m) {
  const efla_beyond *beyond = efla_statistics_beyond(f, m->method->stable);
  if (!beyond || beyond->tokens == 0) return false;
  return efla_somewhere(m->overflow_f32) || efla_somewhere(m->deviation.overflow) || m->rise.value >= 24 * M_LN2 ||
         (m->rate.value > 0 && m->deviation.largest.value > 1);
}

static efla_place first_sign(const efla_method_statistics *m) {
  efla_place first = m->overflow_f32;
  efla_place_take(&first, m->deviation.lost);
  return efla_somewhere(first) ? first : m->rise.at;
}

void efla_statistics_finish(efla_statistics *f, size_t head, size_t dk) {
  efla_growth_law law;
  efla_place at = {0, head, 0};
  efla_growth_law_init(&law, dk);
  for (size_t m = 0; m < f->methods; m++) {
    efla_method_statistics *statistics = &f->method[m];
    if (f->tokens > 0) {
      if (!efla_statistics_exact_flow(f) || statistics->method->order == EFLA_ORDER_INFINITE)
        efla_worst_take(&statistics->rate, statistics->growth / (double)f->tokens, at);
      if (efla_statistics_runs(f)) efla_worst_take(&statistics->law, mean_law(f, &law, statistics), at);
    }
    if (f->measured > 0) finish_deviation(&statistics->deviation, f, at);
    statistics->diverging = diverges(f, statistics);
    if (statistics->diverging) statistics->divergence = first_sign(statistics);
  }
  for (size_t i = 0; i < EFLA_STATISTICS_SPLITTINGS && f->splitting.tokens > 0; i++)
    efla_worst_take(&f->splitting.error[i], ratio(f->splitting.error_norm[i], f->splitting.norm), at);
  for (size_t i = 0; i < f->formats && f->measured > 0; i++) finish_deviation(&f->format[i].deviation, f, at);
}

/* A head without a value (nan) leaves the total unchanged. */
static void merge_worst(efla_worst *total, const efla_worst *head) {
  if (!isnan(head->value)) efla_worst_take(total, head->value, head->at);
}

static void merge_deviation(efla_deviation *total, const efla_deviation *head) {
  total->state_norm = hypot(total->state_norm, head->state_norm);
  total->readout_norm = hypot(total->readout_norm, head->readout_norm);
  merge_worst(&total->state, &head->state);
  merge_worst(&total->readout, &head->readout);
  merge_worst(&total->largest, &head->largest);
  efla_place_take(&total->lost, head->lost);
  efla_place_take(&total->overflow, head->overflow);
}

static void merge_methods(efla_statistics *total, const efla_statistics *head) {
  for (size_t m = 0; m < total->methods; m++) {
    efla_method_statistics *to = &total->method[m];
    const efla_method_statistics *from = &head->method[m];
    to->growth += from->growth, to->law_sum += from->law_sum, to->diverging += from->diverging;
    merge_worst(&to->rate, &from->rate);
    merge_worst(&to->law, &from->law);
    merge_worst(&to->rise, &from->rise);
    efla_place_take(&to->overflow_f32, from->overflow_f32);
    efla_place_take(&to->divergence, from->divergence);
    merge_deviation(&to->deviation, &from->deviation);
  }
}

static void merge_splitting(efla_splitting_statistics *total, const efla_splitting_statistics *head) {
  total->tokens += head->tokens, total->norm = hypot(total->norm, head->norm);
  for (size_t i = 0; i < EFLA_STATISTICS_SPLITTINGS; i++) {
    total->error_norm[i] = hypot(total->error_norm[i], head->error_norm[i]);
    merge_worst(&total->error[i], &head->error[i]);
    merge_worst(&total->largest[i], &head->largest[i]);
  }
}

void efla_statistics_merge(efla_statistics *total, const efla_statistics *head) {
  total->tokens += head->tokens, total->measured += head->measured;
  if (head->longest > total->longest) total->longest = head->longest;
  if (head->most_measured > total->most_measured) total->most_measured = head->most_measured;
  efla_quantiles_merge(&total->x, &head->x);
  merge_worst(&total->beta, &head->beta);
  merge_worst(&total->lambda, &head->lambda);
  total->least_lambda = fmin(total->least_lambda, head->least_lambda);
  for (size_t i = 0; i < total->limits; i++) {
    total->beyond[i].tokens += head->beyond[i].tokens;
    efla_place_take(&total->beyond[i].first, head->beyond[i].first);
  }
  merge_methods(total, head);
  for (size_t i = 0; i < total->formats; i++) merge_deviation(&total->format[i].deviation, &head->format[i].deviation);
  for (size_t c = 0; c < EFLA_STATISTICS_CHUNKS; c++)
    for (size_t g = 0; g < EFLA_STATISTICS_COEFFICIENTS; g++) {
      merge_worst(&total->chunk[c].largest[g], &head->chunk[c].largest[g]);
      merge_worst(&total->chunk[c].condition[g], &head->chunk[c].condition[g]);
    }
  total->log_decay += head->log_decay;
  if (total->fading.bins) efla_quantiles_merge(&total->fading, &head->fading);
  for (size_t i = 0; i < EFLA_STATISTICS_UNITS; i++) total->differ[i] += head->differ[i];
  merge_splitting(&total->splitting, &head->splitting);
  if (total->erase_key) efla_quantiles_merge(&total->against, &head->against);
  if (total->erase_key) efla_quantiles_merge(&total->along, &head->along);
  merge_worst(&total->rise, &head->rise);
  total->state_norm = hypot(total->state_norm, head->state_norm);
  total->readout_norm = hypot(total->readout_norm, head->readout_norm);
}

double efla_statistics_half_life(efla_statistics *f, double order) {
  if (!f->fading.bins) return f->tokens > 0 ? INFINITY : NAN;
  return M_LN2 / efla_quantiles_at(&f->fading, 1 - order);
}

/* The order statistics of both parts one after another, the negative ones in reverse, interpolated between as within. */
double efla_statistics_mu(efla_statistics *f, double order) {
  const size_t below = f->against.n, above = f->along.n;
  if (!f->erase_key || below + above == 0) return NAN;
  const double at = order * (double)(below + above - 1), from = (double)below - 1;
  if (at <= from) return -efla_quantiles_at(&f->against, below > 1 ? 1 - at / from : 0);
  if (at >= from + 1) return efla_quantiles_at(&f->along, above > 1 ? (at - from - 1) / ((double)above - 1) : 0);
  return -(from + 1 - at) * f->against.least + (at - from) * f->along.least;
}

const char *efla_statistics_splitting(size_t i) { return efla_channel_scheme_name(i); }

const efla_format *efla_statistics_unit(size_t i) { return efla_format_find(i == 0 ? "f32" : "bf16"); }

double efla_statistics_coefficient_ratio(efla_statistics *f, double order) {
  double x = efla_quantiles_at(&f->x, order);
  return efla_phi(efla_method_find("euler"), x) / efla_phi(efla_method_find("exact"), x);
}

const efla_method_statistics *efla_statistics_method(const efla_statistics *f, const char *name) {
  for (size_t m = 0; m < f->methods; m++)
    if (!strcmp(f->method[m].method->name, name)) return &f->method[m];
  return NULL;
}

const efla_beyond *efla_statistics_beyond(const efla_statistics *f, double limit) {
  for (size_t i = 0; i < f->limits; i++)
    if (f->beyond[i].limit == limit) return &f->beyond[i];
  return NULL;
}
