/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/gradient_bound.h"

#include "check/rounded_sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Relative roundings of a coefficient, and of w beside e where they are apart. */
static const double COEFFICIENT = 4, OWN = 5;

static double square(double x) { return x * x; }

efla_status efla_gradient_bound_init(efla_gradient_bound *b, const efla_backward_spec *spec, size_t dk, size_t dv) {
  *b = (efla_gradient_bound){.spec = spec, .dk = dk, .dv = dv};
  double **const of_dk[] = {&b->room.k, &b->room.p, &b->room.decay, &b->room.last,
                            &b->by_k,   &b->by_p,   &b->sum,        &b->scratch},
                 **const of_dv[] = {&b->room.zero, &b->v, &b->s, &b->u, &b->du, &b->y, &b->columns},
                 **const of_state[] = {&b->before, &b->after, &b->product},
                 **const of_pairs[] = {&b->of_s, &b->of_u, &b->of_du};
  const size_t dks = sizeof of_dk / sizeof *of_dk, dvs = sizeof of_dv / sizeof *of_dv,
               numbers = dks * dk + (dvs + 3) * dv + 3 * dk * dv + 3 * dv * dv + efla_state_error_numbers(dk, dv) +
                         2 * EFLA_ERROR_BOUND_CHUNK;
  const efla_followed followed = {.decays = spec->rule.decay && spec->rule.decay->gated, .columns = true};
  double *at = b->memory = calloc(numbers, sizeof *at);
  if (!at || efla_error_bound_init(&b->G, &spec->units, dk, dv, followed) != EFLA_OK) {
    efla_gradient_bound_clear(b);
    return EFLA_NO_MEMORY;
  }
  for (size_t i = 0; i < dks; i++, at += dk) *of_dk[i] = at;
  for (size_t i = 0; i < 3; i++, at += dk * dv) *of_state[i] = at;
  for (size_t i = 0; i < 3; i++, at += dv * dv) *of_pairs[i] = at;
  efla_state_error_place(&b->error, dk, dv, at), at += efla_state_error_numbers(dk, dv);
  b->terms = at, b->ends = at + EFLA_ERROR_BOUND_CHUNK, at += 2 * EFLA_ERROR_BOUND_CHUNK;
  for (size_t i = 0; i < dvs; i++, at += dv) *of_dv[i] = at; /* columns, the last, goes on for three more */
  return EFLA_OK;
}

void efla_gradient_bound_clear(efla_gradient_bound *b) {
  efla_error_bound_clear(&b->G);
  free(b->memory);
  *b = (efla_gradient_bound){.memory = NULL};
}

void efla_gradient_bound_start(efla_gradient_bound *b, const efla_adjoint *a) {
  efla_error_bound_start(&b->G, a->G);
  memset(b->room.last, 0, b->dk * sizeof *b->room.last);
  b->tokens = 0;
}

bool efla_gradient_apart(const efla_adjoint *a) {
  const efla_decay *decay = a->spec->rule.decay;
  return decay && !decay->proportional && !a->channels;
}

efla_token_sizes efla_gradient_sizes(const efla_adjoint *a, const efla_tokens *x, size_t t, bool backward,
                                     const efla_sizes_room *to) {
  const bool unit = a->spec->rule.keys->unit;
  const double *k = x->k + t * a->dk;
  for (size_t i = 0; i < a->dk; i++) {
    to->k[i] = (double)a->writes[i], to->p[i] = (double)a->erases[i], to->decay[i] = (double)a->decay[i];
    a->scratch[i] = (double)a->key[i];
  }
  const efla_coefficients *l = &a->slopes.by_lambda;
  return (efla_token_sizes){
      .k = backward ? to->p : to->k,
      .p = backward ? to->k : to->p,
      .decay = to->decay,
      .v = backward ? to->zero : x->v + t * a->dv,
      .erase = (double)a->c.erase,
      .write = (double)a->c.write,
      .erase_slope = l->erase,
      .write_slope = l->write,
      .lambda = unit && !x->p ? 0 : efla_rounded_lambda(a->dk, x->p ? x->p + t * a->dk : a->scratch, a->scratch),
      .norm = unit ? efla_rounded_norm(a->dk, k) : 0,
      .apart = efla_gradient_apart(a),
      .channels = a->channels,
      .repeats = efla_decays_repeat(a->dk, to->decay, to->last)};
}

