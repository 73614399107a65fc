/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/benchmark_case.h"

#include "bench/bf16_form.h"
#include "efla/cpu/chunk.h"
#include "efla/cpu/kernel.h"
#include "efla/reference/recurrence.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef efla_bench_problem problem;

static double delta_rule_flops(const problem *p) {
  return 6. * (double)(efla_bench_rows(&p->heads) * p->heads.dk * p->heads.dv);
}

/* Runs a form for contiguous rows on one head after another. */
typedef void head_form(problem *p, size_t tokens, void *q, void *k, void *v, void *coefficient, void *S, void *o);

static void each_head(problem *p, head_form *form) {
  const efla_heads *h = &p->heads;
  for (size_t s = 0; s < efla_heads_sequences(h); s++)
    for (size_t head = 0; head < h->heads; head++) {
      efla_head_rows rows = efla_heads_rows(h, s, head);
      assert(rows.stride == 1);
      size_t k = rows.first * h->dk, v = rows.first * h->dv, S = (s * h->heads + head) * h->dk * h->dv;
      form(p, rows.tokens, efla_bench_at(p, p->q, k), efla_bench_at(p, p->k, k), efla_bench_at(p, p->v, v),
           efla_bench_at(p, p->coefficient, rows.first), efla_bench_at(p, p->S, S), efla_bench_at(p, p->o, v));
    }
}

/* A head's coefficients as the definition and the chunkwise form take them, in p->extra. */
static efla_coefficients *spread(problem *p, size_t tokens, const void *coefficient) {
  efla_coefficients *c = p->extra;
  for (size_t t = 0; t < tokens; t++)
    c[t] = efla_coefficients_of(p->f64 ? ((const double *)coefficient)[t] : (double)((const float *)coefficient)[t]);
  return c;
}
static size_t spread_extra(const problem *p) {
  return p->heads.tokens * sizeof(efla_coefficients) / (p->f64 ? sizeof(double) : sizeof(float));
}

static void naive_head(problem *p, size_t tokens, void *q, void *k, void *v, void *coefficient, void *S, void *o) {
  const efla_coefficients *c = spread(p, tokens, coefficient);
  if (p->f64)
    efla_recurrence_f64(tokens, p->heads.dk, p->heads.dv, q, k, v, c, S, o);
  else
    efla_recurrence_f32(tokens, p->heads.dk, p->heads.dv, q, k, v, c, S, o);
}
static void naive(problem *p) { each_head(p, naive_head); }

static void rows_head(problem *p, size_t tokens, void *q, void *k, void *v, void *coefficient, void *S, void *o) {
  const efla_isa *isa = p->heads.isa;
  const efla_coefficients *c = spread(p, tokens, coefficient);
  if (p->f64)
    isa->recurrence_f64(tokens, p->heads.dk, p->heads.dv, q, k, v, c, S, o);
  else
    isa->recurrence_f32(tokens, p->heads.dk, p->heads.dv, q, k, v, c, S, o);
}
static void row_loop(problem *p) { each_head(p, rows_head); }

static size_t chunk_extra(const problem *p) {
  return spread_extra(p) + efla_chunk_scratch(p->chunk, p->heads.dk, p->heads.dv);
}
static void chunk_head(problem *p, size_t tokens, void *q, void *k, void *v, void *coefficient, void *S, void *o) {
  const efla_coefficients *c = spread(p, tokens, coefficient);
  void *scratch = efla_bench_at(p, p->extra, spread_extra(p));
  if (p->f64)
    efla_chunk_f64(tokens, p->heads.dk, p->heads.dv, p->chunk, q, k, v, c, S, o, scratch);
  else
    efla_chunk_f32(tokens, p->heads.dk, p->heads.dv, p->chunk, q, k, v, c, S, o, scratch);
}
static void chunk(problem *p) { each_head(p, chunk_head); }

#define KERNEL_ARRAYS                                                                                                  \
  {                                                                                                                    \
    .q = p->q, .k = p->k, .v = p->v, .write = p->coefficient, .erase = p->erase,                                       \
    .decay = p->entry->decay ? p->decay : NULL, .g = p->entry->decay == EFLA_BENCH_PER_CHANNEL ? p->g : NULL,          \
    .share = 1, .initial = p->S, .final = p->S, .o = p->o                                                              \
  }
static size_t kernel_extra(const problem *p) {
  return p->f64 ? efla_kernel_scratch_f64(&p->heads) : efla_kernel_scratch_f32(&p->heads);
}
static void kernel(problem *p) {
  const efla_kernel_f32 x = KERNEL_ARRAYS;
  const efla_kernel_f64 y = KERNEL_ARRAYS;
  if (p->f64)
    efla_kernel_forward_f64(&p->heads, &y, p->extra);
  else
    efla_kernel_forward_f32(&p->heads, &x, p->extra);
}

