/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/error_bound.h"

#include "check/rounded_sums.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Relative roundings: of a decay per channel (an exponential, by one unit in the last place, and a product); of one
 * exponential; of the coefficient; of w beside e where they are apart. */
static const double CHANNEL = 3, EXPONENTIAL = 2, COEFFICIENT = 4, OWN = 5;

static double square(double x) { return x * x; }

size_t efla_units_of(const efla_format *state, const efla_format *output, efla_units units[EFLA_UNITS]) {
  const double s = efla_format_unit(state), o = efla_format_unit(output), f32 = ldexp(1, -24), coarse = s > o ? s : o,
               fine = coarse < f32 ? coarse : f32; /* products are summed in f32 at least */
  const double operands[] = {0, s, coarse}, least[] = {0, fine, s > fine ? s : fine};
  size_t n = 0;
  for (size_t i = 0; i < 3; i++)
    for (size_t chunk = 0; chunk < 2 && (i == 0 || operands[i] > least[i]); chunk++)
      units[n++] = (efla_units){fine, operands[i], fine, chunk * EFLA_ERROR_BOUND_CHUNK};
  if (s > fine) units[n++] = (efla_units){fine, coarse, s, EFLA_ERROR_BOUND_CHUNK};
  return n;
}

void efla_units_say(const efla_units *units, char *text) {
  size_t at = (size_t)snprintf(text, EFLA_UNITS_TEXT, units->chunk ? "chunks of tokens" : "tokens one by one");
  if (units->operands > 0)
    at += (size_t)snprintf(text + at, EFLA_UNITS_TEXT - at, ", operands of products of %.0f bits",
                           -log2(units->operands));
  if (units->state > units->arithmetic)
    snprintf(text + at, EFLA_UNITS_TEXT - at, ", the state of %.0f bits", -log2(units->state));
}

double efla_variance_factor(const efla_variance *variance, double tests) {
  const double share = variance->sum > 0 ? fmin(1, variance->most / variance->sum) : 1,
               rest = 2 * share * log(tests * EFLA_ERROR_BOUND_ODDS);
  double x = 1 + 2 * rest, before = 0;
  while (fabs(x - before) > 1e-9 * x) before = x, x = 1 + rest + log(x); /* contracts, since x > 1 */
  return sqrt(x);
}

size_t efla_error_bound_squares(const efla_units *units, bool decays) {
  return (size_t)(2 + (units->chunk ? 1 : 0) + (decays ? 2 : 0));
}

efla_status efla_error_bound_init(efla_error_bound *bound, const efla_units *units, size_t dk, size_t dv, bool decays) {
  const size_t squares = efla_error_bound_squares(units, decays);
  double *at = calloc(squares * dk * dk + dk * dv + 3 * dk + 5 * dv, sizeof *at);
  *bound = (efla_error_bound){0};
  if (!at) return EFLA_NO_MEMORY;
  *bound = (efla_error_bound){.units = *units, .dk = dk, .dv = dv, .block = at, .C = at, .most = at + dk * dk};
  at += 2 * dk * dk;
  if (units->chunk) bound->written = at, at += dk * dk;
  if (decays) bound->run = at, bound->age = at + dk * dk, at += 2 * dk * dk;
  bound->S = at, bound->rows = at + dk * dv, at = bound->rows + dk;
  bound->logarithms = at, bound->w = at + dk, at += 2 * dk;
  bound->sum = at, bound->rounded = at + dv, bound->u = at + 2 * dv, bound->scratch = at + 3 * dv;
  return EFLA_OK;
}

void efla_error_bound_clear(efla_error_bound *bound) {
  free(bound->block);
  *bound = (efla_error_bound){0};
}

/* Adds numbers of the columns, each with an error of its own, or one that all columns have in common. */
static void add_columns(efla_variance *to, double unit2, size_t n, const double *columns) {
  double sum = 0, most = 0;
  for (size_t j = 0; j < n; j++) sum += columns[j], most = columns[j] > most ? columns[j] : most;
  to->sum += unit2 * sum, to->most += unit2 * most;
}

static void add_common(efla_variance *to, double value) { to->sum += value, to->most += value; }

static double norm2(size_t n, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sum;
}