static void narrow(size_t n, const long double *from, double *to) {
  for (size_t e = 0; e < n; e++) to[e] = (double)from[e];
}

/* ---- parts ---- */

static efla_variance scaled(double factor, efla_variance v) { return (efla_variance){factor * v.sum, factor * v.most}; }

/* An error that all entries have in common. */
static void add_common(efla_variance *to, double value) { to->sum += value, to->most += value; }

/* Each entry its own: of the sizes `squares`. */
static void add_alone(efla_variance *to, double unit2, size_t n, const double *squares) {
  efla_added added = {.factor = 1, .n = n};
  efla_add_alone(&added, unit2, squares);
  efla_variance_add(to, 1, &added.v);
}

static double norm2(size_t n, const double *x) {
  double sum = 0;
  for (size_t j = 0; j < n; j++) sum += x[j] * x[j];
  return sum;
}

static double norm2_long(size_t n, const long double *x) {
  double sum = 0;
  for (size_t j = 0; j < n; j++) sum += square((double)x[j]);
  return sum;
}

/* The mean square error of a coefficient. */
static double coefficient_error(const efla_gradient_bound *b, double value, double slope, bool own_too) {
  return square(b->spec->units.arithmetic) / 3 *
         (EFLA_ROUNDED_RELATIVE * (COEFFICIENT + (own_too ? OWN : 0)) * square(value) +
          b->sizes.lambda * square(slope));
}

/* Covariances of s, u and du. */
static void vary_columns(efla_gradient_bound *b, const efla_forward_error *f) {
  const size_t dv = b->dv;
  const efla_units *units = &b->spec->units;
  const double e2 = square(b->sizes.erase), along = efla_quadratic_form(b->dk, b->error.C, b->sizes.p),
               norm = square(units->arithmetic) * b->sizes.norm;
  const efla_state_sums state = efla_error_bound_sums(&b->G);
  for (size_t e = 0; e < dv * dv; e++) {
    const double carried = f->erased * f->before->H[e];
    b->of_s[e] = carried + f->read[e], b->of_u[e] = e2 * carried + f->update[e];
    b->of_du[e] = along * b->error.H[e];
  }
  efla_added du = {.factor = 1, .n = dv, .alike = &b->G.alike, .spread = b->of_du, .share = 1 / 3.},
             s = {.factor = 1, .n = dv, .alike = &b->G.alike, .spread = b->of_s, .share = 1 / 3.};
  double *rounded = b->columns;
  efla_sum_rows(&state, b->sizes.p, b->sizes.channels, b->y, rounded, b->columns + dv, &du);
  efla_add_alone(&du, square(units->arithmetic), rounded);
  for (size_t j = 0; j < dv; j++) rounded[j] = efla_rounded(b->du[j]);
  efla_add_alone(&du, square(units->operands), rounded);
  efla_add_along(&du, norm, b->du), efla_add_along(&s, norm, b->s);
}

/* ---- rows ---- */

/* S z, with the error of S and, where there is one, the covariance Q of z's; z comes from the inputs otherwise.  By rows
 * to rows. */
static efla_variance vary_product(efla_gradient_bound *b, const efla_state_error *error, const efla_state_sums *state,
                                  const double *z, const double *Q, double *rows) {
  efla_variance V = efla_carried(error, z, rows);
  const efla_variance sums = efla_product_rounds(state, z, Q == NULL, b->sum, b->scratch, rows);
  efla_variance_add(&V, 1, &sums);
  if (!Q) return V;
  const efla_variance passed = efla_passed_on(b->dk, b->dv, state->S, Q, b->product, rows);
  efla_variance_add(&V, 1, &passed);
  return V;
}

static efla_variance vary_q(efla_gradient_bound *b, const efla_adjoint *a, const double *d_o,
                            const efla_forward_error *f) {
  const double a2 = b->spec->scale == 1 ? 0 : square(b->spec->units.arithmetic);
  const efla_state_sums state = efla_state_error_sums(f->after, &b->spec->units, b->after);
  efla_variance V = scaled(square(b->spec->scale), vary_product(b, f->after, &state, d_o, NULL, b->by_k));
  for (size_t i = 0; i < b->dk; i++) b->scratch[i] = efla_rounded((double)a->q[i]);
  add_alone(&V, a2 / 3, b->dk, b->scratch);
  return V;
}

