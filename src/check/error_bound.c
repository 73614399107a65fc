/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/error_bound.h"

#include "check/rounded_sums.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Relative roundings: of a decay per channel, of one exponential; of the coefficient; of w beside e where they are
 * apart. */
static const double CHANNEL = EFLA_CHANNEL_ROUNDINGS, EXPONENTIAL = 2, COEFFICIENT = 4, OWN = 5;

static double square(double x) { return x * x; }

size_t efla_error_bound_squares(const efla_units *units, bool decays) {
  return (size_t)(2 + (units->chunk ? 1 : 0) + (decays ? 2 : 0));
}

efla_status efla_error_bound_init(efla_error_bound *bound, const efla_units *units, size_t dk, size_t dv,
                                  efla_followed followed) {
  const size_t squares = efla_error_bound_squares(units, followed.decays), pairs = followed.columns ? dv * dv : 0;
  const size_t kept = squares * dk * dk + (units->chunk ? 2 : 1) * pairs + dk * dv + 2 * dk;
  double *at = calloc(kept + 2 * pairs + dk + 10 * dv, sizeof *at);
  size_t *as = calloc(dv, sizeof *as);
  *bound = (efla_error_bound){0};
  if (!at || !as) {
    free(at), free(as);
    return EFLA_NO_MEMORY;
  }
  *bound = (efla_error_bound){.units = *units, .dk = dk, .dv = dv, .block = at, .kept = kept};
  bound->C = at, bound->most = at + dk * dk, at += 2 * dk * dk;
  if (units->chunk) bound->written = at, at += dk * dk;
  if (followed.decays) bound->run = at, bound->age = at + dk * dk, at += 2 * dk * dk;
  if (followed.columns) bound->columns = at, at += pairs;
  if (followed.columns && units->chunk) bound->passed = at, at += pairs;
  bound->logarithms = at, bound->S = at + dk, bound->rows = bound->S + dk * dv, at = bound->rows + dk;
  bound->w = at, at += dk;
  bound->sum = at, bound->rounded = at + dv, bound->u = at + 2 * dv, bound->value = at + 3 * dv;
  bound->turned = at + 4 * dv, bound->slope = at + 5 * dv, bound->scratch = at + 6 * dv, at += 8 * dv;
  bound->alike.as = as, bound->alike.count = at, bound->alike.sign = at + dv, at += 2 * dv;
  if (followed.columns) bound->read = at, bound->update = at + pairs;
  return EFLA_OK;
}

void efla_error_bound_clear(efla_error_bound *bound) {
  free(bound->block);
  free(bound->alike.as);
  *bound = (efla_error_bound){0};
}

static double norm2(size_t n, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sum;
}

bool efla_decays_repeat(size_t dk, const double *decay, double *last) {
  bool same = true, decays = false;
  for (size_t i = 0; i < dk; i++) {
    same = same && decay[i] == last[i], decays = decays || decay[i] != 1;
    last[i] = decay[i];
  }
  return same && decays;
}

/* A row of the state, whose roundings H takes too. */
static efla_added of_row(const efla_error_bound *bound) {
  return (efla_added){.factor = 1, .n = bound->dv, .alike = &bound->alike, .spread = bound->columns, .share = 1 / 3.};
}

static void add_row(efla_error_bound *bound, size_t i, const efla_variance *row) {
  bound->C[i * bound->dk + i] += row->sum / 3, bound->most[i * bound->dk + i] += row->most / 3;
}

static void take_state(efla_error_bound *bound, const long double *S) {
  for (size_t i = 0; i < bound->dk; i++) {
    double *row = bound->S + i * bound->dv, sum = 0;
    for (size_t j = 0; j < bound->dv; j++) row[j] = (double)S[i * bound->dv + j], sum += efla_rounded(row[j]);
    bound->rows[i] = sum;
  }
}

