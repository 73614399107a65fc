/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/gradient_lane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t width_of(size_t dk, size_t dv, efla_gradient_kind of) {
  const size_t widths[EFLA_GRADIENTS] = {dk, dk, dv, 1, dk, dk, 0};
  return widths[of];
}

/* Of a checkpoint beside the state: the covariance, the rows' squares, the error by columns and in all. */
static size_t kept_numbers(size_t dk, size_t dv) { return dk * dk + 2 * dk + dv + 2; }

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
  l->error.diagonal = at, at += dk;
  l->error.share = at, at += dv;
  l->scratch = at;
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

efla_status efla_gradient_lane_init(efla_gradient_lane *l, const efla_kernel_spec *spec, size_t dk, size_t dv,
                                    size_t block, size_t blocks, bool faults) {
  const size_t state = dk * dv;
  *l = (efla_gradient_lane){.spec = spec, .dk = dk, .dv = dv, .block = block, .blocks = blocks};
  l->S = calloc((blocks + block + 1) * state + block * row_numbers(dk, dv), sizeof *l->S);
  l->errors = calloc(block, sizeof *l->errors);
  l->memory = calloc(blocks * kept_numbers(dk, dv) + block * (error_numbers(dk, dv) + EFLA_GRADIENTS) + 5 * dk + 8 * dv,
                     sizeof *l->memory);
  if (faults) l->faults = calloc(fault_numbers(dk, dv) * block + dk, sizeof *l->faults);
  bool fine = l->S && l->errors && l->memory && (l->faults || !faults) &&
              efla_reference_trajectory_init(&l->forward, spec, dk, dv) == EFLA_OK &&
              efla_adjoint_init(&l->adjoint, spec, dk, dv) == EFLA_OK &&
              efla_gradient_bound_init(&l->bound, spec, dk, dv) == EFLA_OK;
  if (!fine) {
    efla_gradient_lane_clear(l);
    return EFLA_NO_MEMORY;
  }
  l->states = l->S + blocks * state;
  place(l, l->memory);
  if (faults) place_faults(l);
  return EFLA_OK;
}

void efla_gradient_lane_clear(efla_gradient_lane *l) {
  if (l->forward.S) efla_reference_trajectory_clear(&l->forward);
  efla_adjoint_clear(&l->adjoint);
  efla_gradient_bound_clear(&l->bound);
  free(l->S);
  free(l->errors);
  free(l->faults);
  free(l->memory);
  *l = (efla_gradient_lane){0};
}

/* ---- checkpoints ---- */

static void copy(double **to, const double *from, size_t n) {
  memcpy(*to, from, n * sizeof *from);
  *to += n;
}

static void keep(efla_gradient_lane *l, size_t b) {
  const efla_error_bound *bound = &l->forward.bound;
  double *at = l->kept + b * kept_numbers(l->dk, l->dv);
  memcpy(l->S + b * l->dk * l->dv, l->forward.S, l->dk * l->dv * sizeof *l->S);
  copy(&at, bound->C, l->dk * l->dk), copy(&at, bound->rows, l->dk);
  copy(&at, l->error.diagonal, l->dk), copy(&at, l->error.share, l->dv);
  at[0] = l->error.trace, at[1] = l->error.frobenius;
}

static void take_back(efla_gradient_lane *l, size_t b) {
  efla_error_bound *bound = &l->forward.bound;
  const double *at = l->kept + b * kept_numbers(l->dk, l->dv);
  memcpy(l->forward.S, l->S + b * l->dk * l->dv, l->dk * l->dv * sizeof *l->S);
  memcpy(bound->C, at, l->dk * l->dk * sizeof *at), at += l->dk * l->dk;
  memcpy(bound->rows, at, l->dk * sizeof *at), at += l->dk;
  memcpy(l->error.diagonal, at, l->dk * sizeof *at), at += l->dk;
  memcpy(l->error.share, at, l->dv * sizeof *at), at += l->dv;
  l->error.trace = at[0], l->error.frobenius = at[1];
}

/* ---- forward ---- */

static void measure_columns(const efla_gradient_lane *l, double *columns) {
  memset(columns, 0, l->dv * sizeof *columns);
  for (size_t i = 0; i < l->dk; i++)
    for (size_t j = 0; j < l->dv; j++)
      columns[j] += (double)(l->forward.S[i * l->dv + j] * l->forward.S[i * l->dv + j]);
}

void efla_gradient_lane_start(efla_gradient_lane *l, const double *S) {
  efla_reference_trajectory_start(&l->forward, S);
  memset(l->error.share, 0, l->dv * sizeof *l->error.share);
  l->error.trace = 0;
  measure_columns(l, l->scratch);
  efla_state_error_follow(&l->error, &l->forward.bound, l->dv, 0, l->scratch);
}

static void copy_error(const efla_gradient_lane *l, efla_state_error *to) {
  memcpy(to->diagonal, l->error.diagonal, l->dk * sizeof *to->diagonal);
  memcpy(to->share, l->error.share, l->dv * sizeof *to->share);
  to->trace = l->error.trace, to->frobenius = l->error.frobenius;
}

