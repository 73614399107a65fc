/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Timing by turns: what is compared is measured within one run, in turn, so that a busy machine slows all alike. */
#ifndef EFLA_BENCH_INTERLEAVE_H
#define EFLA_BENCH_INTERLEAVE_H

#include "app/progress.h"
#include "base/status.h"

#include <stddef.h>

/* n pieces of work, each timed `repeats` times in turn, every time as often as fills `least` seconds: seconds (n,
 * repeats) of one execution.  Piece i is work(context, i); it has been executed at least once before it is timed. */
void efla_bench_interleave(size_t n, void (*work)(void *context, size_t i), void *context, size_t repeats, double least,
                           double *seconds, efla_progress *progress);

/* Median, least and largest of n numbers that are all finite; Fails with EFLA_NO_MEMORY. */
typedef struct efla_bench_summary {
  double median, least, most;
} efla_bench_summary;
efla_status efla_bench_summarise(const double *values, size_t n, efla_bench_summary *summary);

#endif
