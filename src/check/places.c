/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Errors at one phase of chunks: in o alone, or in what is written to the state there. */
#include "check/judgement.h"

#include "efla/reference/recurrence.h"
#include "io/file_decay.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t chunks[] = {256, 128, 64, 32, 16, 8};
enum { CHUNKS = sizeof chunks / sizeof *chunks };

static double error2(const efla_lane *lane, size_t t) {
  double sum = 0;
  for (size_t e = t * lane->x.dv; e < (t + 1) * lane->x.dv; e++) {
    const double difference = lane->found[e] - lane->truth[e];
    sum += isfinite(difference) ? difference * difference : INFINITY;
  }
  return sum;
}

static bool wrong(const efla_lane *lane, size_t t) { return !(sqrt(error2(lane, t)) <= lane->allowed[t]); }

/* Which tokens are wrong, over all judged lanes. */
typedef struct wrongs {
  size_t n, tokens, numbers; /* wrong (token, lane), distinct token numbers, numbers that are not finite */
  size_t first, last;
  const efla_lane *lane; /* of the first */
  bool *at;              /* (most) */
} wrongs;

static wrongs find(const efla_evidence *e) {
  wrongs w = {.first = SIZE_MAX, .at = calloc(e->most ? e->most : 1, sizeof *w.at)};
  for (size_t i = 0; w.at && i < efla_evidence_lanes(e); i++) {
    const efla_lane *lane = &e->lane[i];
    for (size_t t = 0; t < lane->x.tokens && lane->judged; t++) {
      if (!wrong(lane, t)) continue;
      if (t < w.first) w.first = t, w.lane = lane;
      if (t > w.last) w.last = t;
      for (size_t j = 0; j < lane->x.dv; j++) w.numbers += isfinite(lane->found[t * lane->x.dv + j]) ? 0 : 1;
      w.n++, w.tokens += !w.at[t], w.at[t] = true;
    }
  }
  return w;
}

/* Whether all wrong tokens have one phase modulo a chunk, and at least half of that phase is wrong. */
static size_t folds(const wrongs *w, size_t most) {
  for (size_t c = 0; c < CHUNKS; c++) {
    const size_t chunk = chunks[c], phase = w->first % chunk, possible = (most - phase - 1) / chunk + 1;
    size_t inside = 0;
    for (size_t t = phase; t < most; t += chunk) inside += w->at[t];
    if (inside == w->tokens && inside >= 2 && 2 * inside >= possible) return chunk;
  }
  return 0;
}

static void say_phase(char *says, const char *what, size_t chunk, size_t phase) {
  if (phase == 0)
    snprintf(says, EFLA_FAULT_TEXT, "%s at the first token of every chunk of %zu", what, chunk);
  else if (phase + 1 == chunk)
    snprintf(says, EFLA_FAULT_TEXT, "%s at the last token of every chunk of %zu", what, chunk);
  else
    snprintf(says, EFLA_FAULT_TEXT, "%s at token %zu of every chunk of %zu", what, phase, chunk);
}

bool efla_judge_places(efla_judgement *j, const efla_evidence *e, const efla_fault_distance *right) {
  char says[EFLA_FAULT_TEXT];
  const char *name = NULL;
  wrongs w = find(e);
  const size_t chunk = w.at && w.tokens ? folds(&w, e->most) : 0;
  const bool states_right = right->state <= EFLA_FAULT_SCALE * EFLA_FAULT_SCALE;
  if (!w.at || !w.tokens || !states_right) {
    name = NULL;
  } else if (w.numbers > 0 && w.n <= w.numbers && w.tokens <= 1 + e->most / 16) {
    snprintf(
        says, sizeof says,
        "%zu numbers of o are not finite, the first at token %zu, sequence %zu, head %zu; the state is right after "
        "them",
        w.numbers, w.first, w.lane->sequence, w.lane->head);
    name = "nan";
  } else if (w.tokens == 1 && e->most > 8) {
    snprintf(says, sizeof says, "o is wrong at token %zu alone (sequence %zu, head %zu); the state is right after it",
             w.first, w.lane->sequence, w.lane->head);
    name = "one-token";
  } else if (chunk) {
    say_phase(says, "o is wrong, and the state is right after it,", chunk, w.first % chunk);
    name = "o-at-chunks";
  }
  if (name) efla_judgement_add(j, 0, name, says), j->kind = EFLA_NAMED;
  free(w.at);
  return name != NULL;
}

/* What is written at tokens of one phase is free: with E the error of the state, E <- M E + k delta^T there and E <- M E
 * elsewhere, delta (dv) fitted to the tokens up to the next such one. */
typedef struct writes {
  const efla_evidence *evidence;
  size_t chunk, phase;       /* chunk SIZE_MAX: token `phase` alone */
  double *E, *moved, *zeros; /* (dk, dv); (dk): the fitted column, carried; (dv) */
} writes;

static void carry(const writes *w, const efla_lane *lane, size_t t, size_t columns, double *E) {
  const efla_kernel_spec *spec = w->evidence->spec;
  const efla_tokens one = efla_tokens_slice(&lane->x, t, 1);
  efla_coefficients c;
  efla_rule_coefficients(&spec->rule, efla_token_lambda(&one, 0), one.beta[0], efla_token_argument(&one, 0), &c);
  efla_recurrence_step_f64(one.dk, columns, one.k, one.p, w->zeros, &c, NULL, NULL, E);
}

