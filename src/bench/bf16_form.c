/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/bf16_form.h"

#include "efla/cpu/matrix.h"
#include "efla/internal/bf16.h"

/* Rows in the workspace, and what follows them. */
typedef struct rows16 {
  uint16_t *q, *k, *v, *o;
  void *scratch;
} rows16;

static rows16 rows_of(const efla_bench_problem *p) {
  const size_t n = efla_bench_rows(&p->heads), dk = p->heads.dk, dv = p->heads.dv;
  rows16 x = {.q = p->extra};
  x.k = x.q + n * dk, x.v = x.k + n * dk, x.o = x.v + n * dv, x.scratch = (float *)p->extra + n * (dk + dv);
  return x;
}

size_t efla_bench_bf16_extra(const efla_bench_problem *p) {
  return efla_bench_rows(&p->heads) * (p->heads.dk + p->heads.dv) +
         efla_matrix_forward_scratch(&p->heads) / sizeof(float);
}

static void narrow(const efla_bench_problem *p, const void *from, size_t n, uint16_t *to) {
  for (size_t i = 0; i < n; i++) to[i] = efla_bf16_narrow((float)efla_bench_number(p, from, i));
}

void efla_bench_bf16_start(efla_bench_problem *p) {
  const rows16 x = rows_of(p);
  const size_t n = efla_bench_rows(&p->heads);
  narrow(p, p->q, n * p->heads.dk, x.q), narrow(p, p->k, n * p->heads.dk, x.k), narrow(p, p->v, n * p->heads.dv, x.v);
}

void efla_bench_bf16_work(efla_bench_problem *p) {
  const rows16 x = rows_of(p);
  const efla_matrix_call call = {.q = x.q,
                                 .k = x.k,
                                 .v = x.v,
                                 .write = p->coefficient,
                                 .erase = p->entry->decay ? p->erase : NULL,
                                 .decay = p->entry->decay ? p->decay : NULL,
                                 .scale = 1,
                                 .initial = p->S,
                                 .final = p->S,
                                 .o = x.o};
  efla_matrix_forward(efla_matrix_best(p->heads.isa), &p->heads, &call, x.scratch);
}

void efla_bench_bf16_finish(efla_bench_problem *p) {
  const uint16_t *o = rows_of(p).o;
  float *to = p->o;
  for (size_t i = 0; i < efla_bench_rows(&p->heads) * p->heads.dv; i++) to[i] = efla_bf16_widen(o[i]);
}

double efla_bench_bf16_bound(const efla_bench_problem *p) {
  return 4 * sqrt((double)(p->heads.tokens + 1) / (double)p->heads.dv) / 256;
}
