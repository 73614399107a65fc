/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/comparison.h"

#include "app/progress.h"
#include "check/measured.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static const efla_miss nowhere = {.token = SIZE_MAX};

static double ratio(double part, double whole) { return part == 0 ? 0 : part / whole; }

/* State of the comparison of one head within one sequence. */
typedef struct lane {
  efla_reference_trajectory trajectory;
  efla_miss first;      /* of this sequence */
  double before, after; /* largest ratio of error to error bound, before that token and from it on */
  efla_status status;
  efla_message why;
} lane;

typedef struct pass {
  efla_comparison *c;
  efla_stream stream;
  lane *lanes; /* (heads of a group) */
} pass;

static void compare_token(pass *p, size_t h, const efla_tokens *x, size_t t) {
  efla_comparison *c = p->c;
  lane *l = &p->lanes[h];
  efla_head_result *result = &c->head[p->stream.block.head + h];
  const double *found = efla_stream_head(&p->stream.y.o, h) + t * x->dv;
  efla_measured m = efla_measure_row(x->dv, found, l->trajectory.o, &c->spec.o);
  if (!isfinite(m.truth2)) {
    result->unknown++;
    return;
  }
  size_t token = p->stream.token + t;
  double allowed = efla_reference_trajectory_readout_tolerance(&l->trajectory, x->q + t * x->dk);
  result->o.variance.sum += l->trajectory.variance.sum, result->o.variance.most += l->trajectory.variance.most;
  bool exceeded = efla_errors_add(&result->o, &c->tolerance, x->dv, &m, allowed);
  efla_bin *bin = &result->bins[efla_bin_of(token)];
  efla_bin_add(bin, m.error2, m.truth2, m.ulps, ratio(sqrt(m.error2), allowed));
  bool missed = exceeded || l->first.token < SIZE_MAX;
  efla_raise(missed ? &l->after : &l->before, ratio(sqrt(m.error2), allowed));
  if (!exceeded || l->first.token < SIZE_MAX) return;
  size_t sequence = p->stream.sequence, head = p->stream.block.head + h;
  l->first =
      (efla_miss){sequence, head, token, (double)l->trajectory.o[m.worst], found[m.worst], sqrt(m.error2), allowed, ""};
  efla_tensors_index(c->out, EFLA_O, sequence, head, token, m.worst, l->first.index);
}

static void compare_state(pass *p, size_t h) {
  efla_comparison *c = p->c;
  lane *l = &p->lanes[h];
  size_t head = p->stream.block.head + h, n = p->stream.x.dk * p->stream.x.dv;
  efla_head_result *result = &c->head[head];
  const double *found = efla_stream_head(&p->stream.y.final_state, h);
  efla_measured m = efla_measure_row(n, found, l->trajectory.S, &c->spec.state);
  if (!isfinite(m.truth2)) return;
  const double allowed = efla_reference_trajectory_state_tolerance(&l->trajectory);
  const efla_variance variance = efla_error_bound_state(&l->trajectory.bound, &c->spec.state);
  result->state.variance.sum += variance.sum, result->state.variance.most += variance.most;
  if (!efla_errors_add(&result->state, &c->tolerance, n, &m, allowed)) return;
  efla_miss miss = {p->stream.sequence,
                    head,
                    efla_stream_last(&p->stream),
                    (double)l->trajectory.S[m.worst],
                    found[m.worst],
                    sqrt(m.error2),
                    allowed,
                    ""};
  efla_tensors_index(c->out, EFLA_FINAL_STATE, miss.sequence, head, miss.token, m.worst, miss.index);
  efla_take_first(&result->state.first, &miss);
}

/* Records whether only the incomplete last chunk of this sequence is wrong: no error before it comes near the
 * bound, as would be the case if errors grew. */
static void record_tail(pass *p, size_t h) {
  static const double NEAR = 0.25;
  const lane *l = &p->lanes[h];
  efla_head_result *result = &p->c->head[p->stream.block.head + h];
  size_t first = l->first.token;
  if (first == SIZE_MAX) return;
  for (size_t i = 0; i < EFLA_TAILS; i++) {
    size_t rest = p->stream.length % efla_tail_chunks[i], start = p->stream.length - rest;
    if (rest == 0 || start == 0 || first < start || !(l->before < NEAR * l->after)) result->tail[i] = false;
    result->begins[i] += first == start;
  }
}

