/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gradient check: the pass over a file, forward and backward, and the comparison. */
#include "check/gradient_check.h"

#include "app/progress.h"
#include "check/measured.h"
#include "io/file_decay.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 7 }; /* q, k, v, beta, the decay's argument, p and do */

typedef struct pass {
  efla_gradient_check *c;
  const efla_gradient_part *part; /* NULL: the whole file */
  efla_judged_gradient *of;       /* (EFLA_GRADIENTS): whose results are set */
  size_t threads, lanes, block;   /* heads that are taken at once, tokens in a block */
  efla_gradient_lane *lane;       /* (lanes) */
  efla_tensor input[INPUTS];
  efla_tensors *from[INPUTS]; /* NULL: not there */
  double *x[INPUTS];          /* (lanes, block, width) */
  double *found;              /* (lanes, block, width), or a state of each */
  double *states;             /* (lanes, dk, dv) */
  long double *sum;           /* (dk dv), and at least of a row: over the heads that share a gradient */
  const long double **rows;   /* (lanes): a row of each, and */
  double *variance;           /* (lanes) */
  /* The current heads, and the current block of their sequence. */
  size_t sequence, head, heads, length, first, tokens;
} pass;

static double ratio(double part, double whole) { return part == 0 ? 0 : part / whole; }
static size_t least(size_t a, size_t b) { return a < b ? a : b; }
static size_t most(size_t a, size_t b) { return a > b ? a : b; }

static size_t longest(const efla_tensors *in) {
  size_t length = 1;
  for (size_t s = 0; s < in->sequences; s++) length = most(length, efla_tensors_length(in, s));
  return length;
}

/* ---- memory ---- */

static void list_inputs(pass *p) {
  const efla_gradient_check *c = p->c;
  const efla_tensor inputs[INPUTS] = {EFLA_Q, EFLA_K,  EFLA_V, EFLA_BETA, efla_decay_tensor(c->spec.rule.decay),
                                      EFLA_P, EFLA_D_O};
  for (size_t i = 0; i < INPUTS; i++) {
    p->input[i] = inputs[i];
    if (inputs[i] == EFLA_D_O)
      p->from[i] = c->d_o;
    else if (inputs[i] != EFLA_TENSORS && c->in->has[inputs[i]])
      p->from[i] = c->in;
  }
}

/* About the square root of the longest sequence, so that checkpoints and the states of a block take the same room; as
 * many heads as fit in MOST numbers, a multiple of those that share a gradient. */
