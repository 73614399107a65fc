/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/benchmark_case.h"

#include "efla/cpu/backward.h"
#include "efla/cpu/kernel.h"
#include "efla/backward.h"
#include "efla/reference/recurrence_backward.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef efla_bench_problem problem;

/* The arrays of a backward pass as offsets into `extra`, each aligned to a whole tile. The loss's derivative
 * by o is v. */
typedef struct arrays {
  size_t by_beta, by_lambda, y, checkpoints, d_q, d_k, d_v, d_write, d_erase, d_decay, d_g, d_initial, scratch, all;
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
  a.d_g = next(&a.all, p->entry->decay == EFLA_BENCH_PER_CHANNEL ? rows * h->dk : 0);
  a.d_initial = next(&a.all, efla_bench_states(h));
  a.scratch = next(&a.all, forward > backward ? forward : backward);
  return a;
}

static size_t extra(const problem *p) { return lay_out(p).all; }

static bool channels(const problem *p) { return p->entry->decay == EFLA_BENCH_PER_CHANNEL; }

#define FORWARD_ARRAYS                                                                                                 \
  {                                                                                                                    \
    .q = p->q, .k = p->k, .v = p->v, .write = p->coefficient, .erase = p->erase,                                       \
    .decay = p->entry->decay ? p->decay : NULL, .g = channels(p) ? p->g : NULL, .share = 1, .initial = p->S,           \
    .o = p->o, .y = at(a.y), .checkpoints = at(a.checkpoints)                                                          \
  }
