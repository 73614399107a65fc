/* SPDX-License-Identifier: MIT */
#include "efla/cpu/matrix.h"

#include "efla/internal/bf16.h"
#include "efla/internal/threads.h"

#include <assert.h>
#include <string.h>

extern const efla_matrix efla_matrix_avx512_bf16;

static const efla_matrix *const units[] = {
#ifdef __x86_64__
    &efla_matrix_avx512_bf16,
#endif
    NULL,
};

const efla_matrix *efla_matrix_best(const efla_isa *isa) {
  size_t i = 0;
  while (units[i] && !(units[i]->isa == isa && units[i]->supported())) i++;
  return units[i];
}

/* ---- scratch ---- */

/* As matrix.inc takes it. */
size_t efla_matrix_scratch(size_t dk, size_t dv) {
  enum { C = EFLA_MATRIX_CHUNK };
  const size_t pairs = (dk + 1) / 2, kr = efla_row(pairs), cr = efla_row(C), hr = efla_row(C / 2), vr = efla_row(dv);
  return sizeof(float) * (2 * C * kr + pairs * (cr + 2 * hr) + (pairs + C / 2 + 2 * C) * vr + C * (hr + 3 * cr + 3));
}

enum { COLUMNS = 64 }; /* that two threads may share a head's state by */

/* Of one thread: the state, and a chunk's scratch; whole lines. */
static size_t state_size(const efla_heads *heads) { return heads->dk * efla_row(heads->dv) * sizeof(float); }
static size_t thread_size(const efla_heads *heads) {
  return state_size(heads) + efla_matrix_scratch(heads->dk, heads->dv);
}

size_t efla_matrix_forward_scratch(const efla_heads *heads) {
  return EFLA_LINE_BYTES + efla_heads_threads(heads) * thread_size(heads);
}

/* ---- states ---- */

/* Columns first ... first+n-1 of a state whose row i is at from.first + i * from.stride. */
static void load_state(const efla_heads *heads, const efla_matrix_call *x, efla_head_numbers from, size_t first,
                       size_t n, float *S) {
  const size_t row = efla_row(n);
  memset(S, 0, heads->dk * row * sizeof *S);
  for (size_t i = 0; i < heads->dk && x->initial; i++) {
    const size_t at = from.first + i * from.stride + first;
    if (!x->narrow_initial) memcpy(S + i * row, (const float *)x->initial + at, n * sizeof *S);
    for (size_t j = 0; j < n && x->narrow_initial; j++)
      S[i * row + j] = efla_bf16_widen(((const uint16_t *)x->initial)[at + j]);
  }
}

static void store_state(const efla_heads *heads, const efla_matrix_call *x, efla_head_numbers to, size_t first,
                        size_t n, const float *S) {
  const size_t row = efla_row(n);
  for (size_t i = 0; i < heads->dk && x->final; i++) {
    const size_t at = to.first + i * to.stride + first;
    if (!x->narrow_final) memcpy((float *)x->final + at, S + i * row, n * sizeof *S);
    for (size_t j = 0; j < n && x->narrow_final; j++) ((uint16_t *)x->final)[at + j] = efla_bf16_narrow(S[i * row + j]);
  }
}

/* ---- heads ---- */

/* Some columns of one head of one sequence. */
typedef struct lane {
  size_t sequence, head, first, columns;
} lane;

typedef struct scalars {
  float write[EFLA_MATRIX_CHUNK], erase[EFLA_MATRIX_CHUNK], decay[EFLA_MATRIX_CHUNK];
} scalars;

static const void *number_at(const efla_matrix_call *x, const void *rows, efla_head_numbers at, size_t t,
                             size_t column) {
  if (!rows) return NULL;
  return (const char *)rows + (at.first + t * at.stride + column) * (x->wide ? sizeof(float) : sizeof(uint16_t));
}

