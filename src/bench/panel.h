/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A panel: problems that are compared with each other. They are checked first, then timed in turn; each gives
 * a row of the table. */
#ifndef EFLA_BENCH_PANEL_H
#define EFLA_BENCH_PANEL_H

#include "bench/benchmark_case.h"
#include "app/progress.h"
#include "app/table.h"

#define EFLA_BENCH_MOST (2 * EFLA_LIST_MAX + 1) /* problems of a panel: a list with one thread and with all, and gemm */

/* A row of the table; efla_bench_columns describes its fields. */
typedef struct efla_bench_row {
  const char *kernel, *pass, *precision, *layout;
  size_t dk, dv, heads, tokens, threads;
  double seconds, tokens_per_s, gflops, of_gemm, of_naive, of_bandwidth;
  const char *panel, *isa;
  size_t chunk;
  double seconds_min, seconds_max, of_plain;
} efla_bench_row;

extern const efla_column efla_bench_columns[];

typedef struct efla_bench_panel {
  const char *name;
  size_t repeats; /* timings of every problem */
  double least;   /* minimum seconds of one timing */
  size_t n;
  efla_bench_problem problems[EFLA_BENCH_MOST];
} efla_bench_panel;

/* "f32", "f64", NULL past the end: the types, as names of an option's values; number 1 is `f64`. */
const char *efla_bench_precision_name(size_t i);

/* A panel that begins with BLAS's square product (n = 1024) of this type, which of_gemm refers to; to be run once. */
efla_bench_panel efla_bench_open(const char *name, bool f64, size_t repeats, double least);

/* Adds a problem: a benchmark case, a type and a shape. A zero in heads stands for 1. chunk: tokens per
 * chunk, 0 for forms without chunks. */
void efla_bench_add(efla_bench_panel *panel, const char *kernel, const char *pass, bool f64, efla_heads heads,
                    size_t chunk);

/* Checks, prepares and times all problems, writes a row for each and clears them. Ratios are medians over the
 * repeats, formed between timings of the same repeat: of_gemm is the rate over threads times that of the panel's
 * gemm of the same type; of_naive is the rate over that of the panel's naive form of the same type, dk and dv;
 * of_bandwidth is bytes per second over those of the panel's memory row with the same states and threads; of_plain
 * is the rate of a case with decay over that of the same without; nan where the panel has no such row. Fails with
 * EFLA_UNTRUSTED where an output is wrong, and with EFLA_NO_MEMORY. */
efla_status efla_bench_run(efla_bench_panel *panel, size_t seed, efla_table *table, efla_message *why);

#endif
