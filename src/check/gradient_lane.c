/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/gradient_lane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t width_of(size_t dk, size_t dv, efla_gradient_kind of) {
  const size_t widths[EFLA_GRADIENTS] = {dk, dk, dv, 1, dk, dk, 0};
  return widths[of];
}

/* Of a checkpoint beside the state, at most: what the error bound keeps, and two numbers more. */
static size_t kept_numbers(size_t dk, size_t dv) { return 5 * dk * dk + 2 * dv * dv + dk * dv + 3 * dk + 2; }

/* Of a token: what it rounds of s and u. */
static size_t token_numbers(size_t dv) { return 2 * dv * dv; }

static size_t row_numbers(size_t dk, size_t dv) {
  size_t n = 0;
  for (efla_gradient_kind of = 0; of < EFLA_GRADIENTS; of++) n += width_of(dk, dv, of);
  return n;
}

double efla_gradient_lane_numbers(size_t dk, size_t dv, size_t block, size_t blocks) {
  const double state = 2. * (double)dk * (double)dv; /* a long double takes two */
  return (double)blocks * (state + (double)kept_numbers(dk, dv)) +
         (double)(block + 1) * (state + (double)(efla_state_error_numbers(dk, dv) + token_numbers(dv) +
                                                 2 * row_numbers(dk, dv) + 2 * EFLA_GRADIENTS)) +
         8 * state;
}

static void place(efla_gradient_lane *l, double *at) {
  const size_t dk = l->dk, dv = l->dv, pairs = dv * dv;
  l->kept = at, at += l->blocks * kept_numbers(dk, dv);
  long double *row = l->states + (l->block + 1) * dk * dv;
  for (efla_gradient_kind of = 0; of < EFLA_GRADIENTS; of++) {
    l->truth[of] = row, row += l->block * width_of(dk, dv, of);
    l->variance[of] = l->variances + of * l->block;
  }
  l->room = (efla_sizes_room){.k = at, .p = at + dk, .decay = at + 2 * dk, .last = at + 3 * dk}, at += 4 * dk;
  for (size_t t = 0; t <= l->block; t++, at += efla_state_error_numbers(dk, dv))
    efla_state_error_place(&l->state_errors[t], dk, dv, at);
  l->numbers = at;
  for (size_t t = 0; t < l->block; t++, at += token_numbers(dv))
    l->errors[t] = (efla_forward_error){&l->state_errors[t], &l->state_errors[t + 1], at, at + pairs, 0};
}

static size_t fault_numbers(size_t dk, size_t dv) {
  size_t n = 0;
  for (size_t f = 0; f < EFLA_GRADIENT_FAULTS; f++) n += width_of(dk, dv, efla_gradient_faults[f].of);
  return n;
}

static void place_faults(efla_gradient_lane *l) {
  long double *at = l->faults;
  for (size_t f = 0; f < EFLA_GRADIENT_FAULTS; f++)
    l->fault[f] = at, at += l->block * width_of(l->dk, l->dv, efla_gradient_faults[f].of);
  l->next = at;
}