static efla_variance vary_v(efla_gradient_bound *b, const efla_adjoint *a) {
  const size_t dv = b->dv;
  const double w = b->sizes.write, a2 = square(b->spec->units.arithmetic) / 3,
               along = coefficient_error(b, w, b->sizes.write_slope, b->sizes.apart);
  double squares = 0;
  efla_variance V = {0};
  efla_added own = {.factor = 1, .n = dv, .alike = &b->G.alike};
  for (size_t e = 0; e < dv * dv; e++) {
    const double value = square(w) * b->of_du[e] + along * b->du[e / dv] * b->du[e % dv];
    squares += square(value), V.sum += e / dv == e % dv ? value : 0;
  }
  V.most = sqrt(squares);
  for (size_t j = 0; j < dv; j++) b->columns[j] = efla_rounded((double)a->v[j]);
  efla_add_alone(&own, a2, b->columns);
  efla_variance_add(&V, 1, &own.v);
  return V;
}

/* by p: -e S du. */
static efla_variance vary_by_p(efla_gradient_bound *b, const efla_forward_error *f) {
  const double e = b->sizes.erase;
  const efla_state_sums state = efla_state_error_sums(f->before, &b->spec->units, b->before);
  efla_variance V = scaled(square(e), vary_product(b, f->before, &state, b->du, b->of_du, b->by_p));
  for (size_t i = 0; i < b->dk; i++) b->by_p[i] *= square(e);
  add_common(&V, coefficient_error(b, e, b->sizes.erase_slope, false) * norm2(b->dk, b->sum)); /* S du */
  return V;
}

/* From the derivative by the unit key to that by the key: (x - k (k.x))/|k|. */
static void vary_unit(efla_gradient_bound *b, const efla_adjoint *a, efla_variance *to) {
  const double a2 = square(b->spec->units.arithmetic) / 3;
  double radial = 0, of_key = 0;
  for (size_t i = 0; i < b->dk; i++) radial += (double)(a->key[i] * a->treated[i]);
  for (size_t i = 0; i < b->dk; i++) {
    const double key = (double)a->key[i], x = (double)a->treated[i], rest = x - key * radial;
    b->sum[i] = key, b->scratch[i] = x, of_key += efla_rounded(key) * square(x);
    b->by_k[i] = efla_rounded(key) * square(radial) + efla_rounded(key * radial) + efla_rounded(rest) +
                 efla_rounded(rest / (double)a->norm) * square((double)a->norm);
  }
  add_common(to, efla_rounded_product(&b->spec->units, b->dk, b->sum, b->scratch) +
                     a2 * (of_key + b->sizes.norm * (4 * square(radial) + norm2(b->dk, b->scratch))));
  add_alone(to, a2, b->dk, b->by_k);
  *to = a->norm > 0 ? scaled(1 / square((double)a->norm), *to) : (efla_variance){0};
}

/* From the update's keys to dk, or dp where the keys are apart. */
static void vary_keys(efla_gradient_bound *b, const efla_adjoint *a, const efla_variance *by_k,
                      const efla_variance *by_p, double lambda, efla_gradient_variance *to) {
  const efla_units *units = &b->spec->units;
  const double a2 = square(units->arithmetic) / 3, channels = b->sizes.channels ? EFLA_CHANNEL_ROUNDINGS : 0,
               by_lambda = (double)a->by_lambda, twice = a->erase_key ? 1 : 4;
  double *of_k = b->sum, *of_p = b->scratch;
  to->k = *by_k, to->p = *by_p;
  for (size_t i = 0; i < b->dk; i++) {
    const double k2 = square((double)a->by_k[i]), p2 = square((double)a->by_p[i]);
    const double from_k = (3 + channels) * k2 + 3 * twice * square((double)a->erase[i] * by_lambda),
                 from_p = (3 + channels) * p2 + (a->erase_key ? 3 * square((double)a->key[i] * by_lambda) : 0);
    of_k[i] = EFLA_ROUNDED_SQUARE * (from_k + (a->erase_key ? 0 : from_p)), of_p[i] = EFLA_ROUNDED_SQUARE * from_p;
  }
  add_common(&to->k, twice * norm2_long(b->dk, a->erase) * lambda);
  add_alone(&to->k, a2, b->dk, of_k);
  if (a->erase_key) {
    add_common(&to->p, norm2_long(b->dk, a->key) * lambda);
    add_alone(&to->p, a2, b->dk, of_p);
  } else {
    efla_variance_add(&to->k, 1, by_p);
  }
  if (b->spec->rule.keys->unit) vary_unit(b, a, &to->k);
}

