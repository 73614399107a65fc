/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/forward_stream.h"

#include "app/progress.h"
#include "run/block_forward.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct pass {
  const efla_forward_spec *forward;
  efla_tensors *in, *out;
  size_t threads;
  efla_stream stream;
  efla_block_forward block; /* where `general`: what computes instead of the forms */
  bool general;
  double *S, *o, *scratch; /* (heads, dk, dv), (heads, tokens, dv), (threads, scratch) */
  efla_bad first, final;   /* results that are not finite, in o and in final_state */
} pass;

static efla_status pass_init(pass *p, const char *backend, efla_message *why) {
  const efla_sequence *x = &p->stream.x;
  efla_status status =
      efla_stream_init(&p->stream, p->in,
                       &(efla_walk){.states = 1, .decay = p->forward->rule.decay, .multiple = p->forward->chunk}, why);
  if (status != EFLA_OK) return status;
  size_t heads = p->stream.most_heads;
  p->S = malloc(heads * x->dk * x->dv * sizeof *p->S);
  p->o = malloc(heads * p->stream.most_tokens * x->dv * sizeof *p->o);
  p->scratch = malloc(p->threads * efla_forward_scratch(p->forward) * sizeof *p->scratch);
  if (!p->S || !p->o || !p->scratch) return efla_fail_memory(why);
  p->general = efla_block_forward_needed(p->in, p->forward, backend);
  return p->general ? efla_block_forward_init(&p->block, p->forward, backend, p->threads, &p->stream, why) : EFLA_OK;
}

static void pass_clear(pass *p) {
  efla_block_forward_clear(&p->block);
  efla_stream_clear(&p->stream);
  free(p->S);
  free(p->o);
  free(p->scratch);
}

/* The first of n numbers that is not finite once it is stored; n if all are. */
static size_t find_bad(size_t n, const double *values, double largest) {
  int wrong = 0;
  for (size_t i = 0; i < n; i++) wrong |= !(fabs(values[i]) <= largest);
  for (size_t i = 0; wrong && i < n; i++)
    if (!(fabs(values[i]) <= largest)) return i;
  return n;
}

static void note_token(pass *p, size_t h) {
  const efla_stream *stream = &p->stream;
  size_t dv = stream->x.dv, n = stream->x.tokens * dv;
  const double *o = p->o + h * n;
  size_t at = find_bad(n, o, p->out->stored[EFLA_O].largest), token = stream->token + at / dv;
  if (at == n || token >= p->first.token) return;
  p->first = (efla_bad){stream->sequence, stream->block.head + h, token, o[at], ""};
  efla_tensors_index(p->out, EFLA_O, stream->sequence, p->first.head, token, at % dv, p->first.index);
}

static void note_state(pass *p) {
  const efla_stream *stream = &p->stream;
  size_t state = stream->x.dk * stream->x.dv, n = stream->x.heads * state;
  size_t at = find_bad(n, p->S, p->out->stored[EFLA_FINAL_STATE].largest), last = efla_stream_last(stream);
  if (at == n || p->final.token < SIZE_MAX) return;
  p->final = (efla_bad){stream->sequence, stream->block.head + at / state, last, p->S[at], ""};
  efla_tensors_index(p->out, EFLA_FINAL_STATE, stream->sequence, p->final.head, last, at % state, p->final.index);
}

static void start_heads(pass *p) {
  const efla_sequence *x = &p->stream.x;
  size_t state = x->dk * x->dv;
  if (x->initial_state.data)
    memcpy(p->S, x->initial_state.data, x->heads * state * sizeof *p->S);
  else
    memset(p->S, 0, x->heads * state * sizeof *p->S);
  for (size_t h = 0; h < x->heads && !p->general; h++) efla_forward_start(p->forward, p->S + h * state);
}

static efla_status advance_heads(pass *p, efla_message *why) {
  const efla_sequence *sequence = &p->stream.x;
  size_t state = sequence->dk * sequence->dv, scratch = efla_forward_scratch(p->forward);
  if (p->general) return efla_block_forward_advance(&p->block, sequence, p->S, p->o, why);
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)p->threads)
  for (size_t h = 0; h < sequence->heads; h++) {
    efla_tokens x = efla_stream_tokens(&p->stream, h);
    efla_forward_advance(p->forward, &x, p->S + h * state, p->o + h * x.tokens * x.dv,
                         p->scratch + (size_t)omp_get_thread_num() * scratch);
  }
  return EFLA_OK;
}

static efla_status pass_block(pass *p, efla_message *why) {
  const efla_sequence *x = &p->stream.x;
  if (p->stream.begins) start_heads(p);
  efla_status status = advance_heads(p, why);
  if (status != EFLA_OK) return status;
  for (size_t h = 0; h < x->heads; h++) note_token(p, h);
  if (p->stream.ends) note_state(p);
  const efla_result y = {.o = efla_array_head_major(p->o, EFLA_F64, x->tokens, x->heads, x->dv),
                         .final_state = efla_array_states(p->S, EFLA_F64, x->heads, x->dk, x->dv)};
  return efla_stream_write(&p->stream, p->out, &y, why);
}

efla_status efla_forward_stream(const efla_forward_spec *forward, const char *backend, efla_tensors *in,
                                efla_tensors *out, size_t threads, efla_bad *bad, efla_message *why) {
  assert(forward->dk == in->dk && forward->dv == in->dv && threads > 0);
  pass p = {
      .forward = forward, .in = in, .out = out, .threads = threads, .first.token = SIZE_MAX, .final.token = SIZE_MAX};
  efla_progress progress;
  efla_status status = pass_init(&p, backend, why);
  efla_progress_start(&progress, "tokens", in->batch * in->heads * in->tokens);
  while (status == EFLA_OK && (status = efla_stream_next(&p.stream, why)) == EFLA_OK && !p.stream.done) {
    status = pass_block(&p, why);
    efla_progress_add(&progress, p.stream.x.heads * p.stream.x.tokens);
  }
  efla_progress_end(&progress);
  pass_clear(&p);
  *bad = p.first.token < SIZE_MAX ? p.first : p.final;
  return status;
}
