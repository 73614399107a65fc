/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Benchmark cases: what the benchmark times, the toolkit's own forms (forms.c, gradients.c) and what they are measured
 * by (baselines.c), one row each.
 *
 * A row says how to do a problem of a given shape once, what work that is, and how far its output is from the
 * definition's. */
#ifndef EFLA_BENCH_BENCHMARK_CASE_H
#define EFLA_BENCH_BENCHMARK_CASE_H

#include "efla/cpu/heads.h"
#include "base/status.h"

#include <math.h>
#include <stdbool.h>

/* One problem with its arrays, all of one type: float, or double where `f64`. */
typedef struct efla_bench_problem {
  const struct efla_benchmark_case *entry;
  bool f64;
  efla_heads heads;                         /* shape, layout, threads, level (not NULL) */
  size_t chunk;                             /* tokens per chunk, for those who work by chunks */
  void *q, *k, *v, *beta, *coefficient, *o; /* in the layout of heads */
  void *S;                                  /* (sequences, heads, dk, dv): where the state starts and ends */
  void *extra;                              /* the benchmark case's own, aligned to EFLA_TILE_BYTES */
  void *block;
} efla_bench_problem;

typedef struct efla_benchmark_case {
  const char *kernel, *pass;                    /* as in the table */
  size_t (*extra)(const efla_bench_problem *p); /* numbers of workspace of its own; NULL: none */
  void (*start)(efla_bench_problem *p);         /* before the first execution; NULL: nothing */
  void (*work)(efla_bench_problem *p);          /* once */
  void (*finish)(efla_bench_problem *p);        /* after the last: brings the state to S; NULL: it is there */
  double (*flops)(const efla_bench_problem *p); /* of one execution; 6 dk dv a token for every form of the delta rule */
  double (*bytes)(
      const efla_bench_problem *p); /* read and written in memory where that is the limit; NULL: not counted */
  /* What was computed once from the same numbers as in `given`, over what rounding explains: wrong if above 1.  NULL:
   * nothing to compare. */
  double (*deviation)(const efla_bench_problem *done, const efla_bench_problem *given);
} efla_benchmark_case;

extern const efla_benchmark_case efla_bench_forms[], efla_bench_gradients[],
    efla_bench_baselines[]; /* each ends with a row whose kernel is NULL */

/* The row of that name and pass, NULL if there is none. */
const efla_benchmark_case *efla_benchmark_case_find(const char *kernel, const char *pass);

/* Allocates and fills the arrays: q, k, v and the state Gaussian with |k| about 1, beta uniform, coefficients of the
 * exact method.  Fails with EFLA_NO_MEMORY. */
efla_status efla_bench_prepare(efla_bench_problem *p, size_t seed);
void efla_bench_clear(efla_bench_problem *p);

/* Does the same shape with few tokens and few heads once, and compares with the definition: EFLA_UNTRUSTED and why
 * where it differs by more than rounding explains.  Fails with EFLA_NO_MEMORY. */
efla_status efla_bench_check(const efla_bench_problem *p, size_t seed, efla_message *why);

/* The larger of two deviations; one that is nan is worse than any. */
static inline double efla_bench_worse(double a, double b) { return isnan(a) || a > b ? a : b; }

/* Number n of an array of the problem's type, and where it lies. */
double efla_bench_number(const efla_bench_problem *p, const void *array, size_t n);
void *efla_bench_at(const efla_bench_problem *p, void *array, size_t n);

/* How many rows, and numbers of states, the problem has. */
size_t efla_bench_rows(const efla_heads *heads);
size_t efla_bench_states(const efla_heads *heads);

#endif
