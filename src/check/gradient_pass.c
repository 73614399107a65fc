/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gradient check: the pass over a file, forward and backward, and the comparison. */
#include "check/gradient_pass.h"

#include "app/progress.h"
#include "io/file_decay.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t least(size_t a, size_t b) { return a < b ? a : b; }
static size_t most(size_t a, size_t b) { return a > b ? a : b; }

static size_t longest(const efla_tensors *in) {
  size_t length = 1;
  for (size_t s = 0; s < in->sequences; s++) length = most(length, efla_tensors_length(in, s));
  return length;
}

/* ---- memory ---- */

static void list_inputs(efla_gradient_pass *p) {
  const efla_gradient_check *c = p->c;
  const efla_tensor inputs[EFLA_GRADIENT_INPUTS] = {
      EFLA_Q, EFLA_K, EFLA_V, EFLA_BETA, efla_decay_tensor(c->spec.rule.decay), EFLA_P, EFLA_D_O};
  for (size_t i = 0; i < EFLA_GRADIENT_INPUTS; i++) {
    p->input[i] = inputs[i];
    if (inputs[i] == EFLA_D_O)
      p->from[i] = c->d_o;
    else if (inputs[i] != EFLA_TENSORS && c->in->has[inputs[i]])
      p->from[i] = c->in;
  }
}

/* About the square root of the longest sequence, so that checkpoints and the states of a block take the same room; as
 * many heads as fit in MOST numbers, a multiple of those that share a gradient. */
static void choose_sizes(efla_gradient_pass *p) {
  enum { MOST = 1 << 27, LEAST_BLOCK = 16 };
  const efla_tensors *in = p->c->in;
  const size_t length = longest(in), dk = in->dk, dv = in->dv, share = p->c->share;
  p->block = least(length, most(LEAST_BLOCK, (size_t)ceil(sqrt((double)length))));
  const size_t blocks = (length + p->block - 1) / p->block;
  const double one =
      efla_gradient_lane_numbers(dk, dv, p->block, blocks) + (double)p->block * (double)(6 * dk + 3 * dv);
  const double fit = MOST / one / (double)share;
  p->lanes = p->part ? share : least(in->heads, share * (fit > 1 ? (size_t)fmin(fit, (double)in->heads) : 1));
}

static efla_status pass_init(efla_gradient_pass *p, efla_message *why) {
  const efla_tensors *in = p->c->in;
  const size_t dk = in->dk, dv = in->dv, state = dk * dv;
  list_inputs(p);
  choose_sizes(p);
  const size_t blocks = (longest(in) + p->block - 1) / p->block, rows = p->lanes * p->block;
  p->lane = calloc(p->lanes, sizeof *p->lane);
  p->rows = calloc(p->lanes, sizeof *p->rows);
  p->variance = calloc(p->lanes, sizeof *p->variance);
  p->sum = calloc(state + dk + dv, sizeof *p->sum);
  p->states = calloc(p->lanes * state, sizeof *p->states);
  p->found = calloc(most(rows * most(dk, dv), p->lanes * state), sizeof *p->found);
  bool fine = p->lane && p->rows && p->variance && p->sum && p->states && p->found;
  for (size_t i = 0; i < EFLA_GRADIENT_INPUTS && fine; i++) {
    if (!p->from[i]) continue;
    p->x[i] = calloc(rows * efla_tensors_width(p->from[i], p->input[i]), sizeof *p->x[i]);
    fine = p->x[i] != NULL;
  }
  for (size_t h = 0; h < p->lanes && fine; h++)
    fine = efla_gradient_lane_init(&p->lane[h], &p->c->spec, dk, dv, p->block, blocks, p->part && p->part->fits) ==
           EFLA_OK;
  return fine ? EFLA_OK : efla_fail_memory(why);
}

static void pass_clear(efla_gradient_pass *p) {
  for (size_t h = 0; p->lane && h < p->lanes; h++) efla_gradient_lane_clear(&p->lane[h]);
  for (size_t i = 0; i < EFLA_GRADIENT_INPUTS; i++) free(p->x[i]);
  free(p->lane), free(p->sum), free(p->states), free(p->found), free(p->rows), free(p->variance);
}

/* ---- reading ---- */