efla_status efla_gradient_lane_init(efla_gradient_lane *l, const efla_backward_spec *spec, size_t dk, size_t dv,
                                    size_t block, size_t blocks, bool faults) {
  const size_t state = dk * dv;
  *l = (efla_gradient_lane){.spec = spec, .dk = dk, .dv = dv, .block = block, .blocks = blocks};
  l->S = calloc((blocks + block + 2) * state + block * row_numbers(dk, dv), sizeof *l->S);
  l->errors = calloc(block, sizeof *l->errors);
  l->state_errors = calloc(block + 1, sizeof *l->state_errors);
  l->variances = calloc(block * EFLA_GRADIENTS, sizeof *l->variances);
  l->memory = calloc(blocks * kept_numbers(dk, dv) + (block + 1) * efla_state_error_numbers(dk, dv) +
                         block * token_numbers(dv) + 4 * dk,
                     sizeof *l->memory);
  if (faults) l->faults = calloc(fault_numbers(dk, dv) * block + dk, sizeof *l->faults);
  const efla_followed followed = {.decays = spec->rule.decay && spec->rule.decay->gated, .columns = true};
  bool fine = l->S && l->errors && l->state_errors && l->variances && l->memory && (l->faults || !faults) &&
              efla_error_bound_init(&l->error, &spec->units, dk, dv, followed) == EFLA_OK &&
              efla_adjoint_init(&l->adjoint, spec, dk, dv) == EFLA_OK &&
              efla_gradient_bound_init(&l->bound, spec, dk, dv) == EFLA_OK;
  if (!fine) {
    efla_gradient_lane_clear(l);
    return EFLA_NO_MEMORY;
  }
  l->state = l->S + blocks * state;
  l->states = l->state + state;
  place(l, l->memory);
  if (faults) place_faults(l);
  return EFLA_OK;
}

void efla_gradient_lane_clear(efla_gradient_lane *l) {
  efla_error_bound_clear(&l->error);
  efla_adjoint_clear(&l->adjoint);
  efla_gradient_bound_clear(&l->bound);
  free(l->S);
  free(l->errors);
  free(l->state_errors);
  free(l->variances);
  free(l->faults);
  free(l->memory);
  *l = (efla_gradient_lane){0};
}

/* ---- forward ---- */

void efla_gradient_lane_start(efla_gradient_lane *l, const double *S) {
  for (size_t e = 0; e < l->dk * l->dv; e++) l->state[e] = S ? S[e] : 0;
  memset(l->room.last, 0, l->dk * sizeof *l->room.last);
  efla_error_bound_start(&l->error, l->state);
}

static void keep(efla_gradient_lane *l, size_t b) {
  double *at = l->kept + b * kept_numbers(l->dk, l->dv);
  memcpy(l->S + b * l->dk * l->dv, l->state, l->dk * l->dv * sizeof *l->S);
  memcpy(at, l->error.block, l->error.kept * sizeof *at), at += l->error.kept;
  memcpy(at, l->room.last, l->dk * sizeof *at), at += l->dk;
  at[0] = l->error.tokens, at[1] = l->error.aged;
}

static void take_back(efla_gradient_lane *l, size_t b) {
  const double *at = l->kept + b * kept_numbers(l->dk, l->dv);
  memcpy(l->state, l->S + b * l->dk * l->dv, l->dk * l->dv * sizeof *l->S);
  memcpy(l->error.block, at, l->error.kept * sizeof *at), at += l->error.kept;
  memcpy(l->room.last, at, l->dk * sizeof *at), at += l->dk;
  l->error.tokens = at[0], l->error.aged = at[1] != 0;
}

/* One token of the forward sweep. */
static void step(efla_gradient_lane *l, const efla_tokens *x, size_t t) {
  l->adjoint.spec = l->spec;
  efla_adjoint_advance(&l->adjoint, x, t, l->state);
  const efla_token_sizes sizes = efla_gradient_sizes(&l->adjoint, x, t, false, &l->room);
  efla_error_bound_step(&l->error, &sizes, l->state);
}

/* The same in the current block, for which its errors are kept. */
static void step_again(efla_gradient_lane *l, const efla_tokens *x, size_t t) {
  const size_t n = l->dk * l->dv, pairs = l->dv * l->dv;
  efla_forward_error *error = &l->errors[t];
  double *read = l->numbers + t * token_numbers(l->dv);
  step(l, x, t);
  memcpy(l->states + (t + 1) * n, l->state, n * sizeof *l->states);
  efla_state_error_take(&l->state_errors[t + 1], &l->error);
  memcpy(read, l->error.read, pairs * sizeof *read), memcpy(read + pairs, l->error.update, pairs * sizeof *read);
  error->erased = efla_quadratic_form(l->dk, error->before->C, l->room.p);
}

