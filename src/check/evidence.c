/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/evidence.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_HEADS = 16, MOST_SEQUENCES = 4 };

/* Which heads of the file are read: all where they are few, otherwise the first that are outside. */
static size_t choose(const efla_comparison *c, size_t most, size_t *head) {
  size_t n = 0;
  const bool all = c->in->heads <= most;
  for (size_t h = 0; h < c->in->heads && n < most; h++)
    if (all || c->head[h].outside) head[n++] = h;
  return n;
}

static size_t at_least_one(size_t n) { return n ? n : 1; }

static efla_status lane_init(efla_lane *lane, const efla_tensors *in, const efla_stream *stream, size_t tokens,
                             efla_message *why) {
  const size_t dk = in->dk, dv = in->dv, state = dk * dv, argument = stream->x.g_per_channel ? dk : 1;
  double *block = calloc(tokens * (2 * dk + dv + 1) + tokens * (argument + dk) + tokens * (2 * dv + 3) + 3 * state + 1,
                         sizeof *block);
  if (!block) return efla_fail_memory(why);
  lane->x = (efla_tokens){.tokens = tokens, .dk = dk, .dv = dv, .block = block, .q = block};
  lane->x.k = lane->x.q + tokens * dk;
  lane->x.v = lane->x.k + tokens * dk;
  lane->x.beta = lane->x.v + tokens * dv;
  double *g = lane->x.beta + tokens, *p = g + tokens * argument;
  if (stream->x.g.data) lane->x.g = g, lane->x.g_per_channel = stream->x.g_per_channel;
  if (stream->x.p.data) lane->x.p = p;
  lane->found = p + tokens * dk;
  lane->truth = lane->found + tokens * dv;
  lane->variance = lane->truth + tokens * dv;
  lane->allowed = lane->variance + tokens;
  lane->bits = lane->allowed + tokens;
  lane->start = lane->bits + tokens;
  lane->S = lane->start + state;
  lane->S_truth = lane->S + state;
  return EFLA_OK;
}

static void take_block(efla_lane *lane, const efla_stream *stream, size_t h) {
  const efla_tokens from = efla_stream_tokens(stream, h);
  efla_tokens to = efla_tokens_slice(&lane->x, stream->token, from.tokens);
  const size_t state = from.dk * from.dv * sizeof(double);
  assert(lane->found);
  efla_tokens_copy(&to, &from);
  memcpy(lane->found + stream->token * from.dv, efla_stream_head(&stream->y.o, h),
         from.tokens * from.dv * sizeof(double));
  if (stream->begins) {
    const double *start = efla_stream_head(&stream->x.initial_state, h);
    if (start && lane->start)
      memcpy(lane->start, start, state);
    else
      lane->start = NULL;
  }
  if (!stream->ends) return;
  const double *S = efla_stream_head(&stream->y.final_state, h);
  lane->whole = stream->whole;
  if (S && stream->whole && lane->S)
    memcpy(lane->S, S, state);
  else
    lane->S = NULL;
}

static efla_status read_lanes(efla_evidence *e, const efla_comparison *c, const size_t *head, size_t length,
                              efla_message *why) {
  efla_stream stream;
  const efla_walk walk = {
      .states = 4, .decay = c->spec.rule.decay, .sequences = e->sequences, .length = length, .outputs = c->out};
  size_t read = 0, last = SIZE_MAX;
  efla_status status = efla_stream_init(&stream, c->in, &walk, why);
  while (status == EFLA_OK && (status = efla_stream_next(&stream, why)) == EFLA_OK && !stream.done) {
    if (stream.length == 0) continue;
    if (stream.sequence != last) read += 1, last = stream.sequence;
    for (size_t i = 0; i < e->heads && status == EFLA_OK; i++) {
      const size_t h = head[i] - stream.block.head;
      if (head[i] < stream.block.head || h >= stream.x.heads) continue;
      efla_lane *lane = &e->lane[(read - 1) * e->heads + i];
      lane->sequence = stream.sequence, lane->head = head[i], lane->judged = c->head[head[i]].outside;
      if (!lane->x.block) status = lane_init(lane, c->in, &stream, stream.length, why);
      if (status == EFLA_OK) take_block(lane, &stream, h);
      if (stream.length > e->most) e->most = stream.length;
    }
  }
  efla_stream_clear(&stream);
  e->sequences = read;
  return status;
}

