/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/benchmark_case.h"

#include "efla/cpu/backward.h"
#include "efla/cpu/kernel.h"
#include "efla/reference/recurrence_backward.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef efla_bench_problem problem;

/* The arrays of a backward pass as offsets into `extra`, each aligned to a whole tile. The loss's derivative
 * by o is v. */
typedef struct arrays {
  size_t by_beta, by_lambda, y, checkpoints, d_q, d_k, d_v, d_write, d_erase, d_decay, d_initial, scratch, all;
} arrays;

static size_t next(size_t *offset, size_t n) {
  size_t here = *offset;
  *offset += (n + EFLA_TILE_BYTES - 1) / EFLA_TILE_BYTES *
             EFLA_TILE_BYTES; /* in numbers, rounded up to whole tiles of either type */
  return here;
}

/* The parts into which each head's columns are split, so that fewer heads than threads occupy all threads. */
static size_t parts_of(const problem *p) { return (p->heads.threads + p->heads.heads - 1) / p->heads.heads; }

static arrays lay_out(const problem *p) {
  const efla_heads *h = &p->heads;
  size_t rows = efla_bench_rows(h), parts = parts_of(p);
  size_t forward = p->f64 ? efla_kernel_scratch_f64(h) : efla_kernel_scratch_f32(h);
  size_t backward = p->f64 ? efla_backward_scratch_f64(h, parts) : efla_backward_scratch_f32(h, parts);
  arrays a = {.all = 0};
  a.by_beta = next(&a.all, rows), a.by_lambda = next(&a.all, rows), a.y = next(&a.all, rows * h->dv);
  a.checkpoints = next(&a.all, p->f64 ? efla_kernel_checkpoints_f64(h) : efla_kernel_checkpoints_f32(h));
  a.d_q = next(&a.all, rows * h->dk), a.d_k = next(&a.all, rows * h->dk), a.d_v = next(&a.all, rows * h->dv);
  a.d_write = next(&a.all, rows), a.d_erase = next(&a.all, rows), a.d_decay = next(&a.all, rows);
  a.d_initial = next(&a.all, efla_bench_states(h));
  a.scratch = next(&a.all, forward > backward ? forward : backward);
  return a;
}

static size_t extra(const problem *p) { return lay_out(p).all; }

#define FORWARD_ARRAYS                                                                                                 \
  {                                                                                                                    \
    .q = p->q, .k = p->k, .v = p->v, .write = p->coefficient, .erase = p->erase,                                       \
    .decay = p->entry->decays ? p->decay : NULL, .initial = p->S, .o = p->o, .y = at(a.y),                             \
    .checkpoints = at(a.checkpoints)                                                                                   \
  }
/* The slopes of erase are those of write: the decays are close to 1. */
#define GRADIENT_ARRAYS                                                                                                \
  {                                                                                                                    \
    .q = p->q, .k = p->k, .v = p->v, .write = p->coefficient, .erase = p->erase,                                       \
    .decay = p->entry->decays ? p->decay : NULL, .write_by_lambda = at(a.by_lambda),                                   \
    .erase_by_lambda = at(a.by_lambda), .initial = p->S, .d_o = p->v, .d_q = at(a.d_q), .d_k = at(a.d_k),              \
    .d_v = at(a.d_v), .d_write = at(a.d_write), .d_erase = at(a.d_erase), .d_decay = at(a.d_decay),                    \
    .d_initial = at(a.d_initial)                                                                                       \
  }
#define at(offset) efla_bench_at(p, p->extra, offset)

static void forward(problem *p) {
  arrays a = lay_out(p);
  const efla_kernel_f32 x = FORWARD_ARRAYS;
  const efla_kernel_f64 y = FORWARD_ARRAYS;
  if (p->f64)
    efla_kernel_forward_f64(&p->heads, &y, at(a.scratch));
  else
    efla_kernel_forward_f32(&p->heads, &x, at(a.scratch));
}

static void backward(problem *p) {
  arrays a = lay_out(p);
  const efla_gradient_f32 x = GRADIENT_ARRAYS;
  const efla_gradient_f64 y = GRADIENT_ARRAYS;
  if (p->f64)
    efla_backward_f64(&p->heads, parts_of(p), &y, at(a.y), at(a.checkpoints), at(a.scratch));
  else
    efla_backward_f32(&p->heads, parts_of(p), &x, at(a.y), at(a.checkpoints), at(a.scratch));
}

