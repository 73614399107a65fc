/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "number/forward.h"

#include "efla/cpu/chunk.h"
#include "efla/cpu/kernel.h"
#include "efla/reference/recurrence.h"

#include <assert.h>
#include <string.h>

/* Tokens that a form takes at once where nothing else says how many. */
enum { PIECE = 64 };

static size_t piece_tokens(const efla_forward_spec *forward);

/* Rounds a state to the format: in f64 it is what it is. */
static void store_f64(const efla_format *format, double *S, size_t n) { (void)format, (void)S, (void)n; }
static void store_f32(const efla_format *format, float *S, size_t n) { efla_format_round_f32(format, S, n); }

#define REAL       double
#define NAME(stem) stem##_f64
#include "number/forward.inc"
#undef REAL
#undef NAME

#define REAL       float
#define NAME(stem) stem##_f32
#include "number/forward.inc"

const efla_form efla_forms[] = {
    {"recurrence", "token by token, naively (E3): the definition", recurrence_f64, recurrence_f32},
    {"kernel", "token by token, at the machine's speed", kernel_f64, kernel_f32},
    {"chunk", "chunkwise, by matrix products (E4)", chunkwise_f64, chunkwise_f32},
    {.name = NULL},
};

const char *efla_form_name(size_t i) { return i < sizeof efla_forms / sizeof *efla_forms ? efla_forms[i].name : NULL; }

const efla_form *efla_form_find(const char *name) {
  for (const efla_form *form = efla_forms; form->name; form++)
    if (!strcmp(form->name, name)) return form;
  return NULL;
}

static bool chunkwise(const efla_forward_spec *forward) { return forward->form->run_f64 == chunkwise_f64; }

/* A state that is stored in few bits is stored after every piece. */
static size_t piece_tokens(const efla_forward_spec *forward) {
  if (chunkwise(forward)) return forward->chunk;
  return forward->format->digits < 24 ? 1 : PIECE;
}

size_t efla_forward_scratch(const efla_forward_spec *forward) {
  efla_heads heads = efla_heads_one(piece_tokens(forward), forward->dk, forward->dv);
  size_t n = heads.tokens, dk = heads.dk, dv = heads.dv;
  size_t forms[] = {efla_kernel_scratch_f64(&heads), efla_kernel_scratch_f32(&heads), efla_chunk_scratch(n, dk, dv)},
         most = 0;
  for (size_t i = 0; i < 3; i++) most = forms[i] > most ? forms[i] : most;
  return n * (dk + 3) + dk * dv + n * (2 * dk + 2 * dv + 3) + most; /* of doubles, which is enough for as many floats */
}

void efla_forward_start(const efla_forward_spec *forward, double *S) {
  if (forward->format->digits > 24) return;
  for (size_t e = 0; e < forward->dk * forward->dv; e++) {
    float stored = (float)S[e];
    efla_format_round_f32(forward->format, &stored, 1);
    S[e] = (double)stored;
  }
}

void efla_forward_advance(const efla_forward_spec *forward, const efla_tokens *x, double *S, double *o,
                          double *scratch) {
  assert(x->dk == forward->dk && x->dv == forward->dv);
  if (forward->format->digits > 24)
    advance_f64(forward, x, S, o, scratch);
  else
    advance_f32(forward, x, S, o, scratch);
}