static void advance_lane(pass *p, size_t h) {
  lane *l = &p->lanes[h];
  efla_tokens x = efla_stream_tokens(&p->stream, h);
  if (p->stream.begins) {
    efla_reference_trajectory_start(&l->trajectory, efla_stream_head(&p->stream.x.initial_state, h));
    l->first = nowhere;
    l->before = l->after = 0;
  }
  for (size_t t = 0; t < x.tokens && l->status == EFLA_OK; t++) {
    l->status = efla_reference_trajectory_step(&l->trajectory, &x, t, &l->why);
    if (l->status == EFLA_OK) compare_token(p, h, &x, t);
  }
}

static efla_status compare_block(pass *p, size_t threads, efla_message *why) {
  efla_comparison *c = p->c;
  size_t heads = p->stream.x.heads;
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)threads)
  for (size_t h = 0; h < heads; h++) advance_lane(p, h);
  for (size_t h = 0; h < heads; h++)
    if (p->lanes[h].status != EFLA_OK) {
      *why = p->lanes[h].why;
      return p->lanes[h].status;
    }
  for (size_t h = 0; h < heads && p->stream.ends; h++) {
    efla_take_first(&c->head[p->stream.block.head + h].o.first, &p->lanes[h].first);
    record_tail(p, h);
    if (p->stream.y.final_state.data) compare_state(p, h);
  }
  return EFLA_OK;
}

static efla_status pass_init(pass *p, efla_message *why) {
  const efla_tensors *in = p->c->in;
  const size_t squares = efla_error_bound_squares(&p->c->spec.units, p->c->spec.rule.decay->gated);
  /* per head: S in long double and twice in double, S as found, the matrices of the error bound */
  size_t states = 5 + squares * in->dk / in->dv;
  efla_status status = efla_stream_init(
      &p->stream, p->c->in, &(efla_walk){.states = states, .decay = p->c->spec.rule.decay, .outputs = p->c->out}, why);
  if (status != EFLA_OK) return status;
  size_t heads = p->stream.most_heads;
  p->lanes = calloc(heads, sizeof *p->lanes);
  bool room = p->lanes != NULL;
  for (size_t h = 0; h < heads && room; h++)
    room = efla_reference_trajectory_init(&p->lanes[h].trajectory, &p->c->spec, in->dk, in->dv) == EFLA_OK;
  return room ? EFLA_OK : efla_fail_memory(why);
}

static void pass_clear(pass *p) {
  for (size_t h = 0; p->lanes && h < p->stream.most_heads; h++)
    efla_reference_trajectory_clear(&p->lanes[h].trajectory);
  efla_stream_clear(&p->stream);
  free(p->lanes);
}

efla_status efla_comparison_run(efla_comparison *c, size_t threads, efla_message *why) {
  efla_progress progress;
  pass p = {.c = c};
  c->spec.tests = (double)c->in->heads * (double)(c->in->batch * c->in->tokens + c->in->sequences);
  c->head = calloc(c->in->heads, sizeof *c->head);
  if (!c->head) return efla_fail_memory(why);
  for (size_t h = 0; h < c->in->heads; h++) efla_head_result_init(&c->head[h]);
  efla_status status = pass_init(&p, why);
  efla_progress_start(&progress, "tokens", c->in->batch * c->in->heads * c->in->tokens);
  while (status == EFLA_OK && (status = efla_stream_next(&p.stream, why)) == EFLA_OK && !p.stream.done) {
    status = compare_block(&p, threads, why);
    efla_progress_add(&progress, p.stream.x.heads * p.stream.x.tokens);
  }
  efla_progress_end(&progress);
  pass_clear(&p);
  efla_head_result_init(&c->total);
  for (size_t h = 0; h < c->in->heads; h++) {
    efla_head_result_judge(&c->head[h], &c->tolerance, (double)c->in->heads);
    efla_head_result_merge(&c->total, &c->head[h]);
  }
  return status;
}

void efla_comparison_clear(efla_comparison *c) {
  free(c->head);
  c->head = NULL;
}
