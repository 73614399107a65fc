/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/fault_model.h"

#include "efla/reference/recurrence.h"
#include "ode/channel_exact.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Sums of squares that one head contributes to one fault candidate. */
typedef struct sums {
  double o_error2, o_own2, S_error2, S_own2;
} sums;

enum { SCRATCH = 5 }; /* keys of the update and of lambda, q, decays before and after the update */

typedef struct pass {
  efla_fault_candidates *candidates;
  const efla_comparison *c;
  const bool *tried; /* (heads of the file): compared with the candidates */
  efla_stream stream;
  sums *sums;      /* (heads of a group, fault candidates) */
  double *S;       /* the same, (dk, dv) each */
  double *turned;  /* (dk, dv), a final state transposed */
  double *scratch; /* (threads, SCRATCH dk + dv) */
} pass;

static void scale_by(size_t n, double *values, double factor) {
  for (size_t i = 0; i < n; i++) values[i] *= factor;
}

static void transpose(size_t n, const double *from, double *to) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) to[i * n + j] = from[j * n + i];
}

static void read_out(const efla_fault_model *model, size_t dk, size_t dv, const double *q, const double *S, double *o) {
  if (model->read != EFLA_READ_TRANSPOSED) {
    efla_readout_f64(dk, dv, q, S, o);
  } else {
    for (size_t i = 0; i < dk; i++) o[i] = 0;
    for (size_t i = 0; i < dk; i++)
      for (size_t j = 0; j < dv; j++) o[i] += S[i * dv + j] * q[j];
  }
  scale_by(dv, o, model->scale);
}

/* The coefficients of the update; returns the decay that follows it, 1 where it is in the update. */
static double form_coefficients(const efla_fault_model *model, double lambda, double beta, double g,
                                efla_coefficients *c) {
  double epsilon = model->epsilon, decay;
  efla_rule_coefficients(&model->rule, lambda, beta, g, c);
  decay = c->decay;
  if (model->decay_after) efla_rule_coefficients(&(efla_rule){.method = model->rule.method}, lambda, beta, 0, c);
  if (epsilon > 0) {
    c->write = -expm1(-beta * fmax(lambda, epsilon)) / (lambda + epsilon);
    c->erase = c->decay * c->write;
  }
  return model->decay_after ? decay : 1;
}

/* How a fault model decays the channels of a token. */
typedef enum channel_form {
  NO_CHANNELS, /* one decay or none, which the coefficients have */
  SPLIT,       /* decays before and after the update */
  FLOW         /* the exact flow */
} channel_form;

/* Decays of the channels before and after the update (dk), all 1 without channels; the flow's are all before. */
static channel_form channel_decays(const efla_fault_model *model, const efla_tokens *x, size_t t, double *before,
                                   double *after) {
  const efla_decay *decay = model->rule.decay;
  const bool channels = x->g && x->g_per_channel && decay && decay->gated, flow = channels && decay->share == 0;
  const double *g = channels ? x->g + t * x->dk : NULL, share = model->decay_after  ? 0
                                                                : !channels || flow ? 1
                                                                                    : decay->share;
  double mean = 0;
  for (size_t i = 0; i < x->dk && channels; i++) mean += g[i] / (double)x->dk;
  for (size_t i = 0; i < x->dk; i++) {
    const double of_channel = !channels ? 0 : model->mean_decay ? mean : g[i];
    before[i] = exp(share * of_channel), after[i] = exp((1 - share) * of_channel);
  }
  return !channels ? NO_CHANNELS : flow && !model->decay_after ? FLOW : SPLIT;
}

/* The exact flow of token t with the channels' decays (dk), which become their rates; nan without memory. */
static void flow(const efla_tokens *x, size_t t, double *key, double *decays, double *S) {
  const efla_tokens one = {.tokens = 1, .dk = x->dk, .dv = x->dv, .k = key, .v = x->v + t * x->dv, .beta = x->beta + t};
  for (size_t i = 0; i < x->dk; i++) decays[i] = -log(decays[i]);
  if (efla_channel_exact_f64(&one, decays, S, NULL) != EFLA_OK) S[0] = NAN;
}

static double dot(size_t n, const double *x, const double *y) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

/* S <- diag(before after) S c.decay: a token that does not enter the state. */
static void decay_only(size_t dk, size_t dv, const double *before, const double *after, double c, double *S) {
  for (size_t i = 0; i < dk; i++) scale_by(dv, S + i * dv, before[i] * after[i] * c);
}

