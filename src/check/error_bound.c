/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/error_bound.h"

#include "base/tokens.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of an exponential, by one unit in the last place, and a product with it. */
static const double CHANNEL_ROUNDINGS = 3;

static double coarser(double a, double b) { return a > b ? a : b; }
static double square(double x) { return x * x; }

efla_units efla_units_of(const efla_format *state, const efla_format *output) {
  double s = efla_format_unit(state), o = efla_format_unit(output), f32 = ldexp(1, -24);
  double arithmetic = coarser(s, o) < f32 ? coarser(s, o) : f32; /* products are summed in f32 at least */
  return (efla_units){arithmetic, coarser(s, o), s};
}

efla_status efla_error_bound_init(efla_error_bound *bound, const efla_units *units, size_t dk) {
  double *block = calloc(dk * dk + 3 * dk, sizeof *block);
  *bound = (efla_error_bound){0};
  if (!block) return EFLA_NO_MEMORY;
  *bound = (efla_error_bound){.units = *units, .dk = dk, .C = block, .w = block + dk * dk};
  bound->rows = bound->w + dk, bound->last = bound->rows + dk;
  return EFLA_OK;
}

void efla_error_bound_clear(efla_error_bound *bound) {
  free(bound->C);
  *bound = (efla_error_bound){0};
}

static void measure_rows(efla_error_bound *bound, size_t dv, const long double *S) {
  for (size_t i = 0; i < bound->dk; i++) {
    double sum = 0;
    for (size_t j = 0; j < dv; j++) sum += square((double)S[i * dv + j]);
    bound->rows[i] = sum;
  }
}

void efla_error_bound_start(efla_error_bound *bound, size_t dv, const long double *S) {
  memset(bound->C, 0, bound->dk * bound->dk * sizeof *bound->C);
  measure_rows(bound, dv, S);
  for (size_t i = 0; i < bound->dk; i++) bound->C[i * bound->dk + i] = square(bound->units.state) / 3 * bound->rows[i];
}

/* sum of y_i^2 |S_i|^2 */
static double weigh(const efla_error_bound *bound, const double *y) {
  double sum = 0;
  for (size_t i = 0; i < bound->dk; i++) sum += square(y[i]) * bound->rows[i];
  return sum;
}

/* w = C y for the symmetric C, row by row; returns y^T C y. */
static double apply(const efla_error_bound *bound, const double *y, double *w) {
  size_t dk = bound->dk;
  double form = 0;
  memset(w, 0, dk * sizeof *w);
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dk; j++) w[j] += bound->C[i * dk + j] * y[i];
  for (size_t i = 0; i < dk; i++) form += w[i] * y[i];
  return form;
}

/* What rounding adds to u, as a sum of squares over its entries. */
static double added_to_update(const efla_error_bound *bound, const efla_token_sizes *token) {
  const double arithmetic = square(bound->units.arithmetic), operands = square(bound->units.operands),
               n = (double)bound->dk, channels = token->channels ? CHANNEL_ROUNDINGS : 0,
               m = square(token->erase) * weigh(bound, token->p);
  return (arithmetic * (n + 2) * (m + token->read + token->value) + operands * (m + token->update + token->value) +
          arithmetic * (4 * token->update + n * token->lambda + (token->apart ? 5 * token->value : 0) + channels * m)) /
         3;
}

void efla_error_bound_step(efla_error_bound *bound, const efla_token_sizes *token, size_t dv, const long double *S) {
  size_t dk = bound->dk;
  const double *k = token->k, *d = token->decay;
  double *C = bound->C, *w = bound->w, e = token->erase;
  double arithmetic = square(bound->units.arithmetic), operands = square(bound->units.operands),
         state = square(bound->units.state), channels = token->channels ? CHANNEL_ROUNDINGS : 0;
  const double U = added_to_update(bound, token), along = square(e) * apply(bound, token->p, w) + U;
  memcpy(bound->last, bound->rows, dk * sizeof *bound->last);
  measure_rows(bound, dv, S);
  for (size_t i = 0; i < dk; i++) {
    for (size_t j = 0; j < dk; j++)
      C[i * dk + j] = d[i] * d[j] * C[i * dk + j] - e * (k[i] * w[j] * d[j] + d[i] * w[i] * k[j]) + k[i] * k[j] * along;
    C[i * dk + i] +=
        ((state + 2 * arithmetic * token->series) * bound->rows[i] + operands * square(k[i]) * token->update +
         arithmetic * channels * (square(d[i]) * bound->last[i] + square(k[i]) * token->update)) /
        3;
  }
}

/* Numbers below the smallest normal one are rounded to a fixed gap. */
static double subnormal(const efla_format *stored, size_t n) {
  return (double)n * square(ldexp(1, stored->least - stored->digits)) / 3;
}

double efla_error_bound_readout(const efla_error_bound *bound, const double *q, double scale, double o2, size_t dv,
                                const efla_format *stored) {
  double arithmetic = square(bound->units.arithmetic), operands = square(bound->units.operands);
  double read = scale == 0 ? 0 : o2 / square(scale);
  double own = (arithmetic * ((double)bound->dk + 2) + operands) * (weigh(bound, q) + read) / 3;
  return square(scale) * (apply(bound, q, bound->w) + own) + square(efla_format_unit(stored)) * o2 / 3 +
         subnormal(stored, dv);
}

double efla_error_bound_state(const efla_error_bound *bound, size_t dv, const efla_format *stored) {
  double sum = 0, norm = 0;
  for (size_t i = 0; i < bound->dk; i++) sum += bound->C[i * bound->dk + i], norm += bound->rows[i];
  return sum + square(efla_format_unit(stored)) * norm / 3 + subnormal(stored, bound->dk * dv);
}
