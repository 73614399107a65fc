/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/comparison.h"

#include "app/progress.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static const efla_miss nowhere = {.token = SIZE_MAX};

static double ratio(double part, double whole) { return part == 0 ? 0 : part / whole; }

/* One token's read-out, or one state, held against the truth. */
typedef struct measured {
  size_t worst;                /* entry farthest off */
  double error2, truth2, ulps; /* of all entries; of the worst one */
  double ulps2;
} measured;

static measured measure(size_t n, const double *found, const long double *truth, const efla_format *format) {
  measured m = {0};
  double largest = 0, worst = -1;
  for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs((double)truth[i]));
  double gap = efla_format_gap(format, largest);
  for (size_t i = 0; i < n; i++) {
    double error = (double)fabsl(found[i] - truth[i]);
    if (!isfinite(error)) error = INFINITY;
    if (error > worst) worst = error, m.worst = i;
    m.error2 += error * error;
    m.truth2 += (double)(truth[i] * truth[i]);
  }
  m.ulps = worst / gap;
  m.ulps2 = m.error2 / gap / gap;
  return m;
}

/* Adds to the sums; returns whether the tolerance, where it is one for single tokens, is exceeded. */
static bool add(efla_errors_of *errors, const efla_tolerance *tolerance, size_t n, const measured *m, double variance,
                double allowed) {
  double error = sqrt(m->error2), relative = ratio(error, sqrt(m->truth2)), of_allowed = ratio(error, allowed);
  errors->numbers += n;
  errors->error2 += m->error2, errors->truth2 += m->truth2, errors->ulps2 += m->ulps2;
  errors->variance += variance;
  efla_raise(&errors->ulps, m->ulps);
  efla_raise(&errors->relative, relative);
  efla_raise(&errors->ratio, of_allowed);
  const bool exceeded[] = {!(of_allowed <= 1), !(m->ulps <= tolerance->value), !(relative <= tolerance->value)};
  return exceeded[tolerance->kind];
}

/* Everything about one head while its sequence lasts. */
typedef struct lane {
  efla_reference_trajectory trajectory;
  efla_miss first;      /* of this sequence */
  double before, after; /* largest error over what is granted, before that token and from it on */
  efla_status status;
  efla_message why;
} lane;

typedef struct pass {
  efla_comparison *c;
  efla_stream stream;
  lane *lanes;   /* (heads of a group) */
  double *o, *S; /* (heads, tokens, dv), (heads, dk, dv): as found */
} pass;

static void compare_token(pass *p, size_t h, const efla_tokens *x, size_t t) {
  efla_comparison *c = p->c;
  lane *l = &p->lanes[h];
  efla_head_result *result = &c->head[p->stream.span.head + h];
  const double *found = p->o + (h * x->tokens + t) * x->dv;
  measured m = measure(x->dv, found, l->trajectory.o, &c->spec.o);
  if (!isfinite(m.truth2)) {
    result->unknown++;
    return;
  }
  size_t token = p->stream.token + t;
  double allowed = efla_reference_trajectory_readout_tolerance(&l->trajectory, x->q + t * x->dk);
  bool exceeded = add(&result->o, &c->tolerance, x->dv, &m, l->trajectory.variance, allowed);
  efla_bin *bin = &result->bins[efla_bin_of(token)];
  bin->tokens++;
  bin->error2 += m.error2, bin->truth2 += m.truth2;
  efla_raise(&bin->ulps, m.ulps);
  efla_raise(&bin->ratio, ratio(sqrt(m.error2), allowed));
  bool missed = exceeded || l->first.token < SIZE_MAX;
  efla_raise(missed ? &l->after : &l->before, ratio(sqrt(m.error2), allowed));
  if (!exceeded || l->first.token < SIZE_MAX) return;
  efla_span one = p->stream.span;
  one.head += h, one.first += t;
  l->first = (efla_miss){p->stream.sequence, one.head,       token,   (double)l->trajectory.o[m.worst],
                         found[m.worst],     sqrt(m.error2), allowed, ""};
  efla_tensors_index(c->out, EFLA_O, &one, m.worst, l->first.index);
}

static void compare_state(pass *p, size_t h) {
  efla_comparison *c = p->c;
  lane *l = &p->lanes[h];
  size_t head = p->stream.span.head + h, n = c->in->dk * c->in->dv;
  efla_head_result *result = &c->head[head];
  const double *found = p->S + h * n;
  measured m = measure(n, found, l->trajectory.S, &c->spec.state);
  if (!isfinite(m.truth2)) return;
  double allowed = efla_reference_trajectory_state_tolerance(&l->trajectory), sigma = allowed / EFLA_ERROR_BOUND_TOKEN;
  if (!add(&result->state, &c->tolerance, n, &m, sigma * sigma, allowed)) return;
  efla_miss miss = {p->stream.sequence,
                    head,
                    efla_stream_last(&p->stream),
                    (double)l->trajectory.S[m.worst],
                    found[m.worst],
                    sqrt(m.error2),
                    allowed,
                    ""};
  efla_tensors_state_index(c->out, EFLA_FINAL_STATE, p->stream.sequence, head, m.worst, miss.index);
  efla_take_first(&result->state.first, &miss);
}