/* Token t according to the fault model; counts: whether it enters the state.  scratch (SCRATCH dk). */
static void step(const efla_fault_model *model, const efla_tokens *x, size_t t, bool counts, double *S, double *o,
                 double *scratch) {
  size_t dk = x->dk, dv = x->dv;
  double *key = scratch, *coefficient_key = key + dk, *q = coefficient_key + dk, *before = q + dk, *after = before + dk;
  memcpy(key, x->k + t * dk, dk * sizeof *key);
  memcpy(coefficient_key, key, dk * sizeof *key);
  memcpy(q, x->q + t * dk, dk * sizeof *q);
  model->rule.keys->apply(dk, key);
  model->coefficient_keys->apply(dk, coefficient_key);
  model->queries->apply(dk, q);
  const channel_form form = channel_decays(model, x, t, before, after);
  const double *p = x->p && !model->ignores_p ? x->p + t * dk : NULL;
  efla_coefficients c;
  double later = form_coefficients(model, dot(dk, p ? p : coefficient_key, coefficient_key), x->beta[t],
                                   efla_token_argument(x, t), &c);
  if (model->read == EFLA_READ_BEFORE) { /* the state before, decayed */
    for (size_t i = 0; i < dk; i++) q[i] *= before[i] * after[i];
    read_out(model, dk, dv, q, S, o);
    scale_by(dv, o, c.decay);
  }
  if (!counts)
    decay_only(dk, dv, before, after, c.decay, S);
  else if (form == FLOW)
    flow(x, t, key, before, S);
  else
    efla_recurrence_step_f64(dk, dv, key, p, x->v + t * dv, &c, form == SPLIT ? before : NULL,
                             form == SPLIT ? after : NULL, S);
  if (later != 1) scale_by(dk * dv, S, later);
  if (model->read != EFLA_READ_BEFORE) read_out(model, dk, dv, q, S, o);
}

/* given: the initial state, NULL: zero. */
static void start_state(const pass *p, const efla_fault_model *model, const double *given, double *S) {
  size_t dk = p->stream.x.dk, n = dk * p->stream.x.dv;
  if (model->start == EFLA_START_CARRIED && p->stream.sequence > 0) return;
  if (model->start == EFLA_START_ZERO || !given)
    memset(S, 0, n * sizeof *S);
  else if (model->start == EFLA_START_TRANSPOSED)
    transpose(dk, given, S);
  else
    memcpy(S, given, n * sizeof *S);
}

/* Numbers of the file that are not finite are left out. */
static void add_squares(size_t n, const double *found, const double *own, double *error2, double *own2) {
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(found[i])) continue;
    double difference = found[i] - own[i];
    *error2 += isfinite(difference) ? difference * difference : INFINITY;
    *own2 += own[i] * own[i];
  }
}

static void advance(pass *p, size_t h, size_t s) {
  efla_tokens x = efla_stream_tokens(&p->stream, h);
  const efla_fault_model *model = &p->candidates->candidate[s].model;
  size_t n = x.dk * x.dv, at = h * p->candidates->n + s;
  double *S = p->S + at * n, *scratch = p->scratch + (size_t)omp_get_thread_num() * (SCRATCH * x.dk + x.dv),
         *o = scratch + SCRATCH * x.dk;
  sums *to = &p->sums[at];
  if (p->stream.begins) start_state(p, model, efla_stream_head(&p->stream.x.initial_state, h), S);
  size_t full = model->tail ? p->stream.length - p->stream.length % model->tail : p->stream.length;
  const double *found = efla_stream_head(&p->stream.y.o, h);
  for (size_t t = 0; t < x.tokens; t++) {
    step(model, &x, t, p->stream.token + t < full || !p->stream.whole, S, o, scratch);
    if (!model->tail_of_state) add_squares(x.dv, found + t * x.dv, o, &to->o_error2, &to->o_own2);
  }
}

/* Compares final_state with that of every fault model; a transposed one is transposed back first. */
static void compare_states(pass *p, size_t h) {
  size_t dk = p->stream.x.dk, n = dk * p->stream.x.dv;
  for (size_t s = 0; s < p->candidates->n; s++) {
    const double *found = efla_stream_head(&p->stream.y.final_state, h);
    size_t at = h * p->candidates->n + s;
    if (p->candidates->candidate[s].model.transposed_final) {
      transpose(dk, found, p->turned);
      found = p->turned;
    }
    add_squares(n, found, p->S + at * n, &p->sums[at].S_error2, &p->sums[at].S_own2);
  }
}