static void start(problem *p) {
  arrays a = lay_out(p);
  const efla_method *exact = efla_method_find("exact");
  if (p->f64)
    efla_gradient_slopes_f64(&p->heads, exact, p->k, p->beta, at(a.by_beta), at(a.by_lambda));
  else
    efla_gradient_slopes_f32(&p->heads, exact, p->k, p->beta, at(a.by_beta), at(a.by_lambda));
  forward(p);
}

static void both(problem *p) {
  forward(p);
  backward(p);
}

static double flops(const problem *p) { return 6. * (double)(efla_bench_rows(&p->heads) * p->heads.dk * p->heads.dv); }

/* |found - truth| over |truth| for an array of n gradients. */
static double distance(const problem *done, const void *found, const double *truth, size_t n) {
  double error = 0, size = 0;
  for (size_t i = 0; i < n; i++) {
    error += pow(efla_bench_number(done, found, i) - truth[i], 2);
    size += truth[i] * truth[i];
  }
  return size > 0 ? sqrt(error / size) : sqrt(error);
}

/* Compared with the naive derivative in f64. Bound: sums over dk, dv and tokens have rounding errors of
 * random signs, as in the forward pass; the loss's derivative passes through two such sums per token and once
 * more through y of the forward pass: three times that. */
static double deviation(const problem *done, const problem *given) {
  const efla_heads *h = &given->heads;
  problem wide = *given, *p = &wide;
  wide.f64 = true, wide.heads.threads = 1;
  size_t rows = efla_bench_rows(h), dk = h->dk, dv = h->dv, states = efla_bench_states(h);
  arrays a = lay_out(p), found = lay_out(done);
  const void *from[] = {given->q,    given->k,     given->v,     given->coefficient,
                        given->beta, given->erase, given->decay, given->S};
  void **to[] = {&wide.q, &wide.k, &wide.v, &wide.coefficient, &wide.beta, &wide.erase, &wide.decay, &wide.S};
  const size_t n[] = {rows * dk, rows * dk, rows * dv, rows, rows, rows, rows, states};
  double *block = malloc((2 * rows * dk + rows * dv + 4 * rows + states + a.all) * sizeof *block), *rest = block;
  double *scratch = malloc(efla_recurrence_backward_scratch(h) * sizeof *scratch), worst = INFINITY;
  if (block && scratch) {
    for (size_t i = 0; i < sizeof n / sizeof *n; i++, rest += n[i - 1]) {
      *to[i] = rest;
      for (size_t e = 0; e < n[i]; e++) rest[e] = efla_bench_number(given, from[i], e);
    }
    wide.extra = rest;
    efla_gradient_slopes_f64(h, efla_method_find("exact"), wide.k, wide.beta, at(a.by_beta), at(a.by_lambda));
    const efla_gradient_f64 x = GRADIENT_ARRAYS;
    efla_recurrence_backward_f64(&wide.heads, &x, scratch);
    const size_t here[] = {found.d_q, found.d_k, found.d_v, found.d_write, found.d_initial};
    const double *truth[] = {x.d_q, x.d_k, x.d_v, x.d_write, x.d_initial};
    const size_t length[] = {rows * dk, rows * dk, rows * dv, rows, states};
    worst = 0;
    for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
      worst = efla_bench_worse(worst, distance(done, efla_bench_at(done, done->extra, here[i]), truth[i], length[i]));
    }
  }
  free(scratch), free(block);
  double u = (given->f64 ? DBL_EPSILON : (double)FLT_EPSILON) / 2,
         steps = (double)(h->tokens + 1) * (double)(dk + dv + 16);
  return worst / (3 * sqrt(steps) * u);
}

/* Rows that differ in little. */
#define GRADIENT(name, which, with_decay, passes)                                                                      \
  {                                                                                                                    \
    .kernel = name, .pass = which, .decays = with_decay, .extra = extra, .start = start, .work = passes,               \
    .flops = flops, .deviation = deviation                                                                             \
  }

const efla_benchmark_case efla_bench_gradients[] = {
    GRADIENT("kernel", "backward", false, backward),
    GRADIENT("kernel", "forward_backward", false, both),
    GRADIENT("kernel_decay", "backward", true, backward),
    {.kernel = NULL},
};