void efla_error_bound_start(efla_error_bound *bound, const long double *S) {
  memset(bound->block, 0, bound->kept * sizeof *bound->block);
  bound->tokens = 0, bound->aged = bound->apart = false;
  take_state(bound, S);
  efla_alike_columns(&bound->alike, bound->dk, bound->dv, S);
  for (size_t i = 0; i < bound->dk; i++) {
    efla_added row = of_row(bound);
    for (size_t j = 0; j < bound->dv; j++) bound->rounded[j] = efla_rounded(bound->S[i * bound->dv + j]);
    efla_add_alone(&row, square(bound->units.state), bound->rounded);
    add_row(bound, i, &row.v);
  }
}

/* w = C y for the symmetric C, row by row; returns y^T C y. */
static double apply(size_t dk, const double *C, const double *y, double *w) {
  double form = 0;
  memset(w, 0, dk * sizeof *w);
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dk; j++) w[j] += C[i * dk + j] * y[i];
  for (size_t i = 0; i < dk; i++) form += w[i] * y[i];
  return form;
}

/* C <- M C M^T + k k^T U. */
static void carry(efla_error_bound *bound, const efla_token_sizes *token, double *C, double U) {
  const size_t dk = bound->dk;
  const double *k = token->k, *d = token->decay, e = token->erase;
  double *w = bound->w;
  const double along = square(e) * apply(dk, C, token->p, w) + U;
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dk; j++)
      C[i * dk + j] = d[i] * d[j] * C[i * dk + j] - e * (k[i] * w[j] * d[j] + d[i] * w[i] * k[j]) + k[i] * k[j] * along;
}

static double trace(size_t n, const double *C) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += C[i * n + i];
  return sum;
}

/* Every pair of columns keeps what C keeps of its trace. */
static void carry_columns(efla_error_bound *bound, double before, double after) {
  const double kept = before > 0 && after > 0 ? after / before : 0;
  for (size_t e = 0; e < bound->dv * bound->dv; e++) bound->columns[e] *= kept;
}

/* What u rounds is added to H, |k|^2 times. */
static void add_update_to_columns(efla_error_bound *bound, const double *k) {
  const double k2 = norm2(bound->dk, k);
  for (size_t e = 0; e < bound->dv * bound->dv; e++) bound->columns[e] += k2 * bound->update[e];
}

efla_state_sums efla_error_bound_sums(const efla_error_bound *bound) {
  const double apart = bound->apart && bound->passed ? trace(bound->dk, bound->written) : 0;
  return (efla_state_sums){&bound->units, bound->dk,      bound->dv,     bound->tokens,
                           bound->S,      bound->written, bound->passed, apart};
}

/* What S^T p rounds, e^2 times; where columns are followed with their covariance, and that of u begins with it. */
static efla_variance add_reading(efla_error_bound *bound, const efla_token_sizes *token) {
  const size_t dv = bound->dv;
  const double e2 = square(token->erase), a = square(bound->units.arithmetic);
  const efla_state_sums state = efla_error_bound_sums(bound);
  efla_added read = {.factor = 1, .n = dv, .alike = &bound->alike, .spread = bound->read, .share = 1 / 3.};
  if (bound->read) memset(bound->read, 0, dv * dv * sizeof *bound->read);
  efla_sum_rows(&state, token->p, token->channels, bound->sum, bound->rounded, bound->scratch, &read);
  for (size_t f = 0; bound->read && f < dv * dv; f++) bound->update[f] = e2 * bound->read[f];
  for (size_t j = 0; bound->read && j < dv; j++) bound->read[j * dv + j] += a * bound->rounded[j] / 3;
  return (efla_variance){e2 * read.v.sum, e2 * read.v.most};
}

