/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/gradient_lane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t width_of(size_t dk, size_t dv, efla_gradient_kind of) {
  const size_t widths[EFLA_GRADIENTS] = {dk, dk, dv, 1, dk, dk, 0};
  return widths[of];
}

/* Of a checkpoint beside the state: its covariance, and two sums of it. */
static size_t kept_numbers(size_t dk, size_t dv) { return dk * dk + 2 * dk + 2 * dv + 2; }

/* Of the errors of one token: diagonals and shares before and after it. */
static size_t error_numbers(size_t dk, size_t dv) { return 2 * (dk + dv); }

static size_t row_numbers(size_t dk, size_t dv) {
  size_t n = 0;
  for (efla_gradient_kind of = 0; of < EFLA_GRADIENTS; of++) n += width_of(dk, dv, of);
  return n;
}

double efla_gradient_lane_numbers(size_t dk, size_t dv, size_t block, size_t blocks) {
  const double state = 2. * (double)dk * (double)dv; /* a long double takes two */
  return (double)blocks * (state + (double)kept_numbers(dk, dv)) +
         (double)(block + 1) * (state + (double)(error_numbers(dk, dv) + 2 * row_numbers(dk, dv) + EFLA_GRADIENTS)) +
         4 * state;
}

static void place(efla_gradient_lane *l, double *at) {
  const size_t dk = l->dk, dv = l->dv;
  l->kept = at, at += l->blocks * kept_numbers(dk, dv);
  l->numbers = at, at += l->block * error_numbers(dk, dv);
  long double *row = l->states + (l->block + 1) * dk * dv;
  for (efla_gradient_kind of = 0; of < EFLA_GRADIENTS; of++) {
    l->truth[of] = row, row += l->block * width_of(dk, dv, of);
    l->variance[of] = at, at += l->block;
  }
  l->room = (efla_step_room){.k = at, .p = at + dk, .d = at + 2 * dk}, at += 3 * dk;
  l->room.value = at, l->room.read = at + dv, l->room.update = at + 2 * dv, l->room.terms = at + 3 * dv;
  for (size_t t = 0; t < l->block; t++) {
    double *own = l->numbers + t * error_numbers(dk, dv);
    l->errors[t].before = (efla_state_error){.diagonal = own, .share = own + dk};
    l->errors[t].after = (efla_state_error){.diagonal = own + dk + dv, .share = own + 2 * dk + dv};
  }
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
  l->memory = calloc(blocks * kept_numbers(dk, dv) + block * (error_numbers(dk, dv) + EFLA_GRADIENTS) + 3 * dk + 4 * dv,
                     sizeof *l->memory);
  if (faults) l->faults = calloc(fault_numbers(dk, dv) * block + dk, sizeof *l->faults);
  bool fine = l->S && l->errors && l->memory && (l->faults || !faults) &&
              efla_covariance_init(&l->error, &spec->roundings, dk, dv) == EFLA_OK &&
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
  efla_covariance_clear(&l->error);
  efla_adjoint_clear(&l->adjoint);
  efla_gradient_bound_clear(&l->bound);
  free(l->S);
  free(l->errors);
  free(l->faults);
  free(l->memory);
  *l = (efla_gradient_lane){0};
}

/* ---- forward ---- */

void efla_gradient_lane_start(efla_gradient_lane *l, const double *S) {
  for (size_t e = 0; e < l->dk * l->dv; e++) l->state[e] = S ? S[e] : 0;
  efla_covariance_start(&l->error, l->state);
}

static void keep(efla_gradient_lane *l, size_t b) {
  double *at = l->kept + b * kept_numbers(l->dk, l->dv);
  memcpy(l->S + b * l->dk * l->dv, l->state, l->dk * l->dv * sizeof *l->S);
  memcpy(at, l->error.memory, l->error.kept * sizeof *at), at += l->error.kept;
  at[0] = l->error.trace, at[1] = l->error.frobenius;
}

static void take_back(efla_gradient_lane *l, size_t b) {
  const double *at = l->kept + b * kept_numbers(l->dk, l->dv);
  memcpy(l->state, l->S + b * l->dk * l->dv, l->dk * l->dv * sizeof *l->S);
  memcpy(l->error.memory, at, l->error.kept * sizeof *at), at += l->error.kept;
  l->error.trace = at[0], l->error.frobenius = at[1];
}

static void copy_error(const efla_gradient_lane *l, efla_state_error *to) {
  memcpy(to->diagonal, l->error.diagonal, l->dk * sizeof *to->diagonal);
  memcpy(to->share, l->error.share, l->dv * sizeof *to->share);
  to->trace = l->error.trace, to->frobenius = l->error.frobenius;
}

/* One token of the forward sweep; errors: what is left for the bound, NULL: nothing. */
static void step(efla_gradient_lane *l, const efla_tokens *x, size_t t, efla_forward_error *errors) {
  const size_t n = l->dk * l->dv;
  long double *before = l->states + l->block * n; /* not in use yet */
  l->adjoint.spec = l->spec;
  memcpy(before, l->state, n * sizeof *before);
  efla_adjoint_advance(&l->adjoint, x, t, l->state);
  const efla_rounded_step rounded = efla_gradient_step(&l->adjoint, x->v + t * l->dv, before, false, &l->room);
  if (errors) copy_error(l, &errors->before), errors->erased = efla_covariance_form(&l->error, l->room.p);
  efla_covariance_step(&l->error, &rounded, l->state);
  if (errors) copy_error(l, &errors->after), errors->read = efla_covariance_form(&l->error, x->q + t * l->dk);
}

void efla_gradient_lane_forward(efla_gradient_lane *l, size_t b, const efla_tokens *x) {
  keep(l, b);
  for (size_t t = 0; t < x->tokens; t++) step(l, x, t, NULL);
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
  const double variances[] = {v->q, v->k, v->v, v->beta, v->g, v->p};
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
  for (size_t t = 0; t < x->tokens; t++) {
    step(l, x, t, &l->errors[t]);
    memcpy(l->states + (t + 1) * n, l->state, n * sizeof *l->states);
  }
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

double efla_gradient_lane_initial_variance(const efla_gradient_lane *l) { return l->bound.G.trace; }