/* Tokens t ... of the lane as they lie in memory; scalars are for the caller to gather. */
static efla_matrix_chunk describe(const efla_heads *heads, const efla_matrix_call *x, const lane *l, size_t t) {
  const size_t left = efla_heads_rows(heads, l->sequence, l->head).tokens - t;
  const efla_head_numbers q = efla_heads_numbers(heads, EFLA_HEADS_ARRAY(heads, q), l->sequence, l->head, heads->dk),
                          k = efla_heads_numbers(heads, EFLA_HEADS_ARRAY(heads, k), l->sequence, l->head, heads->dk),
                          v = efla_heads_numbers(heads, EFLA_HEADS_ARRAY(heads, v), l->sequence, l->head, heads->dv),
                          o = efla_heads_numbers(heads, EFLA_HEADS_ARRAY(heads, o), l->sequence, l->head, heads->dv);
  return (efla_matrix_chunk){.tokens = left < EFLA_MATRIX_CHUNK ? left : EFLA_MATRIX_CHUNK,
                             .dk = heads->dk,
                             .dv = l->columns,
                             .wide = x->wide,
                             .q = number_at(x, x->q, q, t, 0),
                             .k = number_at(x, x->k, k, t, 0),
                             .v = number_at(x, x->v, v, t, l->first),
                             .q_stride = (ptrdiff_t)q.stride,
                             .k_stride = (ptrdiff_t)k.stride,
                             .v_stride = (ptrdiff_t)v.stride,
                             .o_stride = (ptrdiff_t)o.stride,
                             .scale = x->scale,
                             .o = (void *)number_at(x, x->o, o, t, l->first)};
}

static void gather_scalars(const efla_heads *heads, const efla_matrix_call *x, const lane *l, size_t t,
                           efla_matrix_chunk *c, scalars *to) {
  const efla_head_rows rows = efla_heads_rows(heads, l->sequence, l->head);
  for (size_t i = 0; i < c->tokens; i++) {
    const size_t row = rows.first + (t + i) * rows.stride;
    to->write[i] = x->write[row];
    if (x->erase) to->erase[i] = x->erase[row];
    if (x->decay) to->decay[i] = x->decay[row];
  }
  c->write = to->write;
  c->erase = x->erase ? to->erase : NULL, c->decay = x->decay ? to->decay : NULL;
}

static void run_lane(const efla_matrix *unit, const efla_heads *heads, const efla_matrix_call *x, const lane *l,
                     char *scratch) {
  const size_t tokens = efla_heads_rows(heads, l->sequence, l->head).tokens;
  float *S = (float *)(void *)scratch;
  load_state(heads, x, efla_heads_state(heads, EFLA_HEADS_ARRAY(heads, initial), l->sequence, l->head), l->first,
             l->columns, S);
  for (size_t t = 0; t < tokens; t += EFLA_MATRIX_CHUNK) {
    scalars gathered;
    efla_matrix_chunk c = describe(heads, x, l, t), next;
    const bool more = t + EFLA_MATRIX_CHUNK < tokens;
    if (more) next = describe(heads, x, l, t + EFLA_MATRIX_CHUNK);
    gather_scalars(heads, x, l, t, &c, &gathered);
    c.isa = unit->isa, c.S = S, c.scratch = scratch + state_size(heads), c.next = more ? &next : NULL;
    unit->chunk(&c);
  }
  store_state(heads, x, efla_heads_state(heads, EFLA_HEADS_ARRAY(heads, final), l->sequence, l->head), l->first,
              l->columns, S);
}

void efla_matrix_forward(const efla_matrix *unit, const efla_heads *heads, const efla_matrix_call *x, void *scratch) {
  efla_heads_assert(heads);
  assert(!x->o || x->q);
  const size_t states = efla_heads_sequences(heads) * heads->heads, threads = efla_heads_threads(heads),
               parts = (heads->dv + COLUMNS - 1) / COLUMNS, wanted = states ? (threads + states - 1) / states : 1,
               shares = wanted < parts ? wanted : parts;
  char *aligned = (char *)scratch + (EFLA_LINE_BYTES - (uintptr_t)scratch % EFLA_LINE_BYTES) % EFLA_LINE_BYTES;
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)threads) if (threads > 1)
  for (size_t i = 0; i < states * shares; i++) {
    const size_t share = i % shares, first = parts * share / shares * COLUMNS,
                 end = parts * (share + 1) / shares * COLUMNS;
    const lane l = {.sequence = i / shares / heads->heads,
                    .head = i / shares % heads->heads,
                    .first = first,
                    .columns = (end < heads->dv ? end : heads->dv) - first};
    run_lane(unit, heads, x, &l, aligned + efla_thread() * thread_size(heads));
  }
}
