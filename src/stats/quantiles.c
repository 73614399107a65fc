/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stats/quantiles.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LOWEST = -EFLA_QUANTILES_OCTAVES / 2; /* log2 of the second bin's lower edge */

efla_status efla_quantiles_init(efla_quantiles *q) {
  *q = (efla_quantiles){.least = INFINITY,
                        .most = -INFINITY,
                        .first = malloc(EFLA_QUANTILES_EXACT * sizeof *q->first),
                        .bins = calloc(EFLA_QUANTILES_BINS, sizeof *q->bins)};
  if (q->first && q->bins) return EFLA_OK;
  efla_quantiles_clear(q);
  return EFLA_NO_MEMORY;
}

void efla_quantiles_clear(efla_quantiles *q) {
  free(q->first);
  free(q->bins);
  *q = (efla_quantiles){0};
}

static size_t bin_of(double value) {
  double place = (log2(value) - LOWEST) * EFLA_QUANTILES_PER_OCTAVE;
  if (place < 0) return 0;
  return place < EFLA_QUANTILES_BINS - 2 ? 1 + (size_t)place : EFLA_QUANTILES_BINS - 1;
}

void efla_quantiles_add(efla_quantiles *q, double value) {
  if (q->n < EFLA_QUANTILES_EXACT) q->first[q->n] = value;
  q->n++;
  q->bins[bin_of(value)]++;
  q->least = fmin(q->least, value), q->most = fmax(q->most, value);
}

void efla_quantiles_merge(efla_quantiles *q, const efla_quantiles *from) {
  if (q->n + from->n <= EFLA_QUANTILES_EXACT) memcpy(q->first + q->n, from->first, from->n * sizeof *q->first);
  q->n += from->n;
  for (size_t b = 0; b < EFLA_QUANTILES_BINS; b++) q->bins[b] += from->bins[b];
  q->least = fmin(q->least, from->least), q->most = fmax(q->most, from->most);
}

double efla_quantiles_edge(size_t bin) {
  return bin == 0                     ? 0
         : bin == EFLA_QUANTILES_BINS ? INFINITY
                                      : exp2(LOWEST + (double)(bin - 1) / EFLA_QUANTILES_PER_OCTAVE);
}

double efla_quantiles_middle(const efla_quantiles *q, size_t bin) {
  if (bin == 0) return q->least;
  if (bin == EFLA_QUANTILES_BINS - 1) return q->most;
  return fmin(q->most, fmax(q->least, efla_quantiles_edge(bin) * exp2(0.5 / EFLA_QUANTILES_PER_OCTAVE)));
}

size_t efla_quantiles_bars(size_t per_octave) { return EFLA_QUANTILES_OCTAVES * per_octave + 2; }

size_t efla_quantiles_bar(const efla_quantiles *q, size_t per_octave, size_t i, double *from, double *to) {
  size_t width = EFLA_QUANTILES_PER_OCTAVE / per_octave, first = i == 0 ? 0 : 1 + (i - 1) * width, count = 0;
  size_t end = first + (i == 0 || i == efla_quantiles_bars(per_octave) - 1 ? 1 : width);
  for (size_t b = first; b < end; b++) count += q->bins[b];
  *from = efla_quantiles_edge(first), *to = efla_quantiles_edge(end);
  return count;
}

/* The order statistic of this rank (from 0), from the bins. */
static double ranked(const efla_quantiles *q, size_t rank) {
  size_t bin = 0;
  for (size_t seen = q->bins[0]; seen <= rank; seen += q->bins[bin]) bin++;
  return efla_quantiles_middle(q, bin);
}

double efla_quantiles_at(efla_quantiles *q, double p) {
  if (q->n == 0) return NAN;
  if (p == 0) return q->least;
  if (p == 1) return q->most;
  if (q->n <= EFLA_QUANTILES_EXACT) {
    gsl_sort(q->first, 1, q->n);
    return gsl_stats_quantile_from_sorted_data(q->first, 1, q->n, p);
  }
  double place = p * (double)(q->n - 1);
  size_t rank = (size_t)place, next = rank + 1 < q->n ? rank + 1 : rank;
  double low = ranked(q, rank), high = ranked(q, next);
  return low == high ? low : low + (place - (double)rank) * (high - low);
}