/* Keys and decays of the update, (3 dk). */
static void spread(const efla_gradient_lane *l, const efla_tokens *x, size_t t, double *k, efla_coefficients_long *c) {
  const efla_rule *rule = &l->spec->rule;
  const double share = rule->decay ? rule->decay->share : 0;
  double *p = k + l->dk, *d = p + l->dk;
  const bool channels = x->g && x->g_per_channel;
  long double lambda = 0;
  memcpy(k, x->k + t * l->dk, l->dk * sizeof *k);
  rule->keys->apply(l->dk, k);
  memcpy(p, x->p ? x->p + t * l->dk : k, l->dk * sizeof *p);
  for (size_t i = 0; i < l->dk; i++) lambda += (long double)p[i] * k[i];
  efla_rule_coefficients_long(rule, lambda, x->beta[t], efla_token_argument(x, t), c);
  for (size_t i = 0; i < l->dk; i++) {
    const double g = channels ? x->g[t * l->dk + i] : 0;
    k[i] *= exp((1 - share) * g), p[i] *= exp(share * g), d[i] = channels ? exp(g) : (double)c->decay;
  }
}

/* The squares of the columns about an update, but of the state after it. */
static efla_column_sizes measure_update(const efla_gradient_lane *l, const efla_tokens *x, size_t t, const double *p,
                                        const efla_coefficients_long *c, double *at) {
  const efla_column_sizes sizes = {at, at + l->dv, at + 2 * l->dv, at + 3 * l->dv, at + 4 * l->dv};
  for (size_t j = 0; j < l->dv; j++) {
    double s = 0, terms = 0;
    for (size_t i = 0; i < l->dk; i++) {
      const double one = (double)c->erase * p[i] * (double)l->forward.S[i * l->dv + j];
      s += one, terms += one * one;
    }
    const double w = (double)c->write * x->v[t * l->dv + j];
    sizes.written[j] = w * w, sizes.read[j] = s * s, sizes.update[j] = (w - s) * (w - s), sizes.terms[j] = terms;
  }
  return sizes;
}

/* One token of the forward sweep; errors: what is left for the bound, NULL: nothing. */
static efla_status step(efla_gradient_lane *l, const efla_tokens *x, size_t t, efla_forward_error *errors,
                        efla_message *why) {
  const size_t dk = l->dk, dv = l->dv;
  double *k = l->scratch, *p = k + dk, *d = p + dk, *w = d + dk, *added = w + dk;
  const efla_error_bound *bound = &l->forward.bound;
  efla_coefficients_long c;
  spread(l, x, t, k, &c);
  const double kept = efla_covariance_kept(bound, k, p, d, (double)c.erase, w);
  if (errors) copy_error(l, &errors->before), errors->erased = efla_covariance_form(bound, p, w);
  const efla_column_sizes sizes = measure_update(l, x, t, p, &c, added + dv);
  efla_status status = efla_reference_trajectory_step(&l->forward, x, t, why);
  if (status != EFLA_OK) return status;
  measure_columns(l, sizes.state);
  efla_columns_add(&l->spec->units, dk, dv, efla_lambda(dk, k), &sizes, added);
  efla_state_error_follow(&l->error, bound, dv, kept, added);
  if (errors) copy_error(l, &errors->after), errors->read = efla_covariance_form(bound, x->q + t * dk, w);
  return EFLA_OK;
}

efla_status efla_gradient_lane_forward(efla_gradient_lane *l, size_t b, const efla_tokens *x, efla_message *why) {
  efla_status status = EFLA_OK;
  keep(l, b);
  for (size_t t = 0; t < x->tokens && status == EFLA_OK; t++) status = step(l, x, t, NULL, why);
  return status;
}

/* ---- backward ---- */

void efla_gradient_lane_turn(efla_gradient_lane *l, const double *d_final, size_t length,
                             const efla_gradient_variant *variant) {
  l->wrong = *l->spec;
  if (variant && variant->method) l->wrong.rule.method = variant->method;
  if (variant && variant->keys) l->wrong.rule.keys = variant->keys;
  l->variant = variant, l->length = length;
  l->adjoint.spec = &l->wrong;
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

efla_status efla_gradient_lane_backward(efla_gradient_lane *l, size_t b, const efla_tokens *x, const double *d_o,
                                        efla_message *why) {
  const size_t n = l->dk * l->dv;
  efla_status status = EFLA_OK;
  take_back(l, b);
  memcpy(l->states, l->forward.S, n * sizeof *l->states);
  for (size_t t = 0; t < x->tokens && status == EFLA_OK; t++) {
    status = step(l, x, t, &l->errors[t], why);
    memcpy(l->states + (t + 1) * n, l->forward.S, n * sizeof *l->states);
  }
  for (size_t t = x->tokens; t-- > 0 && status == EFLA_OK;) {
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
  return status;
}

double efla_gradient_lane_initial_variance(const efla_gradient_lane *l) { return l->bound.error.trace; }
