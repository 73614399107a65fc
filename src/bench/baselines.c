/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/benchmark_case.h"

#include <assert.h>
#include <float.h>
#include <gsl/gsl_cblas.h>
#include <math.h>
#include <stdlib.h>

typedef efla_bench_problem problem;

/* C (m, n) = A B, or A B^T where B is given transposed, as (n, k); row-major and contiguous. */
static void multiply(const problem *p, size_t m, size_t n, size_t k, bool transposed, const void *A, const void *B,
                     void *C) {
  enum CBLAS_TRANSPOSE way = transposed ? CblasTrans : CblasNoTrans;
  int width = (int)(transposed ? k : n);
  if (p->f64)
    cblas_dgemm(CblasRowMajor, CblasNoTrans, way, (int)m, (int)n, (int)k, 1, A, (int)k, B, width, 0, C, (int)n);
  else
    cblas_sgemm(CblasRowMajor, CblasNoTrans, way, (int)m, (int)n, (int)k, 1, A, (int)k, B, width, 0, C, (int)n);
}

/* BLAS's best case: a product of square matrices. Their size is the number of tokens; dk and dv are equal to
 * it. */
static size_t square_extra(const problem *p) { return p->heads.tokens * p->heads.tokens; }
static void square(problem *p) {
  multiply(p, p->heads.tokens, p->heads.tokens, p->heads.tokens, false, p->q, p->k, p->extra);
}
static double square_flops(const problem *p) { return 2 * pow((double)p->heads.tokens, 3); }

/* Compared with sums in f64 (for f32) or long double: a sum of n products has an error of at most (n + 1) u
 * times the sum of their absolute values. */
static double square_deviation(const problem *done, const problem *given) {
  size_t n = given->heads.tokens;
  double worst = 0, u = (given->f64 ? DBL_EPSILON : (double)FLT_EPSILON) / 2;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      long double sum = 0, size = 0;
      for (size_t l = 0; l < n; l++) {
        long double product =
            (long double)efla_bench_number(given, given->q, i * n + l) * efla_bench_number(given, given->k, l * n + j);
        sum += product, size += fabsl(product);
      }
      double error = fabs((double)(efla_bench_number(done, done->extra, i * n + j) - sum));
      worst = efla_bench_worse(worst, error / ((double)size * u));
    }
  return worst / (double)(n + 1);
}

/* Reads and writes every number of the states, in pieces distributed over the threads. */
enum { PIECE = 4096 };
static void rmw(problem *p) {
  size_t n = efla_bench_states(&p->heads);
  assert(n % PIECE == 0);
  const efla_isa *isa = p->heads.isa;
#pragma omp parallel for schedule(static) num_threads((int)p->heads.threads) if (p->heads.threads > 1)
  for (size_t first = 0; first < n; first += PIECE)
    if (p->f64)
      isa->rmw_f64(PIECE, (double *)p->S + first);
    else
      isa->rmw_f32(PIECE, (float *)p->S + first);
}
static double rmw_flops(const problem *p) { return (double)efla_bench_states(&p->heads); }
static double rmw_bytes(const problem *p) { return 2. * (double)efla_bench_states(&p->heads) * (p->f64 ? 8 : 4); }

/* Causal softmax attention with quadratic cost, by matrix products over blocks of queries: o = softmax(q k^T
 * / sqrt(dk)) v. */
enum { QUERIES = 128 };
static size_t softmax_extra(const problem *p) { return QUERIES * p->heads.tokens; }
static double softmax_flops(const problem *p) {
  return (double)p->heads.tokens * (double)p->heads.tokens * (double)(p->heads.dk + p->heads.dv);
}

#define SOFTMAX_ROW(name, REAL, EXP)                                                                                   \
  static void name(REAL *row, size_t visible, size_t width, REAL scale) {                                              \
    REAL top = row[0], sum = 0;                                                                                        \
    for (size_t j = 1; j < visible; j++) top = row[j] > top ? row[j] : top;                                            \
    for (size_t j = 0; j < visible; j++) sum += row[j] = EXP(scale * (row[j] - top));                                  \
    for (size_t j = 0; j < width; j++) row[j] = j < visible ? row[j] / sum : 0;                                        \
  }
SOFTMAX_ROW(softmax_row_f32, float, expf)
SOFTMAX_ROW(softmax_row_f64, double, exp)

static void softmax(problem *p) {
  size_t tokens = p->heads.tokens, dk = p->heads.dk, dv = p->heads.dv;
  double scale = 1 / sqrt((double)dk);
  for (size_t t = 0; t < tokens; t += QUERIES) {
    size_t n = tokens - t < QUERIES ? tokens - t : QUERIES, seen = t + n;
    multiply(p, n, seen, dk, true, efla_bench_at(p, p->q, t * dk), p->k, p->extra);
    for (size_t i = 0; i < n; i++)
      if (p->f64)
        softmax_row_f64((double *)p->extra + i * seen, t + i + 1, seen, scale);
      else
        softmax_row_f32((float *)p->extra + i * seen, t + i + 1, seen, (float)scale);
    multiply(p, n, dv, seen, false, p->extra, p->v, efla_bench_at(p, p->o, t * dv));
  }
}

/* Compared with softmax token by token in f64. Scores have an error of (dk + 8) u |q| |k|, the weights twice
 * that as a relative error plus u, and o is a weighted mean of v. */
static double softmax_deviation(const problem *done, const problem *given) {
  size_t tokens = given->heads.tokens, dk = given->heads.dk, dv = given->heads.dv;
  double worst = 0, u = (given->f64 ? DBL_EPSILON : (double)FLT_EPSILON) / 2;
  double *weight = malloc(tokens * sizeof *weight);
  if (!weight) return INFINITY;
  for (size_t t = 0; t < tokens; t++) {
    double sum = 0, reach = 1, values = 0;
    for (size_t s = 0; s <= t; s++) {
      double score = 0, size = 0;
      for (size_t i = 0; i < dk; i++) {
        double product =
            efla_bench_number(given, given->q, t * dk + i) * efla_bench_number(given, given->k, s * dk + i);
        score += product, size += fabs(product);
      }
      weight[s] = exp(score / sqrt((double)dk));
      sum += weight[s], reach = fmax(reach, size / sqrt((double)dk));
    }
    for (size_t j = 0; j < dv; j++) {
      double o = 0;
      for (size_t s = 0; s <= t; s++) {
        double v = efla_bench_number(given, given->v, s * dv + j);
        o += weight[s] / sum * v, values = fmax(values, fabs(v));
      }
      double error = fabs(efla_bench_number(done, done->o, t * dv + j) - o);
      worst = efla_bench_worse(worst, error / (u * values * (2 * (double)(dk + 8) * reach + (double)tokens)));
    }
  }
  free(weight);
  return worst;
}

const efla_benchmark_case efla_bench_baselines[] = {
    {.kernel = "gemm",
     .pass = "forward",
     .extra = square_extra,
     .work = square,
     .flops = square_flops,
     .deviation = square_deviation},
    {.kernel = "memory", .pass = "rmw", .work = rmw, .flops = rmw_flops, .bytes = rmw_bytes},
    {.kernel = "softmax",
     .pass = "forward",
     .extra = softmax_extra,
     .work = softmax,
     .flops = softmax_flops,
     .deviation = softmax_deviation},
    {.kernel = NULL},
};
