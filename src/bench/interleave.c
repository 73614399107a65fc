/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/interleave.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CALLS = 1 << 20 };

static double time_calls(void (*work)(void *context, size_t i), void *context, size_t i, size_t calls) {
  double start = efla_seconds();
  for (size_t c = 0; c < calls; c++) work(context, i);
  return (efla_seconds() - start) / (double)calls;
}

/* The number of calls that take `least` seconds. Finding it warms caches, maps pages and raises the clock
 * rate. */
static size_t calibrate(void (*work)(void *context, size_t i), void *context, size_t i, double least) {
  size_t calls = 1;
  double seconds;
  while ((seconds = time_calls(work, context, i, calls) * (double)calls) < least / 2 && calls < MOST_CALLS) calls *= 2;
  return seconds >= least ? calls : (size_t)ceil((double)calls * least / fmax(seconds, 1e-9));
}

void efla_bench_interleave(size_t n, void (*work)(void *context, size_t i), void *context, size_t repeats, double least,
                           double *seconds, efla_progress *progress) {
  for (size_t i = 0; i < n; i++) /* until measured, the first column holds the number of calls */
    seconds[i * repeats] = (double)calibrate(work, context, i, least);
  for (size_t r = repeats; r-- > 0;)
    for (size_t i = 0; i < n; i++) {
      seconds[i * repeats + r] = time_calls(work, context, i, (size_t)seconds[i * repeats]);
      efla_progress_add(progress, 1);
    }
}

efla_status efla_bench_summarise(const double *values, size_t n, efla_bench_summary *summary) {
  double *sorted = malloc(n * sizeof *sorted);
  if (!sorted) return EFLA_NO_MEMORY;
  memcpy(sorted, values, n * sizeof *sorted);
  gsl_sort(sorted, 1, n);
  *summary = (efla_bench_summary){gsl_stats_median_from_sorted_data(sorted, 1, n), sorted[0], sorted[n - 1]};
  free(sorted);
  return EFLA_OK;
}