static efla_status read_block(efla_gradient_pass *p, size_t b, bool backward, efla_message *why) {
  efla_status status = EFLA_OK;
  p->first = b * p->block;
  p->tokens = least(p->block, p->length - p->first);
  for (size_t i = 0; i < EFLA_GRADIENT_INPUTS && status == EFLA_OK; i++)
    if (p->from[i] && (backward || p->input[i] != EFLA_D_O))
      status = efla_gradient_read_rows(p, p->from[i], p->input[i], p->x[i], why);
  return status;
}

static efla_tokens tokens_of(const efla_gradient_pass *p, size_t h) {
  const efla_tensors *in = p->c->in;
  return (efla_tokens){.tokens = p->tokens,
                       .dk = in->dk,
                       .dv = in->dv,
                       .q = efla_gradient_rows(p, 0, h),
                       .k = efla_gradient_rows(p, 1, h),
                       .v = efla_gradient_rows(p, 2, h),
                       .beta = efla_gradient_rows(p, 3, h),
                       .g = efla_gradient_rows(p, 4, h),
                       .p = efla_gradient_rows(p, 5, h),
                       .g_per_channel = in->g_per_channel && p->input[4] == EFLA_G};
}

/* ---- the pass ---- */

static efla_status forward_block(efla_gradient_pass *p, size_t b, efla_message *why) {
  efla_status status = read_block(p, b, false, why);
  if (status != EFLA_OK) return status;
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)p->threads)
  for (size_t h = 0; h < p->heads; h++) {
    const efla_tokens x = tokens_of(p, h);
    efla_gradient_lane_forward(&p->lane[h], b, &x);
  }
  return EFLA_OK;
}

static efla_status backward_block(efla_gradient_pass *p, size_t b, efla_message *why) {
  efla_status status = read_block(p, b, true, why);
  if (status != EFLA_OK) return status;
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)p->threads)
  for (size_t h = 0; h < p->heads; h++) {
    const efla_tokens x = tokens_of(p, h);
    efla_gradient_lane_backward(&p->lane[h], b, &x, efla_gradient_rows(p, EFLA_GRADIENT_INPUTS - 1, h));
  }
  for (efla_gradient_kind of = 0; of < EFLA_BY_STATE && status == EFLA_OK; of++)
    if (p->of[of].file) status = efla_gradient_judge_rows(p, of, why);
  return status;
}

/* One group of heads of one sequence. */
static efla_status pass_heads(efla_gradient_pass *p, efla_progress *progress, efla_message *why) {
  const efla_gradient_check *c = p->c;
  const size_t n = c->in->dk * c->in->dv, blocks = (p->length + p->block - 1) / p->block;
  efla_status status =
      efla_tensors_read_states(c->in, EFLA_INITIAL_STATE, p->sequence, p->head, p->heads, p->states, why);
  for (size_t h = 0; h < p->heads && status == EFLA_OK; h++) efla_gradient_lane_start(&p->lane[h], p->states + h * n);
  for (size_t b = 0; b < blocks && status == EFLA_OK; b++) status = forward_block(p, b, why);
  if (status == EFLA_OK && c->d_final)
    status = efla_tensors_read_states(c->d_final, EFLA_D_FINAL_STATE, p->sequence, p->head, p->heads, p->states, why);
  for (size_t h = 0; h < p->heads && status == EFLA_OK; h++)
    efla_gradient_lane_turn(&p->lane[h], c->d_final ? p->states + h * n : NULL, p->length,
                            p->part ? p->part->variant : NULL);
  for (size_t b = blocks; b-- > 0 && status == EFLA_OK;) {
    status = backward_block(p, b, why);
    efla_progress_add(progress, p->heads * p->tokens);
  }
  return status == EFLA_OK && p->of[EFLA_BY_STATE].file ? efla_gradient_judge_states(p, why) : status;
}

/* Whether a row is out of tolerance, or all of them are in root mean square. */
static bool outside_of(const efla_gradient_result *one, const efla_tolerance *tolerance, double heads) {
  const efla_errors_of *errors = &one->errors;
  const double factor = efla_variance_factor(&errors->variance, heads);
  if (tolerance->kind == EFLA_TOLERANCE_RMS) return !(efla_errors_rms(errors) <= tolerance->value);
  return errors->first.token < SIZE_MAX ||
         (tolerance->kind == EFLA_TOLERANCE_BOUND && !(errors->error2 <= factor * factor * errors->variance.sum));
}