/* Row i of the state, rounded to a unit. */
static efla_variance stored_row(const efla_error_bound *bound, double unit2, size_t i) {
  efla_variance row = {.sum = unit2 * bound->rows[i]};
  for (size_t j = 0; j < bound->dv; j++) row.most = fmax(row.most, unit2 * efla_rounded(bound->S[i * bound->dv + j]));
  return row;
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
  memset(bound->block, 0, (size_t)(bound->S - bound->block) * sizeof *bound->block);
  memset(bound->logarithms, 0, bound->dk * sizeof *bound->logarithms);
  bound->tokens = 0, bound->aged = false;
  take_state(bound, S);
  for (size_t i = 0; i < bound->dk; i++) {
    const efla_variance row = stored_row(bound, square(bound->units.state), i);
    add_row(bound, i, &row);
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

/* What sums over the tokens of a chunk add to y^T S, which is `sum`. */
static void add_chunk(efla_error_bound *bound, const double *y, const double *sum, efla_variance *to) {
  const size_t dk = bound->dk, dv = bound->dv;
  const double n = (double)dk, tokens = fmin(bound->tokens, (double)bound->units.chunk),
               a = square(bound->units.arithmetic), o = square(bound->units.operands);
  double *columns = bound->scratch, terms = 0;
  if (!bound->units.chunk) return;
  for (size_t j = 0; j < dv; j++) columns[j] = square(sum[j]);
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) columns[j] += square(y[i] * bound->S[i * dv + j]);
  add_columns(to, a * EFLA_ROUNDED_SQUARE * tokens, dv, columns);
  const double products = apply(dk, bound->written, y, bound->w);
  for (size_t i = 0; i < dk; i++) terms += square(y[i]) * bound->written[i * dk + i];
  add_common(to, EFLA_ROUNDED_SQUARE * (a * ((n + 1) / 6 + 1) * terms + (a * ((n + 1) / 3 + 1) + o) * products));
}

/* P(y): rounding of y and of S as operands, and of y by the arithmetic. */
static void add_operands(const efla_error_bound *bound, const double *y, bool channels, efla_variance *to) {
  const size_t dk = bound->dk, dv = bound->dv;
  const double a = square(bound->units.arithmetic), o = square(bound->units.operands);
  const bool state = bound->units.state < bound->units.operands;
  double *columns = bound->scratch;
  memset(columns, 0, dv * sizeof *columns);
  for (size_t i = 0; i < dk; i++) {
    const double *S = bound->S + i * dv;
    const double own =
        channels ? CHANNEL * EFLA_ROUNDED_RELATIVE * square(y[i]) : efla_rounded_to(y[i], bound->units.arithmetic);
    add_common(to, (a * own + o * efla_rounded_to(y[i], bound->units.operands)) * norm2(dv, S));
    for (size_t j = 0; j < dv && state; j++) columns[j] += square(y[i]) * efla_rounded(S[j]);
  }
  add_columns(to, o, dv, columns);
}

/* 3 U; leaves u. */
static efla_variance added_to_update(efla_error_bound *bound, const efla_token_sizes *token) {
  const size_t dv = bound->dv;
  const double a = square(bound->units.arithmetic), o = square(bound->units.operands), e = token->erase;
  double *read = bound->sum, *rounded = bound->rounded, *u = bound->u, slope = 0, value = 0, turned = 0;
  efla_variance U = {0};
  efla_rounded_sums(bound->dk, dv, token->p, bound->S, read, rounded, bound->scratch);
  add_chunk(bound, token->p, read, &U);
  add_operands(bound, token->p, token->channels, &U);
  U.sum *= square(e), U.most *= square(e);
  for (size_t j = 0; j < dv; j++) {
    const double written = token->write * token->v[j], erased = e * read[j];
    const double of_u = efla_rounded(written - erased), of_value = efla_rounded(written);
    u[j] = written - erased;
    rounded[j] = a * (square(e) * rounded[j] + efla_rounded(erased)) + (a + o) * (of_value + of_u);
    slope += square(token->write_slope * token->v[j] - token->erase_slope * read[j]);
    value += square(written), turned += square(u[j] - erased);
  }
  add_columns(&U, 1, dv, rounded);
  add_common(&U, a * EFLA_ROUNDED_RELATIVE * (COEFFICIENT * norm2(dv, u) + (token->apart ? OWN * value : 0)));
  add_common(&U, a * (token->lambda * slope + token->norm * turned));
  return U;
}

/* What d_i rounds, from the state before the token; sums: logarithms of decays are summed over a chunk. */
static double of_decay(const efla_error_bound *bound, const efla_token_sizes *token, size_t i, bool sums) {
  const double d = token->decay[i], own = (token->channels ? CHANNEL : EXPONENTIAL) * EFLA_ROUNDED_RELATIVE,
               summed = sums ? efla_rounded(bound->logarithms[i]) : 0;
  if (d == 1) return 0;
  return square(bound->units.arithmetic * d) * (own + summed) * norm2(bound->dv, bound->S + i * bound->dv);
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
  for (size_t i = 0; i < bound->dk; i++) bound->run[i * bound->dk + i] += of_decay(bound, token, i, false) / 3;
}

/* A chunk's sums, with a weight that fades over its length. */
static void carry_chunk(efla_error_bound *bound, const efla_token_sizes *token) {
  const size_t dk = bound->dk;
  const double *k = token->k, *d = token->decay, kept = 1 - 1 / (double)bound->units.chunk,
               u2 = norm2(bound->dv, bound->u);
  for (size_t i = 0; i < dk; i++) {
    bound->logarithms[i] = kept * bound->logarithms[i] + fmax(log(d[i]), log(DBL_MIN));
    for (size_t j = 0; j < dk; j++)
      bound->written[i * dk + j] = kept * d[i] * d[j] * bound->written[i * dk + j] + u2 * k[i] * k[j];
  }
}

/* diag(D); S is the state after the token, bound->S that before it. */
static void add_stored(efla_error_bound *bound, const efla_token_sizes *token, const long double *S) {
  const double a = square(bound->units.arithmetic), o = square(bound->units.operands), s = square(bound->units.state),
               u2 = norm2(bound->dv, bound->u);
  double *rounded = bound->rounded;
  for (size_t i = 0; i < bound->dk; i++) {
    const double d = token->decay[i], k = token->k[i], *before = bound->S + i * bound->dv;
    const double key =
        token->channels ? CHANNEL * EFLA_ROUNDED_RELATIVE * square(k) : efla_rounded_to(k, bound->units.arithmetic);
    efla_variance row = {0};
    for (size_t j = 0; j < bound->dv; j++)
      rounded[j] = (s + a * token->series) * efla_rounded((double)S[i * bound->dv + j]) +
                   a * ((d == 1 ? 0 : efla_rounded(d * before[j])) + efla_rounded(k * bound->u[j]));
    add_columns(&row, 1, bound->dv, rounded);
    add_common(&row, of_decay(bound, token, i, bound->units.chunk > 0));
    add_common(&row, (a * key + o * efla_rounded_to(k, bound->units.operands)) * u2);
    add_row(bound, i, &row);
  }
}

void efla_error_bound_step(efla_error_bound *bound, const efla_token_sizes *token, const long double *S) {
  const efla_variance U = added_to_update(bound, token);
  carry(bound, token, bound->C, U.sum / 3);
  carry(bound, token, bound->most, U.most / 3);
  if (bound->run) carry_run(bound, token);
  if (bound->written) carry_chunk(bound, token);
  add_stored(bound, token, S);
  take_state(bound, S);
  bound->tokens++;
}

/* Numbers below the smallest normal one are rounded to a fixed gap. */
static double subnormal(const efla_format *stored) { return square(ldexp(1, stored->least - stored->digits)); }

efla_variance efla_error_bound_readout(efla_error_bound *bound, const double *q, double scale,
                                       const efla_format *stored) {
  const size_t dk = bound->dk, dv = bound->dv;
  const double a = square(bound->units.arithmetic), unit2 = square(efla_format_unit(stored)),
               last = (unit2 > a ? unit2 : 0) + (scale == 1 ? 0 : a);
  efla_variance V = {0}, o = {0};
  efla_rounded_sums(dk, dv, q, bound->S, bound->sum, bound->rounded, bound->scratch);
  add_columns(&V, a, dv, bound->rounded);
  add_chunk(bound, q, bound->sum, &V);
  add_operands(bound, q, false, &V);
  V.sum = V.sum / 3 + apply(dk, bound->C, q, bound->w), V.most = V.most / 3 + apply(dk, bound->most, q, bound->w);
  if (bound->aged) add_common(&V, apply(dk, bound->run, q, bound->w) + 4 * apply(dk, bound->age, q, bound->w));
  for (size_t j = 0; j < dv; j++) bound->rounded[j] = last * efla_rounded(scale * bound->sum[j]) + subnormal(stored);
  add_columns(&o, 1 / 3., dv, bound->rounded);
  return (efla_variance){square(scale) * V.sum + o.sum, square(scale) * V.most + o.most};
}

efla_variance efla_error_bound_state(const efla_error_bound *bound, const efla_format *stored) {
  const double unit2 = square(efla_format_unit(stored)), r = unit2 > square(bound->units.state) ? unit2 : 0;
  efla_variance V = {.sum = (double)(bound->dk * bound->dv) * subnormal(stored) / 3};
  for (size_t i = 0; i < bound->dk; i++) {
    const size_t at = i * bound->dk + i;
    const efla_variance row = stored_row(bound, r, i);
    V.sum += bound->C[at] + row.sum / 3, V.most += bound->most[at] + row.most / 3;
    if (bound->aged) add_common(&V, bound->run[at] + 4 * bound->age[at]);
  }
  return V;
}
