/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Benchmark cases, one row each: the toolkit's own forms (forms.c, gradients.c) and the baselines that they
 * are compared with (baselines.c).
 *
 * A row says how to execute a problem of a given shape once, how many operations that takes, and how far its
 * output is from the definition's. */
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
  efla_heads heads;                         /* shape, layout, threads, isa (not NULL) */
  size_t chunk;                             /* tokens per chunk, for chunkwise forms */
  void *q, *k, *v, *beta, *coefficient, *o; /* in the layout of heads */
  void *erase, *decay;                      /* as coefficient, which is then `write`; for cases with decay */
  void *g;                                  /* as k, logarithms of decays per channel; for cases that have them */
  void *S;                                  /* (sequences, heads, dk, dv): the initial state, then the final one */
  void *extra;                              /* workspace of the benchmark case, aligned to EFLA_TILE_BYTES */
  void *block;
} efla_bench_problem;

/* Decays in [.94, 1]: one a token and erase = decay * coefficient, or one per channel before the step. */
typedef enum efla_bench_decay { EFLA_BENCH_PLAIN, EFLA_BENCH_PER_HEAD, EFLA_BENCH_PER_CHANNEL } efla_bench_decay;

typedef struct efla_benchmark_case {
  const char *kernel, *pass; /* the columns kernel and pass of the table */
  efla_bench_decay decay;
  bool bf16;                                    /* on a matrix unit, where there is one, in f32 only */
  size_t (*extra)(const efla_bench_problem *p); /* size of the workspace in numbers; NULL: none */
  void (*start)(efla_bench_problem *p);         /* called before the first execution; NULL: nothing to do */
  void (*work)(efla_bench_problem *p);          /* one execution */
  void (*finish)(
      efla_bench_problem *p); /* called after the last execution: stores the state in S; NULL: it is stored already */
  double (*flops)(const efla_bench_problem *p); /* of one execution; 6 dk dv a token for every form of the delta rule */
  double (*bytes)(
      const efla_bench_problem *p); /* bytes read and written, for cases limited by memory; NULL: not counted */
  /* The error of `done` against the definition, computed from the inputs in `given` and divided by a bound
   * for rounding errors: wrong if above 1. NULL: no result to compare. */
  double (*deviation)(const efla_bench_problem *done, const efla_bench_problem *given);
} efla_benchmark_case;

extern const efla_benchmark_case efla_bench_forms[], efla_bench_gradients[],
    efla_bench_baselines[]; /* each ends with a row whose kernel is NULL */

/* The row with that kernel and pass, NULL if there is none. */
const efla_benchmark_case *efla_benchmark_case_find(const char *kernel, const char *pass);

/* Whether the case is one in that precision, and for the best instruction set of this processor. */
bool efla_benchmark_case_runs(const efla_benchmark_case *c, bool f64);

/* Allocates and fills the arrays: q, k, v and the state Gaussian with |k| about 1, beta uniform, coefficients
 * of the exact method. Fails with EFLA_NO_MEMORY. */
efla_status efla_bench_prepare(efla_bench_problem *p, size_t seed);
void efla_bench_clear(efla_bench_problem *p);

/* Executes a smaller problem of the same shape (few tokens, few heads) once and compares it with the
 * definition. Fails with EFLA_UNTRUSTED where it differs by more than rounding explains, and with
 * EFLA_NO_MEMORY. */
efla_status efla_bench_check(const efla_bench_problem *p, size_t seed, efla_message *why);

/* The larger of two deviations; nan counts as the largest. */
static inline double efla_bench_worse(double a, double b) { return isnan(a) || a > b ? a : b; }

/* Number n of an array of the problem's type, and its address. */
double efla_bench_number(const efla_bench_problem *p, const void *array, size_t n);
void *efla_bench_at(const efla_bench_problem *p, void *array, size_t n);

/* The number of rows, and of numbers of all states. */
size_t efla_bench_rows(const efla_heads *heads);
size_t efla_bench_states(const efla_heads *heads);

#endif