/* The true read-outs of a lane and what errors are expected of them; `out` is variance or bits. */
static efla_status follow(const efla_kernel_spec *spec, efla_lane *lane, double *out, efla_message *why) {
  efla_reference_trajectory trajectory;
  const size_t dk = lane->x.dk, dv = lane->x.dv;
  efla_status status = efla_reference_trajectory_init(&trajectory, spec, dk, dv);
  if (status != EFLA_OK) return efla_fail_memory(why);
  efla_reference_trajectory_start(&trajectory, lane->start);
  for (size_t t = 0; t < lane->x.tokens && status == EFLA_OK; t++) {
    status = efla_reference_trajectory_step(&trajectory, &lane->x, t, why);
    for (size_t j = 0; j < dv; j++) lane->truth[t * dv + j] = (double)trajectory.o[j];
    out[t] = trajectory.variance.sum;
    lane->allowed[t] = efla_reference_trajectory_readout_tolerance(&trajectory, lane->x.q + t * dk);
  }
  for (size_t e = 0; e < dk * dv; e++) lane->S_truth[e] = (double)trajectory.S[e];
  lane->S_variance = efla_error_bound_state(&trajectory.bound, &spec->state).sum;
  efla_reference_trajectory_clear(&trajectory);
  return status;
}

static efla_status follow_all(efla_evidence *e, size_t threads, efla_message *why) {
  efla_status status = EFLA_OK;
  efla_kernel_spec bits = *e->spec;
  bits.units = (efla_units){.state = 1};
  bits.o = *efla_format_find("f64");
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)threads)
  for (size_t i = 0; i < efla_evidence_lanes(e); i++) {
    efla_lane *lane = &e->lane[i];
    efla_message own;
    if (!lane->judged) continue;
    efla_status one = follow(&bits, lane, lane->bits, &own);
    if (one == EFLA_OK) one = follow(e->spec, lane, lane->variance, &own);
    if (one == EFLA_OK) continue;
#pragma omp critical
    status = one, *why = own;
  }
  return status;
}

/* Of every sequence the first heads that are outside, as many as are judged. */
static void choose_lanes(efla_evidence *e) {
  enum { JUDGED = 2 };
  for (size_t s = 0; s < e->sequences; s++)
    for (size_t h = 0, n = 0; h < e->heads; h++) {
      efla_lane *lane = &e->lane[s * e->heads + h];
      lane->judged = lane->judged && n < JUDGED;
      n += lane->judged;
    }
}

efla_status efla_evidence_gather(efla_evidence *e, const efla_comparison *c, const efla_effort *effort, size_t threads,
                                 efla_message *why) {
  const efla_tensors *in = c->in;
  const size_t rows = at_least_one(effort->operations / (in->dk * in->dv)); /* lanes times tokens */
  const size_t lanes = at_least_one(rows / effort->least);
  size_t head[MOST_HEADS];
  *e = (efla_evidence){.spec = &c->spec, .in = in};
  e->heads = choose(c, lanes < MOST_HEADS ? lanes : MOST_HEADS, head);
  e->all_heads = e->heads == in->heads;
  e->sequences = at_least_one(lanes / at_least_one(e->heads));
  if (e->sequences > MOST_SEQUENCES) e->sequences = MOST_SEQUENCES;
  if (e->sequences > in->sequences) e->sequences = in->sequences;
  if (e->heads == 0 || e->sequences == 0) return EFLA_OK;
  size_t length = rows / (e->heads * e->sequences);
  if (length < effort->least) length = effort->least;
  e->lane = calloc(e->heads * e->sequences, sizeof *e->lane);
  if (!e->lane) return efla_fail_memory(why);
  efla_status status = read_lanes(e, c, head, length, why);
  if (status == EFLA_OK) choose_lanes(e);
  return status == EFLA_OK ? follow_all(e, threads, why) : status;
}

void efla_evidence_limit(efla_evidence *e, size_t lanes) {
  for (size_t i = 0; i < efla_evidence_lanes(e); i++) {
    e->lane[i].judged = e->lane[i].judged && lanes > 0;
    lanes -= e->lane[i].judged;
  }
}

void efla_evidence_clear(efla_evidence *e) {
  for (size_t i = 0; e->lane && i < efla_evidence_lanes(e); i++) free(e->lane[i].x.block);
  free(e->lane);
  *e = (efla_evidence){0};
}