/* Whether the end of this sequence alone is at fault: nothing before comes near, as it would if the error grew. */
static void judge_tail(pass *p, size_t h) {
  static const double NEAR = 0.25;
  const lane *l = &p->lanes[h];
  efla_head_result *result = &p->c->head[p->stream.span.head + h];
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
    efla_reference_trajectory_start(&l->trajectory, p->S + h * x.dk * x.dv);
    l->first = nowhere;
    l->before = l->after = 0;
  }
  for (size_t t = 0; t < x.tokens && l->status == EFLA_OK; t++) {
    l->status =
        efla_reference_trajectory_step(&l->trajectory, &x, t, p->stream.g ? p->stream.g[h * x.tokens + t] : 0, &l->why);
    if (l->status == EFLA_OK) compare_token(p, h, &x, t);
  }
}

static efla_status compare_block(pass *p, size_t threads, efla_message *why) {
  efla_comparison *c = p->c;
  const efla_span *span = &p->stream.span;
  size_t sequence = p->stream.sequence;
  efla_status status = efla_tensors_read(c->out, EFLA_O, span, p->o, why);
  if (status == EFLA_OK && p->stream.begins)
    status = efla_tensors_read_states(c->in, EFLA_INITIAL_STATE, sequence, span->head, span->heads, p->S, why);
  if (status != EFLA_OK) return status;
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)threads)
  for (size_t h = 0; h < span->heads; h++) advance_lane(p, h);
  for (size_t h = 0; h < span->heads; h++)
    if (p->lanes[h].status != EFLA_OK) {
      *why = p->lanes[h].why;
      return p->lanes[h].status;
    }
  if (!p->stream.ends) return EFLA_OK;
  if (c->out->has[EFLA_FINAL_STATE])
    status = efla_tensors_read_states(c->out, EFLA_FINAL_STATE, sequence, span->head, span->heads, p->S, why);
  for (size_t h = 0; h < span->heads && status == EFLA_OK; h++) {
    efla_take_first(&c->head[span->head + h].o.first, &p->lanes[h].first);
    judge_tail(p, h);
    if (c->out->has[EFLA_FINAL_STATE]) compare_state(p, h);
  }
  return status;
}

static efla_status pass_init(pass *p, efla_message *why) {
  const efla_tensors *in = p->c->in;
  size_t states = 4 + in->dk / in->dv; /* per head: S in long double, what is found, the error bound's C */
  efla_status status = efla_stream_init(&p->stream, p->c->in, &(efla_walk){.states = states}, why);
  if (status != EFLA_OK) return status;
  size_t heads = p->stream.most_heads;
  p->lanes = calloc(heads, sizeof *p->lanes);
  p->o = malloc(heads * p->stream.most_tokens * in->dv * sizeof *p->o);
  p->S = malloc(heads * in->dk * in->dv * sizeof *p->S);
  bool room = p->lanes && p->o && p->S;
  for (size_t h = 0; h < heads && room; h++)
    room = efla_reference_trajectory_init(&p->lanes[h].trajectory, &p->c->spec, in->dk, in->dv) == EFLA_OK;
  return room ? EFLA_OK : efla_fail_memory(why);
}

static void pass_clear(pass *p) {
  for (size_t h = 0; p->lanes && h < p->stream.most_heads; h++)
    efla_reference_trajectory_clear(&p->lanes[h].trajectory);
  efla_stream_clear(&p->stream);
  free(p->lanes);
  free(p->o);
  free(p->S);
}

efla_status efla_comparison_run(efla_comparison *c, size_t threads, efla_message *why) {
  efla_progress progress;
  pass p = {.c = c};
  c->head = calloc(c->in->heads, sizeof *c->head);
  if (!c->head) return efla_fail_memory(why);
  for (size_t h = 0; h < c->in->heads; h++) efla_head_result_init(&c->head[h]);
  efla_status status = pass_init(&p, why);
  efla_progress_start(&progress, "tokens", c->in->batch * c->in->heads * c->in->tokens);
  while (status == EFLA_OK && (status = efla_stream_next(&p.stream, why)) == EFLA_OK && !p.stream.done) {
    status = compare_block(&p, threads, why);
    efla_progress_add(&progress, p.stream.span.heads * p.stream.span.tokens);
  }
  efla_progress_end(&progress);
  pass_clear(&p);
  efla_head_result_init(&c->total);
  for (size_t h = 0; h < c->in->heads; h++) {
    efla_head_result_judge(&c->head[h], &c->tolerance);
    efla_head_result_merge(&c->total, &c->head[h]);
  }
  return status;
}

void efla_comparison_clear(efla_comparison *c) {
  free(c->head);
  c->head = NULL;
}