void efla_gradient_lane_forward(efla_gradient_lane *l, size_t b, const efla_tokens *x) {
  keep(l, b);
  for (size_t t = 0; t < x->tokens; t++) step(l, x, t);
}

/* ---- backward ---- */

void efla_gradient_lane_turn(efla_gradient_lane *l, const double *d_final, size_t length,
                             const efla_gradient_variant *variant) {
  l->wrong = *l->spec;
  if (variant && variant->method) l->wrong.rule.method = variant->method;
  if (variant && variant->keys) l->wrong.rule.keys = variant->keys;
  l->variant = variant, l->length = length;
  efla_adjoint_start(&l->adjoint, variant && variant->ignores_final ? NULL : d_final);
  efla_gradient_bound_start(&l->bound, &l->adjoint);
}

/* Whether the variant loses the adjoint after this token of the sequence. */
static bool loses(const efla_gradient_lane *l, size_t token) {
  const efla_gradient_variant *v = l->variant;
  const size_t next = token + 1;
  if (!v || !v->chunk || next >= l->length || next % v->chunk != 0) return false;
  return !v->last || next == (l->length - 1) / v->chunk * v->chunk;
}

static void compute_faults(efla_gradient_lane *l, const efla_gradient_view *view) {
  for (size_t f = 0; f < EFLA_GRADIENT_FAULTS; f++) {
    const efla_gradient_fault *fault = &efla_gradient_faults[f];
    size_t n = width_of(l->dk, l->dv, fault->of);
    if (fault->of == EFLA_BY_DECAY && !l->adjoint.channels) n = 1;
    fault->row(view, fault->amount, l->fault[f] + view->t * n);
  }
  memcpy(l->next, l->adjoint.g, l->dk * sizeof *l->next);
}

static void store(efla_gradient_lane *l, size_t t, const efla_gradient_variance *v) {
  const efla_adjoint *a = &l->adjoint;
  const long double *const rows[] = {a->q, a->k, a->v, &a->beta, a->g, a->p};
  const efla_variance variances[] = {v->q, v->k, v->v, v->beta, v->g, v->p};
  for (efla_gradient_kind of = 0; of < EFLA_BY_STATE; of++) {
    const size_t width = width_of(l->dk, l->dv, of), n = of == EFLA_BY_DECAY && !a->channels ? 1 : width;
    memcpy(l->truth[of] + t * n, rows[of], n * sizeof *rows[of]);
    l->variance[of][t] = variances[of];
  }
}

void efla_gradient_lane_backward(efla_gradient_lane *l, size_t b, const efla_tokens *x, const double *d_o) {
  const size_t n = l->dk * l->dv;
  take_back(l, b);
  memcpy(l->states, l->state, n * sizeof *l->states);
  efla_state_error_take(&l->state_errors[0], &l->error);
  for (size_t t = 0; t < x->tokens; t++) step_again(l, x, t);
  l->adjoint.spec = &l->wrong;
  for (size_t t = x->tokens; t-- > 0;) {
    const long double *before = l->states + t * n, *after = before + n;
    const size_t token = b * l->block + t;
    if (loses(l, token)) memset(l->adjoint.G, 0, n * sizeof *l->adjoint.G);
    efla_adjoint_differentiate(&l->adjoint, x, t, d_o + t * l->dv, before, after);
    const efla_gradient_variance v =
        efla_gradient_bound_token(&l->bound, &l->adjoint, x, t, d_o + t * l->dv, before, after, &l->errors[t]);
    store(l, t, &v);
    if (l->faults)
      compute_faults(l, &(efla_gradient_view){&l->adjoint, x, t, token, d_o + t * l->dv, before,
                                              token + 1 < l->length ? l->next : NULL});
    efla_gradient_bound_retreat(&l->bound, &l->adjoint);
  }
}

efla_variance efla_gradient_lane_initial_variance(efla_gradient_lane *l) {
  return efla_gradient_bound_state(&l->bound);
}