/* 3 U; leaves u. */
static efla_variance added_to_update(efla_error_bound *bound, const efla_token_sizes *token) {
  const double a = square(bound->units.arithmetic), o = square(bound->units.operands), e = token->erase;
  double *rounded = bound->rounded, *u = bound->u;
  efla_added U = {.v = add_reading(bound, token),
                  .factor = 1,
                  .n = bound->dv,
                  .alike = &bound->alike,
                  .spread = bound->update,
                  .share = 1 / 3.};
  for (size_t j = 0; j < bound->dv; j++) {
    const double written = token->write * token->v[j], erased = e * bound->sum[j];
    u[j] = written - erased;
    rounded[j] =
        a * (square(e) * rounded[j] + efla_rounded(erased)) + (a + o) * (efla_rounded(written) + efla_rounded(u[j]));
    bound->slope[j] = token->write_slope * token->v[j] - token->erase_slope * bound->sum[j];
    bound->value[j] = written, bound->turned[j] = u[j] - erased;
  }
  efla_add_alone(&U, 1, rounded);
  efla_add_along(&U, a * EFLA_ROUNDED_RELATIVE * COEFFICIENT, u);
  if (token->apart) efla_add_along(&U, a * EFLA_ROUNDED_RELATIVE * OWN, bound->value);
  efla_add_along(&U, a * token->lambda, bound->slope);
  efla_add_along(&U, a * token->norm, bound->turned);
  return U.v;
}

/* The mean square of d_i's relative error, times the square of what it is; sums: logarithms of decays are summed over a
 * chunk. */
static double of_decay(const efla_error_bound *bound, const efla_token_sizes *token, size_t i, bool sums) {
  const double d = token->decay[i], own = (token->channels ? CHANNEL : EXPONENTIAL) * EFLA_ROUNDED_RELATIVE,
               summed = sums ? efla_rounded(bound->logarithms[i]) : 0;
  return d == 1 ? 0 : square(bound->units.arithmetic * d) * (own + summed);
}

/* Errors of decays that repeat have one sign: what the first of them left is carried in `run`, and as often as there
 * were tokens since, in `age`. */
static void carry_run(efla_error_bound *bound, const efla_token_sizes *token) {
  const size_t n = bound->dk * bound->dk;
  for (size_t e = 0; e < n && token->repeats; e++) bound->age[e] += bound->run[e];
  bound->aged = bound->aged || token->repeats;
  if (bound->aged) carry(bound, token, bound->age, 0);
  if (token->repeats)
    carry(bound, token, bound->run, 0);
  else
    memset(bound->run, 0, n * sizeof *bound->run);
  for (size_t i = 0; i < bound->dk; i++)
    bound->run[i * bound->dk + i] += of_decay(bound, token, i, false) * norm2(bound->dv, bound->S + i * bound->dv) / 3;
}

/* The sum of y2 x x^T (n, n) over a chunk's tokens, with a weight that fades over its length. */
static void carry_products(const efla_error_bound *bound, size_t n, double y2, const double *x, const double *decay,
                           double *to) {
  const double kept = 1 - 1 / (double)bound->units.chunk;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      to[i * n + j] = kept * (decay ? decay[i] * decay[j] : 1) * to[i * n + j] + y2 * x[i] * x[j];
}

static void carry_chunk(efla_error_bound *bound, const efla_token_sizes *token) {
  const double kept = 1 - 1 / (double)bound->units.chunk;
  for (size_t i = 0; i < bound->dk; i++)
    bound->logarithms[i] = kept * bound->logarithms[i] + fmax(log(token->decay[i]), log(DBL_MIN));
  carry_products(bound, bound->dk, norm2(bound->dv, bound->u), token->k, token->decay, bound->written);
  if (bound->passed) carry_products(bound, bound->dv, norm2(bound->dk, token->k), bound->u, NULL, bound->passed);
}

/* diag(D); S is the state after the token, bound->S that before it. */
static void add_stored(efla_error_bound *bound, const efla_token_sizes *token, const long double *S) {
  const double a = square(bound->units.arithmetic), o = square(bound->units.operands), s = square(bound->units.state);
  double *rounded = bound->rounded;
  for (size_t i = 0; i < bound->dk; i++) {
    const double d = token->decay[i], k = token->k[i], *before = bound->S + i * bound->dv;
    const double key =
        token->channels ? CHANNEL * EFLA_ROUNDED_RELATIVE * square(k) : efla_rounded_to(k, bound->units.arithmetic);
    efla_added row = of_row(bound);
    for (size_t j = 0; j < bound->dv; j++)
      rounded[j] = (s + a * token->series) * efla_rounded((double)S[i * bound->dv + j]) +
                   a * ((d == 1 ? 0 : efla_rounded(d * before[j])) + efla_rounded(k * bound->u[j]));
    efla_add_alone(&row, 1, rounded);
    efla_add_along(&row, of_decay(bound, token, i, bound->units.chunk > 0), before);
    efla_add_along(&row, a * key + o * efla_rounded_to(k, bound->units.operands), bound->u);
    add_row(bound, i, &row.v);
  }
}