static void try_block(pass *p, size_t threads) {
  size_t heads = p->stream.x.heads, first = p->stream.block.head, n = p->candidates->n;
  memset(p->sums, 0, heads * n * sizeof *p->sums);
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)threads)
  for (size_t i = 0; i < heads * n; i++)
    if (p->tried[first + i / n]) advance(p, i / n, i % n);
  for (size_t h = 0; h < heads; h++) {
    if (!p->tried[first + h]) continue;
    if (p->stream.y.final_state.data) compare_states(p, h);
    for (size_t s = 0; s < n; s++) {
      efla_fault_candidate *to = &p->candidates->candidate[s];
      const sums *from = &p->sums[h * n + s];
      to->o_error2 += from->o_error2, to->o_own2 += from->o_own2;
      to->S_error2 += from->S_error2, to->S_own2 += from->S_own2;
    }
  }
}

static efla_status pass_init(pass *p, const efla_effort *effort, size_t threads, efla_message *why) {
  const efla_tensors *in = p->c->in;
  size_t state = in->dk * in->dv, n = p->candidates->n;
  const efla_walk walk = {.states = n + 2,
                          .decay = p->c->spec.rule.decay,
                          .sequences = effort->sequences,
                          .length = effort->tokens,
                          .outputs = p->c->out};
  efla_status status = efla_stream_init(&p->stream, p->c->in, &walk, why);
  if (status != EFLA_OK) return status;
  size_t heads = p->stream.most_heads;
  p->sums = malloc(heads * n * sizeof *p->sums);
  p->S = malloc(heads * n * state * sizeof *p->S);
  p->turned = malloc(state * sizeof *p->turned);
  p->scratch = malloc(threads * (SCRATCH * in->dk + in->dv) * sizeof *p->scratch);
  return p->sums && p->S && p->turned && p->scratch ? EFLA_OK : efla_fail_memory(why);
}

static void pass_clear(pass *p) {
  efla_stream_clear(&p->stream);
  free(p->sums);
  free(p->S);
  free(p->turned);
  free(p->scratch);
}

static double part(double error2, double own2, double expected) {
  return error2 == 0 ? 0 : sqrt(error2 / own2) / (EFLA_ERROR_BOUND_RMS * expected);
}

static int by_score(const void *a, const void *b) {
  const efla_fault_candidate *x = a, *y = b;
  if (x->score != y->score) return x->score < y->score ? -1 : 1;
  return x->row[0] < y->row[0] ? -1 : x->row[0] > y->row[0];
}

/* Scores candidates: the expected errors by the error bound, over the heads that were compared. */
static void score_candidates(efla_fault_candidates *candidates, const efla_comparison *c, const bool *tried) {
  efla_errors_of o = {0}, state = {0};
  for (size_t h = 0; h < c->in->heads; h++) {
    if (!tried[h]) continue;
    o.variance += c->head[h].o.variance, o.truth2 += c->head[h].o.truth2;
    state.variance += c->head[h].state.variance, state.truth2 += c->head[h].state.truth2;
  }
  for (size_t s = 0; s < candidates->n; s++) {
    efla_fault_candidate *one = &candidates->candidate[s];
    const efla_fault_candidate *reads = one->model.tail_of_state ? &candidates->candidate[0] : one;
    double of_o = part(reads->o_error2, reads->o_own2, efla_errors_expected(&o));
    double of_state = part(one->S_error2, one->S_own2, efla_errors_expected(&state));
    one->score = of_o > of_state || isnan(of_o) ? of_o : of_state;
    if (isnan(one->score)) one->score = INFINITY;
  }
  qsort(candidates->candidate + 1, candidates->n - 1, sizeof *candidates->candidate, by_score);
}

efla_status efla_fault_candidates_try(efla_fault_candidates *candidates, const efla_comparison *c,
                                      const efla_effort *effort, size_t threads, efla_message *why) {
  size_t left = effort->heads;
  bool *tried = calloc(c->in->heads, sizeof *tried);
  if (!tried) return efla_fail_memory(why);
  for (size_t h = 0; h < c->in->heads && left > 0; h++) left -= tried[h] = c->head[h].outside;
  pass p = {.candidates = candidates, .c = c, .tried = tried};
  efla_status status = pass_init(&p, effort, threads, why);
  while (status == EFLA_OK && (status = efla_stream_next(&p.stream, why)) == EFLA_OK && !p.stream.done)
    try_block(&p, threads);
  pass_clear(&p);
  if (status == EFLA_OK) score_candidates(candidates, c, tried);
  free(tried);
  return status;
}

bool efla_fault_candidate_explains(const efla_fault_candidate *candidate) { return candidate->score <= 1; }
