/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A panel: problems that are compared with each other, checked first and then timed by turns, and the rows that come of
 * it. */
#ifndef EFLA_BENCH_PANEL_H
#define EFLA_BENCH_PANEL_H

#include "bench/benchmark_case.h"
#include "app/progress.h"
#include "app/table.h"

#define EFLA_BENCH_MOST (2 * EFLA_LIST_MAX + 1) /* problems of a panel: a list with one thread and with all, and gemm */

extern const efla_column efla_bench_columns[];

typedef struct efla_bench_panel {
  const char *name;
  size_t repeats; /* of every problem, in turn */
  double least;   /* seconds that one timing takes at least */
  size_t n;
  efla_bench_problem problems[EFLA_BENCH_MOST];
} efla_bench_panel;

/* Adds a problem: a benchmark case, a type and a shape.  A zero in heads stands for 1; chunk: 0 where nothing is done
 * by chunks. */
void efla_bench_add(efla_bench_panel *panel, const char *kernel, const char *pass, bool f64, efla_heads heads,
                    size_t chunk);

/* Checks all, prepares all, times all, writes a row for each and clears.  Ratios are medians over the repeats of what
 * stood side by side: of_gemm is the rate over that of the panel's gemm of the same type times threads; of_naive over
 * the panel's naive form of the same type, dk and dv; of_bandwidth is bytes per second over those of the panel's memory
 * row of the same states and threads; nan where there is none. Fails with EFLA_UNTRUSTED where an output is wrong,
 * EFLA_NO_MEMORY. */
efla_status efla_bench_run(efla_bench_panel *panel, size_t seed, efla_table *table, efla_message *why);

#endif