static bool is_write(const writes *w, size_t t) {
  return w->chunk == SIZE_MAX ? t == w->phase : t % w->chunk == w->phase;
}

/* The residual of token t that E leaves, and the reading a of the free column. */
static double residual(const writes *w, const efla_lane *lane, size_t t, double *r) {
  const size_t dk = lane->x.dk, dv = lane->x.dv;
  const double *q = lane->x.q + t * dk, scale = w->evidence->spec->scale;
  double a = 0;
  efla_readout_f64(dk, dv, q, w->E, r);
  for (size_t i = 0; i < dk; i++) a += scale * q[i] * w->moved[i];
  for (size_t j = 0; j < dv; j++) r[j] = lane->found[t * dv + j] - lane->truth[t * dv + j] - scale * r[j];
  return a;
}

/* Tokens from..until-1, of which only `from` may be such a write: fits it, adds error^2 over what is expected. */
static double fit_piece(const writes *w, efla_lane *lane, size_t from, size_t until, double *work) {
  const size_t dk = lane->x.dk, dv = lane->x.dv;
  const bool free_write = is_write(w, from);
  double *r = work, *ra = r + dv, rr = 0, aa = 0, sum = 0;
  memset(ra, 0, dv * sizeof *ra), memset(w->moved, 0, dk * sizeof *w->moved);
  for (size_t t = from; t < until; t++) {
    carry(w, lane, t, dv, w->E);
    if (t == from && free_write)
      memcpy(w->moved, lane->x.k + t * dk, dk * sizeof *w->moved);
    else
      carry(w, lane, t, 1, w->moved);
    const double a = residual(w, lane, t, r), V = lane->variance[t];
    for (size_t j = 0; j < dv; j++) rr += r[j] * r[j] / V, ra[j] += a * r[j] / V;
    aa += a * a / V;
  }
  for (size_t j = 0; j < dv && aa > 0; j++) sum += ra[j] * ra[j] / aa;
  for (size_t j = 0; j < dv && aa > 0; j++) { /* the state's error has the fitted write in it from here on */
    const double delta = ra[j] / aa;
    for (size_t i = 0; i < dk; i++) w->E[i * dv + j] += w->moved[i] * delta;
  }
  return rr - sum;
}

static bool lane_distance(const writes *w, efla_lane *lane, efla_fault_distance *d, double *work) {
  const size_t T = lane->x.tokens, state = lane->x.dk * lane->x.dv;
  double sum = 0, pieces = 0;
  memset(w->E, 0, state * sizeof *w->E);
  for (size_t t = 0; t < T;) {
    size_t until = t + 1;
    while (until < T && !is_write(w, until)) until++;
    pieces += is_write(w, t);
    sum += fit_piece(w, lane, t, until, work);
    t = until;
  }
  const double free_tokens = (double)T - pieces;
  if (free_tokens <= 0) return false;
  d->o = (d->o * d->tokens + sum) / (d->tokens + free_tokens);
  d->tokens += free_tokens;
  if (!lane->S) return true;
  double error = 0;
  for (size_t e = 0; e < state; e++) error += pow(lane->S[e] - lane->S_truth[e] - w->E[e], 2);
  d->state += (error / lane->S_variance - d->state) / ++d->states;
  return true;
}

static bool explains(const writes *w, const efla_fault_distance *right, double *work, efla_fault_distance *d) {
  *d = (efla_fault_distance){0};
  for (size_t i = 0; i < efla_evidence_lanes(w->evidence); i++)
    if (w->evidence->lane[i].judged && !lane_distance(w, &w->evidence->lane[i], d, work)) return false;
  return efla_fault_score(d) <= 0.5 && efla_fault_likelihood(d, right) > log(EFLA_JUDGEMENT_RATIO) &&
         efla_fault_score(d) <= 0.5 * efla_fault_score(right);
}

bool efla_judge_writes(efla_judgement *j, const efla_evidence *e, const efla_fault_distance *right, size_t first) {
  const size_t dk = e->in->dk, dv = e->in->dv;
  if (e->in->g_per_channel && efla_decay_tensor(e->spec->rule.decay) == EFLA_G) return false;
  if (e->spec->rule.keys->unit) return false; /* keys of the lanes are as they are in the file */
  double *block = calloc(dk * dv + dk + 3 * dv, sizeof *block);
  if (!block) return false;
  writes w = {.evidence = e, .E = block, .moved = block + dk * dv, .zeros = block + dk * dv + dk};
  efla_fault_distance d;
  char says[EFLA_FAULT_TEXT];
  bool found = false;
  w.chunk = SIZE_MAX, w.phase = first;
  if (explains(&w, right, w.zeros + dv, &d)) {
    snprintf(says, sizeof says, "what token %zu writes to the state is wrong, and nothing else", first);
    efla_judgement_add(j, 0, "one-write", says), found = true;
  }
  for (size_t c = 0; c < CHUNKS && !found; c++)
    for (size_t p = 0; p < 3 && !found; p++) {
      w.chunk = chunks[c], w.phase = ((size_t[]){0, w.chunk - 1, first % w.chunk})[p];
      if (2 * w.chunk > e->most || !explains(&w, right, w.zeros + dv, &d)) continue;
      say_phase(says, "what is written to the state is wrong", w.chunk, w.phase);
      efla_judgement_add(j, efla_fault_score(&d) / efla_fault_score(right), "writes-at-chunks", says), found = true;
    }
  if (found) j->kind = EFLA_NAMED;
  free(block);
  return found;
}