/* The slopes of erase are those of write: the decays are close to 1. */
#define GRADIENT_ARRAYS                                                                                                \
  {                                                                                                                    \
    .q = p->q, .k = p->k, .v = p->v, .write = p->coefficient, .erase = p->erase,                                       \
    .decay = p->entry->decay ? p->decay : NULL, .g = channels(p) ? p->g : NULL, .share = 1,                            \
    .write_by_lambda = at(a.by_lambda), .erase_by_lambda = at(a.by_lambda), .d_g = at(a.d_g), .initial = p->S,         \
    .d_o = p->v, .d_q = at(a.d_q), .d_k = at(a.d_k), .d_v = at(a.d_v), .d_write = at(a.d_write),                       \
    .d_erase = at(a.d_erase), .d_decay = at(a.d_decay), .d_initial = at(a.d_initial)                                   \
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

/* Where an array of rows lies in a layout. */
static efla_array lie(const efla_heads *h, void *data, size_t features) {
  return h->layout == EFLA_BTHD ? efla_array_token_major(data, EFLA_F64, h->tokens, h->heads, features)
                                : efla_array_head_major(data, EFLA_F64, h->tokens, h->heads, features);
}

/* The derivatives by q, k, v, the initial state, and by write or per channel by g. */
enum { COMPARED = 5 };

static efla_status differentiate_channels(problem *p, double *truth[]) {
  const efla_heads *h = &p->heads;
  const efla_rule rule = {.method = efla_method_find("exact"), .decay = efla_decay_find("split")};
  const efla_array state = efla_array_states(p->S, EFLA_F64, h->heads, h->dk, h->dv);
  const efla_sequence x = {.batch = h->batch,
                           .heads = h->heads,
                           .tokens = h->tokens,
                           .dk = h->dk,
                           .dv = h->dv,
                           .q = lie(h, p->q, h->dk),
                           .k = lie(h, p->k, h->dk),
                           .v = lie(h, p->v, h->dv),
                           .beta = lie(h, p->beta, 1),
                           .g = lie(h, p->g, h->dk),
                           .g_per_channel = true,
                           .initial_state = state};
  const efla_result dy = {.o = lie(h, p->v, h->dv)};
  const efla_gradient dx = {.q = lie(h, truth[0], h->dk),
                            .k = lie(h, truth[1], h->dk),
                            .v = lie(h, truth[2], h->dv),
                            .g = lie(h, truth[4], h->dk),
                            .initial_state = efla_array_states(truth[3], EFLA_F64, h->heads, h->dk, h->dv)};
  efla_backend *definition;
  efla_status status = efla_backend_open("reference", NULL, &definition);
  if (status == EFLA_OK) status = efla_backward(definition, &rule, &x, &dy, &dx);
  efla_backend_close(definition);
  return status;
}

/* The naive derivative; per channel by the reference backend, to which beta is given and not the coefficients. */
static efla_status differentiate(problem *p, double *truth[COMPARED]) {
  const arrays a = lay_out(p);
  const efla_heads *h = &p->heads;
  const efla_gradient_f64 x = GRADIENT_ARRAYS;
  memcpy(truth, (double *[]){x.d_q, x.d_k, x.d_v, x.d_initial, channels(p) ? x.d_g : x.d_write},
         COMPARED * sizeof *truth);
  if (channels(p)) return differentiate_channels(p, truth);
  double *scratch = malloc(efla_recurrence_backward_scratch(h) * sizeof *scratch);
  if (!scratch) return EFLA_NO_MEMORY;
  efla_gradient_slopes_f64(h, efla_method_find("exact"), p->k, p->beta, at(a.by_beta), at(a.by_lambda));
  efla_recurrence_backward_f64(h, &x, scratch);
  free(scratch);
  return EFLA_OK;
}

/* Compared with the definition's in f64. Bound: sums over dk, dv and tokens have rounding errors of random signs, as in
 * the forward pass; the loss's derivative passes through two such sums per token and once more through y of the
 * forward pass: three times that. */
static double deviation(const problem *done, const problem *given) {
  const efla_heads *h = &given->heads;
  problem wide = *given;
  wide.f64 = true, wide.heads.threads = 1;
  size_t rows = efla_bench_rows(h), dk = h->dk, dv = h->dv, states = efla_bench_states(h), all = lay_out(&wide).all;
  arrays found = lay_out(done);
  const void *from[] = {given->q,     given->k,     given->v, given->coefficient, given->g, given->beta,
                        given->erase, given->decay, given->S};
  void **to[] = {&wide.q, &wide.k, &wide.v, &wide.coefficient, &wide.g, &wide.beta, &wide.erase, &wide.decay, &wide.S};
  const size_t n[] = {rows * dk, rows * dk, rows * dv, rows, channels(given) ? rows * dk : 0, rows, rows, rows, states};
  double *block = malloc((3 * rows * dk + rows * dv + 4 * rows + states + all) * sizeof *block), *rest = block;
  double *truth[COMPARED], worst = INFINITY;
  if (!block) return worst;
  for (size_t i = 0; i < sizeof n / sizeof *n; i++, rest += n[i - 1]) {
    *to[i] = rest;
    for (size_t e = 0; e < n[i]; e++) rest[e] = efla_bench_number(given, from[i], e);
  }
  wide.extra = rest;
  if (differentiate(&wide, truth) == EFLA_OK) {
    const size_t here[COMPARED] = {found.d_q, found.d_k, found.d_v, found.d_initial,
                                   channels(given) ? found.d_g : found.d_write},
                 length[COMPARED] = {rows * dk, rows * dk, rows * dv, states, channels(given) ? rows * dk : rows};
    worst = 0;
    for (size_t i = 0; i < COMPARED; i++)
      worst = efla_bench_worse(worst, distance(done, efla_bench_at(done, done->extra, here[i]), truth[i], length[i]));
  }
  free(block);
  double u = (given->f64 ? DBL_EPSILON : (double)FLT_EPSILON) / 2,
         steps = (double)(h->tokens + 1) * (double)(dk + dv + 16);
  return worst / (3 * sqrt(steps) * u);
}

/* Rows that differ in little. */
#define GRADIENT(name, which, with_decay, passes)                                                                      \
  {                                                                                                                    \
    .kernel = name, .pass = which, .decay = with_decay, .extra = extra, .start = start, .work = passes,                \
    .flops = flops, .deviation = deviation                                                                             \
  }

const efla_benchmark_case efla_bench_gradients[] = {
    GRADIENT("kernel", "backward", EFLA_BENCH_PLAIN, backward),
    GRADIENT("kernel", "forward_backward", EFLA_BENCH_PLAIN, both),
    GRADIENT("kernel_decay", "backward", EFLA_BENCH_PER_HEAD, backward),
    GRADIENT("kernel_channels", "backward", EFLA_BENCH_PER_CHANNEL, backward),
    {.kernel = NULL},
};