static void choose_sizes(pass *p) {
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

static efla_status pass_init(pass *p, efla_message *why) {
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
  for (size_t i = 0; i < INPUTS && fine; i++) {
    if (!p->from[i]) continue;
    p->x[i] = calloc(rows * efla_tensors_width(p->from[i], p->input[i]), sizeof *p->x[i]);
    fine = p->x[i] != NULL;
  }
  for (size_t h = 0; h < p->lanes && fine; h++)
    fine = efla_gradient_lane_init(&p->lane[h], &p->c->spec, dk, dv, p->block, blocks, p->part && p->part->fits) ==
           EFLA_OK;
  return fine ? EFLA_OK : efla_fail_memory(why);
}

static void pass_clear(pass *p) {
  for (size_t h = 0; p->lane && h < p->lanes; h++) efla_gradient_lane_clear(&p->lane[h]);
  for (size_t i = 0; i < INPUTS; i++) free(p->x[i]);
  free(p->lane), free(p->sum), free(p->states), free(p->found), free(p->rows), free(p->variance);
}

/* ---- reading ---- */

static efla_status read_rows(const pass *p, efla_tensors *file, efla_tensor tensor, double *to, efla_message *why) {
  const efla_tensors *in = p->c->in;
  const size_t repeat = in->heads / efla_tensors_heads(file, tensor), heads = p->heads / repeat;
  const efla_tensor_block block = {.batch = in->cu_seqlens ? 0 : p->sequence,
                                   .head = p->head / repeat,
                                   .heads = heads,
                                   .first = (in->cu_seqlens ? in->cu_seqlens[p->sequence] : 0) + p->first,
                                   .tokens = p->tokens};
  const size_t width = efla_tensors_width(file, tensor);
  return efla_tensors_read(file, tensor, &block, efla_array_head_major(to, EFLA_F64, p->tokens, heads, width), why);
}

static efla_status read_block(pass *p, size_t b, bool backward, efla_message *why) {
  efla_status status = EFLA_OK;
  p->first = b * p->block;
  p->tokens = least(p->block, p->length - p->first);
  for (size_t i = 0; i < INPUTS && status == EFLA_OK; i++)
    if (p->from[i] && (backward || p->input[i] != EFLA_D_O))
      status = read_rows(p, p->from[i], p->input[i], p->x[i], why);
  return status;
}

static double *rows_of(const pass *p, size_t i, size_t h) {
  return p->x[i] ? p->x[i] + h * p->tokens * efla_tensors_width(p->from[i], p->input[i]) : NULL;
}

static efla_tokens tokens_of(const pass *p, size_t h) {
  const efla_tensors *in = p->c->in;
  return (efla_tokens){.tokens = p->tokens,
                       .dk = in->dk,
                       .dv = in->dv,
                       .q = rows_of(p, 0, h),
                       .k = rows_of(p, 1, h),
                       .v = rows_of(p, 2, h),
                       .beta = rows_of(p, 3, h),
                       .g = rows_of(p, 4, h),
                       .p = rows_of(p, 5, h),
                       .g_per_channel = in->g_per_channel && p->input[4] == EFLA_G};
}

/* The input whose gradient heads can share; INPUTS: none. */
static size_t input_of(efla_gradient_kind of) { return of == EFLA_BY_STATE ? INPUTS : (size_t)of; }

/* Heads that share a gradient must share the input. */
static efla_status check_shared(const pass *p, const efla_judged_gradient *g, size_t i, efla_message *why) {
  const size_t repeat = p->c->in->heads / g->heads, n = p->tokens * efla_tensors_width(p->from[i], p->input[i]);
  for (size_t h = 0; h < p->heads; h++) {
    if (!memcmp(rows_of(p, i, h), rows_of(p, i, h - h % repeat), n * sizeof(double))) continue;
    return efla_fail(
        why, EFLA_INPUT,
        "%s: %s: shared by %zu heads, but %s of heads %zu and %zu differ: expected the same, or a gradient "
        "for each of the %zu heads",
        g->file->path, efla_gradient_name(g), repeat, efla_tensor_name(p->input[i]), p->head + h - h % repeat,
        p->head + h, p->c->in->heads);
  }
  return EFLA_OK;
}

/* ---- judging ---- */

/* The sum over the heads of a group of what they have of a row; and its variance, with that of its storage. */
static double add_up(const pass *p, const efla_judged_gradient *g, const long double *const *rows,
                     const double *variance, size_t n, size_t repeat, long double *sum) {
  double squares = 0, expected = 0;
  memset(sum, 0, n * sizeof *sum);
  for (size_t h = 0; h < repeat; h++) {
    for (size_t e = 0; e < n; e++) sum[e] += rows[h][e];
    expected += variance[h];
  }
  for (size_t e = 0; e < n; e++) squares += (double)(sum[e] * sum[e]);
  return expected + (double)(repeat - 1) * p->c->spec.roundings.a * squares +
         efla_stored_variance(&g->stored, n, squares);
}

static void note(const pass *p, efla_judged_gradient *g, size_t group, size_t token, size_t n, const double *found,
                 double variance) {
  efla_gradient_result *result = &g->head[group];
  const efla_measured m = efla_measure_row(n, found, p->sum, &g->stored);
  if (!isfinite(m.truth2)) {
    p->c->unknown++;
    return;
  }
  const double allowed = EFLA_GRADIENT_TOKEN * sqrt(variance), error = sqrt(m.error2);
  const bool exceeded = efla_errors_add(&result->errors, &p->c->tolerance, n, &m, variance, allowed);
  if (!efla_tensor_is_state(g->tensor))
    efla_bin_add(&result->bins[efla_bin_of(token)], m.error2, m.truth2, m.ulps, ratio(error, allowed));
  if (!exceeded) return;
  efla_miss miss = {p->sequence, group, token, (double)p->sum[m.worst], found[m.worst], error, allowed, ""};
  efla_tensors_index(g->file, g->tensor, p->sequence, group, token, m.worst, miss.index);
  efla_take_first(&result->errors.first, &miss);
  if (result->last.token == SIZE_MAX || token > result->last.token) result->last = miss;
}

/* How well a factor times the truth, and every fault, explain a row that heads head ... head+repeat-1 have. */
static void fit(pass *p, efla_gradient_kind of, size_t head, size_t repeat, size_t t, size_t n, const double *found,
                double expected) {
  efla_gradient_fit *to = &p->part->fits[of];
  if (!(expected > 0)) return;
  to->rows++;
  for (size_t e = 0; e < n; e++) {
    const double truth = (double)p->sum[e];
    to->truth2 += truth * truth / expected, to->found2 += found[e] * found[e] / expected;
    to->both += truth * found[e] / expected, to->right += (found[e] - truth) * (found[e] - truth) / expected;
  }
  for (size_t f = 0; f < EFLA_GRADIENT_FAULTS; f++) {
    if (efla_gradient_faults[f].of != of) continue;
    for (size_t e = 0; e < n; e++) {
      long double wrong = 0;
      for (size_t h = 0; h < repeat; h++) wrong += p->lane[head + h].fault[f][t * n + e];
      to->fault[f] += ((double)wrong - found[e]) * ((double)wrong - found[e]) / expected;
    }
  }
}

static efla_status judge_block(pass *p, efla_gradient_kind of, efla_message *why) {
  efla_judged_gradient *g = &p->of[of];
  const size_t n = efla_tensors_width(g->file, g->tensor), repeat = p->c->in->heads / g->heads,
               groups = p->heads / repeat;
  efla_status status = repeat > 1 ? check_shared(p, g, input_of(of), why) : EFLA_OK;
  if (status == EFLA_OK) status = read_rows(p, g->file, g->tensor, p->found, why);
  for (size_t i = 0; i < groups && status == EFLA_OK; i++)
    for (size_t t = 0; t < p->tokens; t++) {
      for (size_t h = 0; h < repeat; h++) {
        const efla_gradient_lane *lane = &p->lane[i * repeat + h];
        p->rows[h] = lane->truth[of] + t * n, p->variance[h] = lane->variance[of][t];
      }
      const double expected = add_up(p, g, p->rows, p->variance, n, repeat, p->sum);
      const double *found = p->found + (i * p->tokens + t) * n;
      note(p, g, p->head / repeat + i, p->first + t, n, found, expected);
      if (p->part && p->part->fits) fit(p, of, i * repeat, repeat, t, n, found, expected);
    }
  return status;
}

static efla_status judge_states(pass *p, efla_message *why) {
  efla_judged_gradient *g = &p->of[EFLA_BY_STATE];
  const size_t n = p->c->in->dk * p->c->in->dv;
  efla_status status = efla_tensors_read_states(g->file, g->tensor, p->sequence, p->head, p->heads, p->found, why);
  for (size_t h = 0; h < p->heads && status == EFLA_OK; h++) {
    const long double *rows = p->lane[h].adjoint.G;
    const double variance = efla_gradient_lane_initial_variance(&p->lane[h]),
                 expected = add_up(p, g, &rows, &variance, n, 1, p->sum);
    note(p, g, p->head + h, 0, n, p->found + h * n, expected);
  }
  return status;
}

/* ---- the pass ---- */

static efla_status forward_block(pass *p, size_t b, efla_message *why) {
  efla_status status = read_block(p, b, false, why);
  if (status != EFLA_OK) return status;
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)p->threads)
  for (size_t h = 0; h < p->heads; h++) {
    const efla_tokens x = tokens_of(p, h);
    efla_gradient_lane_forward(&p->lane[h], b, &x);
  }
  return EFLA_OK;
}

