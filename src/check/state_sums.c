/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/state_sums.h"

#include "check/rounded_sums.h"

#include <math.h>
#include <string.h>

static double square(double x) { return x * x; }

double efla_quadratic_form(size_t n, const double *C, const double *y) {
  double form = 0;
  for (size_t i = 0; i < n; i++) {
    double row = 0;
    for (size_t j = 0; j < n; j++) row += C[i * n + j] * y[j];
    form += row * y[i];
  }
  return form;
}

/* What the products k_s^T y of a chunk's tokens round, n terms each, times what they are multiplied by: P (n, n) is the
 * sum of its squares times k_s k_s^T. */
static double of_products(const efla_state_sums *state, size_t n, const double *P, const double *y) {
  const double a = square(state->units->arithmetic), o = square(state->units->operands), terms = (double)n;
  double squares = 0;
  for (size_t i = 0; i < n; i++) squares += square(y[i]) * P[i * n + i];
  return EFLA_ROUNDED_SQUARE *
         (a * ((terms + 1) / 6 + 1) * squares + (a * ((terms + 1) / 3 + 1) + o) * efla_quadratic_form(n, P, y));
}

/* A partial sum over tokens of a chunk, per rounded square of it. */
static double of_partial_sums(const efla_state_sums *state) {
  if (!state->written) return 0;
  return square(state->units->arithmetic) * EFLA_ROUNDED_SQUARE * fmin(state->tokens, (double)state->units->chunk);
}

double efla_partial_sums(const efla_state_sums *state, size_t i, size_t j) {
  const size_t dk = state->dk, dv = state->dv;
  double size = square(state->S[i * dv + j]);
  if (!state->written) return 0;
  if (state->apart > 0) size += state->written[i * dk + i] * state->passed[j * dv + j] / state->apart;
  return of_partial_sums(state) * size;
}

/* What sums over the tokens of a chunk add to y^T S, which is `sum`. */
static void add_chunk(const efla_state_sums *state, const double *y, const double *sum, double *columns,
                      efla_added *to) {
  const size_t dk = state->dk, dv = state->dv;
  if (!state->written) return;
  for (size_t j = 0; j < dv; j++) columns[j] = of_partial_sums(state) * square(sum[j]);
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) columns[j] += square(y[i]) * efla_partial_sums(state, i, j);
  efla_add_alone(to, 1, columns);
  efla_add_common(to, of_products(state, dk, state->written, y), sum);
}

/* Rounding of y and of S as operands, and of y by the arithmetic. */
static void add_operands(const efla_state_sums *state, const double *y, bool channels, double *columns,
                         efla_added *to) {
  const size_t dk = state->dk, dv = state->dv;
  const efla_units *units = state->units;
  const double a = square(units->arithmetic), o = square(units->operands);
  memset(columns, 0, dv * sizeof *columns);
  for (size_t i = 0; i < dk; i++) {
    const double *S = state->S + i * dv;
    const double own = channels ? EFLA_CHANNEL_ROUNDINGS * EFLA_ROUNDED_RELATIVE * square(y[i])
                                : efla_rounded_to(y[i], units->arithmetic);
    efla_add_along(to, a * own + o * efla_rounded_to(y[i], units->operands), S);
    for (size_t j = 0; j < dv && units->state < units->operands; j++) columns[j] += square(y[i]) * efla_rounded(S[j]);
  }
  efla_add_alone(to, o, columns);
}

void efla_sum_rows(const efla_state_sums *state, const double *y, bool channels, double *sum, double *rounded,
                   double *scratch, efla_added *to) {
  efla_rounded_sums(state->dk, state->dv, y, state->S, sum, rounded, scratch);
  add_chunk(state, y, sum, scratch, to);
  add_operands(state, y, channels, scratch, to);
}

void efla_sum_columns(const efla_state_sums *state, const double *z, bool given, double *sum, double *scratch,
                      efla_added *to) {
  const size_t dk = state->dk, dv = state->dv;
  const efla_units *units = state->units;
  const double a = square(units->arithmetic), o = square(units->operands), partial = of_partial_sums(state);
  double operands = 0;
  for (size_t i = 0; i < dk; i++) {
    const double *S = state->S + i * dv;
    double rounded, pair[2], of_z = 0;
    efla_rounded_sums(dv, 1, z, S, &sum[i], &rounded, pair);
    scratch[i] = a * rounded + partial * square(sum[i]);
    for (size_t j = 0; j < dv; j++) {
      if (given)
        of_z +=
            (a * efla_rounded_to(z[j], units->arithmetic) + o * efla_rounded_to(z[j], units->operands)) * square(S[j]);
      scratch[i] += square(z[j]) * efla_partial_sums(state, i, j);
      if (units->state < units->operands) scratch[i] += o * square(z[j]) * efla_rounded(S[j]);
    }
    operands += of_z;
  }
  efla_add_alone(to, 1, scratch);
  efla_add_common(to, operands + (state->passed ? of_products(state, dv, state->passed, z) : 0), sum);
}