/* Decoding: one token for every state. */
static size_t decode_extra(const problem *p) {
  size_t dk = p->heads.dk, dv = p->heads.dv, n = p->heads.batch * p->heads.heads;
  return n * (p->f64 ? efla_decode_state_f64(dk, dv) : efla_decode_state_f32(dk, dv));
}
static void decode_start(problem *p) {
  if (p->f64)
    efla_decode_load_f64(&p->heads, p->S, p->extra);
  else
    efla_decode_load_f32(&p->heads, p->S, p->extra);
}
static void decode(problem *p) {
  const efla_kernel_f32 x = KERNEL_ARRAYS;
  const efla_kernel_f64 y = KERNEL_ARRAYS;
  if (p->f64)
    efla_decode_step_f64(&p->heads, &y, p->extra);
  else
    efla_decode_step_f32(&p->heads, &x, p->extra);
}
static void decode_finish(problem *p) {
  if (p->f64)
    efla_decode_store_f64(&p->heads, p->extra, p->S);
  else
    efla_decode_store_f32(&p->heads, p->extra, p->S);
}
static double decode_bytes(const problem *p) { return 2. * (double)efla_bench_states(&p->heads) * (p->f64 ? 8 : 4); }

static void coefficients_start(problem *p) {
  memset(p->coefficient, 255, efla_bench_rows(&p->heads) * (p->f64 ? sizeof(double) : sizeof(float)));
}
static void coefficients(problem *p) {
  const efla_method *exact = efla_method_find("exact");
  if (p->f64)
    efla_kernel_coefficients_f64(&p->heads, exact, p->k, p->beta, p->coefficient);
  else
    efla_kernel_coefficients_f32(&p->heads, exact, p->k, p->beta, p->coefficient);
}
static double coefficient_flops(const problem *p) { return 2. * (double)(efla_bench_rows(&p->heads) * p->heads.dk); }

/* ---- comparison with the definition ---- */

/* Largest error of the read-outs and the state of one head against the definition in long double, relative to
 * their norm. */
static double head_deviation(const problem *done, const problem *given, size_t sequence, size_t head,
                             long double *work) {
  const efla_heads *h = &given->heads;
  size_t dk = h->dk, dv = h->dv, first = (sequence * h->heads + head) * dk * dv;
  efla_head_rows rows = efla_heads_rows(h, sequence, head);
  long double *S = work, *q = S + dk * dv, *k = q + dk, *v = k + dk, *o = v + dv;
  double worst = 0, size = 0, query = 0;
  for (size_t e = 0; e < dk * dv; e++) S[e] = efla_bench_number(given, given->S, first + e);
  for (size_t t = 0; t < rows.tokens; t++) {
    size_t row = rows.first + t * rows.stride;
    efla_coefficients_long c = efla_coefficients_of_long(efla_bench_number(given, given->coefficient, row));
    for (size_t i = 0; i < dk && given->entry->decay == EFLA_BENCH_PER_CHANNEL; i++)
      for (size_t j = 0; j < dv; j++)
        S[i * dv + j] *= expl((long double)efla_bench_number(given, given->g, row * dk + i));
    if (given->entry->decay == EFLA_BENCH_PER_HEAD)
      c.decay = efla_bench_number(given, given->decay, row), c.erase = efla_bench_number(given, given->erase, row);
    long double written = 0, norm = 0;
    for (size_t i = 0; i < dk; i++)
      q[i] = efla_bench_number(given, given->q, row * dk + i), k[i] = efla_bench_number(given, given->k, row * dk + i);
    for (size_t j = 0; j < dv; j++) v[j] = efla_bench_number(given, given->v, row * dv + j);
    efla_recurrence_long(1, dk, dv, q, k, v, &c, S, o);
    for (size_t e = 0; e < dk * dv; e++) written += S[e] * S[e];
    for (size_t i = 0; i < dk; i++) norm += q[i] * q[i];
    size = fmax(size, sqrt((double)written)), query = fmax(query, sqrt((double)norm));
    for (size_t j = 0; j < dv; j++)
      worst = efla_bench_worse(worst,
                               fabs((double)(efla_bench_number(done, done->o, row * dv + j) - o[j])) / (size * query));
  }
  for (size_t e = 0; e < dk * dv; e++)
    worst = efla_bench_worse(worst, fabs((double)(efla_bench_number(done, done->S, first + e) - S[e])) / size);
  return worst;
}