static efla_status backward_block(pass *p, size_t b, efla_message *why) {
  efla_status status = read_block(p, b, true, why);
  if (status != EFLA_OK) return status;
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)p->threads)
  for (size_t h = 0; h < p->heads; h++) {
    const efla_tokens x = tokens_of(p, h);
    efla_gradient_lane_backward(&p->lane[h], b, &x, rows_of(p, INPUTS - 1, h));
  }
  for (efla_gradient_kind of = 0; of < EFLA_BY_STATE && status == EFLA_OK; of++)
    if (p->of[of].file) status = judge_block(p, of, why);
  return status;
}

/* One group of heads of one sequence. */
static efla_status pass_heads(pass *p, efla_progress *progress, efla_message *why) {
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
  return status == EFLA_OK && p->of[EFLA_BY_STATE].file ? judge_states(p, why) : status;
}

/* Sums up the results of all heads; returns whether one is outside. */
static bool conclude(const efla_gradient_check *c, efla_judged_gradient of[EFLA_GRADIENTS]) {
  bool outside = false;
  for (size_t i = 0; i < EFLA_GRADIENTS; i++) {
    efla_judged_gradient *g = &of[i];
    g->total = (efla_gradient_result){.errors.first.token = SIZE_MAX, .last.token = SIZE_MAX};
    for (size_t h = 0; h < g->heads; h++) {
      efla_gradient_result *one = &g->head[h];
      one->outside = efla_errors_outside(&one->errors, &c->tolerance);
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

static efla_status pass_all(pass *p, efla_message *why) {
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

efla_status efla_gradient_check_run(efla_gradient_check *c, const efla_format *state, size_t threads,
                                    efla_message *why) {
  pass p = {.c = c, .of = c->of, .threads = threads};
  c->spec.roundings = efla_roundings_of(state, c->finest), c->unknown = 0;
  forget(c->of);
  efla_status status = pass_all(&p, why);
  c->outside = conclude(c, c->of);
  return status;
}

efla_status efla_gradient_check_part(efla_gradient_check *c, const efla_gradient_part *part, bool *outside,
                                     efla_message *why) {
  pass p = {.c = c, .part = part, .threads = 1};
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