/* Sums up the results of all heads; returns whether one is outside. */
static bool conclude(const efla_gradient_check *c, efla_judged_gradient of[EFLA_GRADIENTS]) {
  bool outside = false;
  for (size_t i = 0; i < EFLA_GRADIENTS; i++) {
    efla_judged_gradient *g = &of[i];
    g->total = (efla_gradient_result){.errors.first.token = SIZE_MAX, .last.token = SIZE_MAX};
    for (size_t h = 0; h < g->heads; h++) {
      efla_gradient_result *one = &g->head[h];
      one->outside = outside_of(one, &c->tolerance, c->heads);
      efla_errors_merge(&g->total.errors, &one->errors);
      for (size_t b = 0; b < EFLA_BINS; b++) efla_bin_merge(&g->total.bins[b], &one->bins[b]);
      if (one->last.token != SIZE_MAX && (g->total.last.token == SIZE_MAX || one->last.token > g->total.last.token))
        g->total.last = one->last;
      g->total.outside |= one->outside;
    }
    outside |= g->total.outside;
  }
  return outside;
}

static efla_status pass_all(efla_gradient_pass *p, efla_message *why) {
  efla_progress progress;
  const efla_tensors *in = p->c->in;
  efla_status status = pass_init(p, why);
  efla_progress_start(&progress, "tokens of gradients", in->batch * in->heads * in->tokens);
  for (size_t s = 0; s < in->sequences && status == EFLA_OK; s++)
    for (size_t head = 0; head < in->heads && status == EFLA_OK; head += p->lanes) {
      if (p->part && (p->part->sequence != s || p->part->head != head)) continue;
      p->sequence = s, p->head = head, p->heads = least(p->lanes, in->heads - head);
      p->length = efla_tensors_length(in, s);
      status = pass_heads(p, &progress, why);
    }
  efla_progress_end(&progress);
  pass_clear(p);
  return status;
}

static void forget(efla_judged_gradient of[EFLA_GRADIENTS]) {
  for (size_t i = 0; i < EFLA_GRADIENTS; i++)
    for (size_t h = 0; h < of[i].heads; h++)
      of[i].head[h] = (efla_gradient_result){.errors.first.token = SIZE_MAX, .last.token = SIZE_MAX};
}

/* Judges all of it by what is granted to these kernels. */
static efla_status judge_with(efla_gradient_check *c, const efla_units *units, size_t threads, efla_message *why) {
  efla_gradient_pass p = {.c = c, .of = c->of, .threads = threads};
  c->spec.units = *units, c->unknown = 0;
  forget(c->of);
  efla_status status = pass_all(&p, why);
  c->outside = conclude(c, c->of);
  return status;
}

efla_status efla_gradient_check_run(efla_gradient_check *c, const efla_format *state, size_t threads,
                                    efla_message *why) {
  efla_units units[EFLA_UNITS];
  const size_t most = efla_units_of(state, &c->results, units) - 1;
  efla_status status = judge_with(c, &units[0], threads, why);
  if (c->tolerance.kind != EFLA_TOLERANCE_BOUND || !c->outside) return status;
  if (status == EFLA_OK) status = judge_with(c, &units[most], threads, why);
  if (c->outside) return status;
  for (size_t i = 1; i <= most && status == EFLA_OK; i++) {
    status = judge_with(c, &units[i], threads, why);
    if (!c->outside) break;
  }
  return status;
}

efla_status efla_gradient_check_part(efla_gradient_check *c, const efla_gradient_part *part, bool *outside,
                                     efla_message *why) {
  efla_gradient_pass p = {.c = c, .part = part, .threads = 1};
  efla_judged_gradient of[EFLA_GRADIENTS];
  const size_t unknown = c->unknown;
  bool fine = true;
  memcpy(of, c->of, sizeof of);
  for (size_t i = 0; i < EFLA_GRADIENTS; i++) {
    of[i].head = of[i].heads ? calloc(of[i].heads, sizeof *of[i].head) : NULL;
    fine &= !of[i].heads || of[i].head;
  }
  p.of = of;
  efla_status status = fine ? EFLA_OK : efla_fail_memory(why);
  if (status == EFLA_OK) forget(of), status = pass_all(&p, why);
  if (status == EFLA_OK) *outside = conclude(c, of);
  c->unknown = unknown;
  for (size_t i = 0; i < EFLA_GRADIENTS; i++) free(of[i].head);
  return status;
}