/* Bound: a sum of dk products has an error of about sqrt(dk + 16) u for random signs, errors of all tokens
 * add in the same way; four standard deviations. */
static double delta_rule_deviation(const problem *done, const problem *given) {
  const efla_heads *h = &given->heads;
  double worst = 0, u = (given->f64 ? DBL_EPSILON : (double)FLT_EPSILON) / 2;
  double steps = (double)(h->tokens + 1) * (double)(h->dk + 16);
  long double *work = calloc(h->dk * h->dv + 2 * h->dk + 2 * h->dv, sizeof *work);
  if (!work) return INFINITY;
  for (size_t s = 0; s < efla_heads_sequences(h); s++)
    for (size_t head = 0; head < h->heads; head++)
      worst = efla_bench_worse(worst, head_deviation(done, given, s, head, work));
  free(work);
  return worst / (given->entry->bf16 ? efla_bench_bf16_bound(given) : 4 * sqrt(steps) * u);
}

/* Bound: 4 u for a coefficient, and (dk + 2) u for lambda (docs/bounds.md#coefficient). */
static double coefficient_deviation(const problem *done, const problem *given) {
  const efla_method *exact = efla_method_find("exact");
  size_t dk = given->heads.dk;
  double worst = 0, u = (given->f64 ? DBL_EPSILON : (double)FLT_EPSILON) / 2;
  for (size_t r = 0; r < efla_bench_rows(&given->heads); r++) {
    double lambda = 0;
    for (size_t i = 0; i < dk; i++) lambda += pow(efla_bench_number(given, given->k, r * dk + i), 2);
    double coefficient = efla_coefficient(exact, efla_bench_number(given, given->beta, r), lambda);
    worst =
        efla_bench_worse(worst, fabs(efla_bench_number(done, done->coefficient, r) - coefficient) / (u * coefficient));
  }
  return worst / (double)(dk + 6);
}

/* Rows that differ in little. */
#define FORWARD(name, with_decay, form, workspace)                                                                     \
  {                                                                                                                    \
    .kernel = name, .pass = "forward", .decay = with_decay, .extra = workspace, .work = form,                          \
    .flops = delta_rule_flops, .deviation = delta_rule_deviation                                                       \
  }
#define BF16(name, with_decay)                                                                                         \
  {                                                                                                                    \
    .kernel = name, .pass = "forward", .decay = with_decay, .bf16 = true, .extra = efla_bench_bf16_extra,              \
    .start = efla_bench_bf16_start, .work = efla_bench_bf16_work, .finish = efla_bench_bf16_finish,                    \
    .flops = delta_rule_flops, .deviation = delta_rule_deviation                                                       \
  }
#define DECODE(name, which, with_decay)                                                                                \
  {                                                                                                                    \
    .kernel = name, .pass = which, .decay = with_decay, .extra = decode_extra, .start = decode_start, .work = decode,  \
    .finish = decode_finish, .flops = delta_rule_flops, .bytes = decode_bytes, .deviation = delta_rule_deviation       \
  }

/* decode_hot: states fit in the cache; decode_cold: they exceed it, and memory is the limit. */
const efla_benchmark_case efla_bench_forms[] = {
    FORWARD("naive", EFLA_BENCH_PLAIN, naive, spread_extra),
    FORWARD("row_loop", EFLA_BENCH_PLAIN, row_loop, spread_extra),
    FORWARD("chunk", EFLA_BENCH_PLAIN, chunk, chunk_extra),
    FORWARD("kernel", EFLA_BENCH_PLAIN, kernel, kernel_extra),
    DECODE("kernel", "decode_hot", EFLA_BENCH_PLAIN),
    DECODE("kernel", "decode_cold", EFLA_BENCH_PLAIN),
    FORWARD("kernel_decay", EFLA_BENCH_PER_HEAD, kernel, kernel_extra),
    DECODE("kernel_decay", "decode_hot", EFLA_BENCH_PER_HEAD),
    DECODE("kernel_decay", "decode_cold", EFLA_BENCH_PER_HEAD),
    BF16("bf16", EFLA_BENCH_PLAIN),
    BF16("bf16_decay", EFLA_BENCH_PER_HEAD),
    FORWARD("kernel_channels", EFLA_BENCH_PER_CHANNEL, kernel, kernel_extra),
    DECODE("kernel_channels", "decode_hot", EFLA_BENCH_PER_CHANNEL),
    DECODE("kernel_channels", "decode_cold", EFLA_BENCH_PER_CHANNEL),
    {.kernel = "coefficients",
     .pass = "forward",
     .start = coefficients_start,
     .work = coefficients,
     .flops = coefficient_flops,
     .deviation = coefficient_deviation},
    {.kernel = NULL},
};