void efla_error_bound_step(efla_error_bound *bound, const efla_token_sizes *token, const long double *S) {
  efla_alike_columns(&bound->alike, bound->dk, bound->dv, S);
  const efla_variance U = added_to_update(bound, token);
  const double before = trace(bound->dk, bound->C);
  carry(bound, token, bound->C, U.sum / 3);
  carry(bound, token, bound->most, U.most / 3);
  if (bound->columns) {
    carry_columns(bound, before, trace(bound->dk, bound->C) - norm2(bound->dk, token->k) * U.sum / 3);
    add_update_to_columns(bound, token->k);
  }
  if (bound->run) carry_run(bound, token);
  if (bound->written) carry_chunk(bound, token);
  add_stored(bound, token, S);
  take_state(bound, S);
  bound->tokens++;
}

/* C <- C + y y^T V. */
static void add_along_rows(efla_error_bound *bound, const double *y, const efla_variance *V) {
  const size_t dk = bound->dk;
  for (size_t e = 0; e < dk * dk; e++) {
    const double pair = y[e / dk] * y[e % dk] / 3;
    bound->C[e] += pair * V->sum, bound->most[e] += pair * V->most;
  }
}

/* What z rounds, which chunks multiply by decays before it becomes an operand. */
static void add_factor(efla_error_bound *bound, const double *y, const double *z, double scale) {
  const double a = square(bound->units.arithmetic), o = square(bound->units.operands);
  efla_added of_z = of_row(bound);
  for (size_t j = 0; j < bound->dv; j++)
    bound->rounded[j] = (scale == 1 ? 0 : a * efla_rounded(z[j])) +
                        o * (bound->units.chunk ? efla_rounded(z[j])
                                                : square(scale) * efla_rounded_to(z[j] / scale, bound->units.operands));
  of_z.share *= norm2(bound->dk, y);
  efla_add_alone(&of_z, 1, bound->rounded);
  add_along_rows(bound, y, &of_z.v);
}

void efla_error_bound_add(efla_error_bound *bound, const double *y, const double *z, double scale,
                          const long double *S) {
  const size_t dk = bound->dk, dv = bound->dv;
  const double a = square(bound->units.arithmetic), o = square(bound->units.operands), s = square(bound->units.state);
  bound->apart = true;
  efla_alike_columns(&bound->alike, dk, dv, S);
  for (size_t i = 0; i < dk; i++) {
    efla_added row = of_row(bound);
    for (size_t j = 0; j < dv; j++)
      bound->rounded[j] = s * efla_rounded((double)S[i * dv + j]) + a * efla_rounded(y[i] * z[j]);
    efla_add_alone(&row, 1, bound->rounded);
    efla_add_along(&row, o * efla_rounded_to(y[i], bound->units.operands), z);
    add_row(bound, i, &row.v);
  }
  add_factor(bound, y, z, scale);
  if (bound->written) { /* of one chunk, but without the weight of a token of its own */
    const double z2 = norm2(dv, z), y2 = norm2(dk, y);
    for (size_t e = 0; e < dk * dk; e++) bound->written[e] += z2 * y[e / dk] * y[e % dk];
    for (size_t e = 0; bound->passed && e < dv * dv; e++) bound->passed[e] += y2 * z[e / dv] * z[e % dv];
  }
  take_state(bound, S);
}

void efla_error_bound_covariance(const efla_error_bound *bound, double *to) {
  const size_t n = bound->dk * bound->dk;
  memcpy(to, bound->C, n * sizeof *to);
  for (size_t e = 0; bound->aged && e < n; e++) to[e] += bound->run[e] + 4 * bound->age[e];
}