/* What is known of the token: its rows, the states about it and the error of G. */
static void take(efla_gradient_bound *b, const efla_adjoint *a, const efla_tokens *x, size_t t, const double *d_o,
                 const long double *before, const long double *after) {
  for (size_t j = 0; j < b->dv; j++) b->y[j] = b->spec->scale * d_o[j];
  efla_error_bound_add(&b->G, x->q + t * b->dk, b->y, b->spec->scale, a->G);
  efla_state_error_take(&b->error, &b->G);
  b->sizes = efla_gradient_sizes(a, x, t, true, &b->room);
  memcpy(b->v, x->v + t * b->dv, b->dv * sizeof *b->v);
  narrow(b->dv, a->s, b->s), narrow(b->dv, a->u, b->u), narrow(b->dv, a->du, b->du);
  narrow(b->dk * b->dv, before, b->before), narrow(b->dk * b->dv, after, b->after);
  memset(b->by_k, 0, b->dk * sizeof *b->by_k), memset(b->by_p, 0, b->dk * sizeof *b->by_p);
}

static efla_variance number(double value) { return (efla_variance){value, value}; }

efla_gradient_variance efla_gradient_bound_token(efla_gradient_bound *b, const efla_adjoint *a, const efla_tokens *x,
                                                 size_t t, const double *d_o, const long double *before,
                                                 const long double *after, const efla_forward_error *f) {
  const double *q = x->q + t * b->dk;
  const efla_coefficient_slopes bent = efla_gradient_bound_bend(b, a, x, t);
  efla_gradient_variance to = {.beta = {0}};
  take(b, a, x, t, d_o, before, after);
  vary_columns(b, f);
  to.q = vary_q(b, a, d_o, f);
  to.v = vary_v(b, a);
  memset(b->by_k, 0, b->dk * sizeof *b->by_k);
  const efla_state_sums state = efla_error_bound_sums(&b->G);
  const efla_variance by_k = vary_product(b, &b->error, &state, b->u, b->of_u, b->by_k), by_p = vary_by_p(b, f);
  if (a->channels)
    to.g = efla_gradient_bound_channels(b, a, q, d_o, f);
  else if (b->spec->rule.decay && b->spec->rule.decay->gated)
    to.g = number(efla_gradient_bound_head(b, a, q, d_o, &bent.by_g, f));
  vary_keys(b, a, &by_k, &by_p, efla_gradient_bound_by_lambda(b, a, &bent.by_lambda), &to);
  to.beta = number(efla_gradient_bound_number(b, a, &a->slopes.by_beta, &bent.by_beta, 0));
  b->tokens++;
  return to;
}

void efla_gradient_bound_retreat(efla_gradient_bound *b, efla_adjoint *a) {
  efla_adjoint_retreat(a);
  efla_error_bound_step(&b->G, &b->sizes, a->G);
}

efla_variance efla_gradient_bound_state(efla_gradient_bound *b) {
  const efla_state_sums state = efla_error_bound_sums(&b->G);
  efla_added chunk = {.factor = 1, .n = b->dv, .alike = &b->G.alike};
  double columns = 0;
  efla_state_error_take(&b->error, &b->G);
  for (size_t e = 0; e < b->dv * b->dv; e++) columns += square(b->error.H[e]);
  efla_variance V = {b->error.trace, b->error.frobenius * sqrt(columns)};
  for (size_t i = 0; i < b->dk; i++) {
    for (size_t j = 0; j < b->dv; j++) b->columns[j] = efla_partial_sums(&state, i, j);
    efla_add_alone(&chunk, 1 / 3., b->columns);
  }
  efla_variance_add(&V, 1, &chunk.v);
  return V;
}

efla_variance efla_stored_variance(const efla_format *stored, const efla_units *units, size_t n,
                                   const long double *row) {
  const double unit2 = square(efla_format_unit(stored)), gap = square(ldexp(1, stored->least - stored->digits));
  efla_variance V = {0};
  for (size_t i = 0; i < n; i++) {
    double same = 1;
    for (size_t j = 0; j < n; j++) same += j != i && fabsl(row[j]) == fabsl(row[i]);
    const double one = ((unit2 > square(units->arithmetic) ? unit2 * efla_rounded((double)row[i]) : 0) + gap) / 3;
    V.sum += one, V.most = fmax(V.most, same * one);
  }
  return V;
}
