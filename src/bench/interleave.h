/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Interleaved timing: cases that are compared are timed in turn within one run, so that other load on the
 * machine affects all of them alike. */
#ifndef EFLA_BENCH_INTERLEAVE_H
#define EFLA_BENCH_INTERLEAVE_H

#include "app/progress.h"
#include "base/status.h"

#include <stddef.h>

/* Times n work items `repeats` times in turn. One timing repeats an item until `least` seconds are filled.
 * seconds (n, repeats): time of one execution. Item i is work(context, i); it is executed at least once
 * before it is timed. */
void efla_bench_interleave(size_t n, void (*work)(void *context, size_t i), void *context, size_t repeats, double least,
                           double *seconds, efla_progress *progress);

/* Median, minimum and maximum of n finite numbers. Fails with EFLA_NO_MEMORY. */
typedef struct efla_bench_summary {
  double median, least, most;
} efla_bench_summary;
efla_status efla_bench_summarise(const double *values, size_t n, efla_bench_summary *summary);

#endif
