/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/forward_stream.h"

#include "app/progress.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct pass {
  const efla_forward_spec *forward;
  efla_tensors *in, *out;
  size_t threads;
  efla_stream stream;
  double *S, *o, *scratch; /* (heads, dk, dv), (heads, tokens, dv), (threads, scratch) */
  efla_bad first, final;   /* in o, in final_state */
} pass;

static efla_status pass_init(pass *p, efla_message *why) {
  efla_status status =
      efla_stream_init(&p->stream, p->in, &(efla_walk){.states = 1, .multiple = p->forward->chunk}, why);
  if (status != EFLA_OK) return status;
  size_t heads = p->stream.most_heads;
  p->S = malloc(heads * p->in->dk * p->in->dv * sizeof *p->S);
  p->o = malloc(heads * p->stream.most_tokens * p->in->dv * sizeof *p->o);
  p->scratch = malloc(p->threads * efla_forward_scratch(p->forward) * sizeof *p->scratch);
  return p->S && p->o && p->scratch ? EFLA_OK : efla_fail_memory(why);
}

static void pass_clear(pass *p) {
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
  efla_span one = p->stream.span;
  size_t dv = p->in->dv, n = one.tokens * dv;
  const double *o = p->o + h * n;
  size_t at = find_bad(n, o, p->out->stored[EFLA_O].largest), token = p->stream.token + at / dv;
  if (at == n || token >= p->first.token) return;
  one.head += h, one.first += at / dv;
  p->first = (efla_bad){p->stream.sequence, one.head, token, o[at], ""};
  efla_tensors_index(p->out, EFLA_O, &one, at % dv, p->first.index);
}

static void note_state(pass *p) {
  const efla_stream *stream = &p->stream;
  size_t state = p->in->dk * p->in->dv, n = stream->span.heads * state;
  size_t at = find_bad(n, p->S, p->out->stored[EFLA_FINAL_STATE].largest), head = stream->span.head + at / state;
  if (at == n || p->final.token < SIZE_MAX) return;
  p->final = (efla_bad){stream->sequence, head, efla_stream_last(stream), p->S[at], ""};
  efla_tensors_state_index(p->out, EFLA_FINAL_STATE, stream->sequence, head, at % state, p->final.index);
}

static efla_status start_heads(pass *p, efla_message *why) {
  const efla_span *span = &p->stream.span;
  efla_status status =
      efla_tensors_read_states(p->in, EFLA_INITIAL_STATE, p->stream.sequence, span->head, span->heads, p->S, why);
  for (size_t h = 0; h < span->heads && status == EFLA_OK; h++)
    efla_forward_start(p->forward, p->S + h * p->in->dk * p->in->dv);
  return status;
}

static void advance_heads(pass *p) {
  size_t state = p->in->dk * p->in->dv, scratch = efla_forward_scratch(p->forward);
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)p->threads)
  for (size_t h = 0; h < p->stream.span.heads; h++) {
    efla_tokens x = efla_stream_tokens(&p->stream, h);
    efla_forward_advance(p->forward, &x, p->stream.g ? p->stream.g + h * x.tokens : NULL, p->S + h * state,
                         p->o + h * x.tokens * x.dv, p->scratch + (size_t)omp_get_thread_num() * scratch);
  }
}

static efla_status pass_block(pass *p, efla_message *why) {
  const efla_stream *stream = &p->stream;
  const efla_span *span = &stream->span;
  efla_status status = stream->begins ? start_heads(p, why) : EFLA_OK;
  if (status != EFLA_OK) return status;
  advance_heads(p);
  for (size_t h = 0; h < span->heads; h++) note_token(p, h);
  status = efla_tensors_write(p->out, EFLA_O, span, p->o, why);
  if (status != EFLA_OK || !stream->ends) return status;
  note_state(p);
  return efla_tensors_write_states(p->out, EFLA_FINAL_STATE, stream->sequence, span->head, span->heads, p->S, why);
}

efla_status efla_forward_stream(const efla_forward_spec *forward, efla_tensors *in, efla_tensors *out, size_t threads,
                                efla_bad *bad, efla_message *why) {
  assert(forward->dk == in->dk && forward->dv == in->dv && threads > 0);
  pass p = {
      .forward = forward, .in = in, .out = out, .threads = threads, .first.token = SIZE_MAX, .final.token = SIZE_MAX};
  efla_progress progress;
  efla_status status = pass_init(&p, why);
  efla_progress_start(&progress, "tokens", in->batch * in->heads * in->tokens);
  while (status == EFLA_OK && (status = efla_stream_next(&p.stream, why)) == EFLA_OK && !p.stream.done) {
    status = pass_block(&p, why);
    efla_progress_add(&progress, p.stream.span.heads * p.stream.span.tokens);
  }
  efla_progress_end(&progress);
  pass_clear(&p);
  *bad = p.first.token < SIZE_MAX ? p.first : p.final;
  return status;
}
