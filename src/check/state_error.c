/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/state_error.h"

#include "check/rounded_sums.h"

#include <math.h>
#include <string.h>

static double square(double x) { return x * x; }

size_t efla_state_error_numbers(size_t dk, size_t dv) { return 2 * (dk * dk + dv * dv); }

void efla_state_error_place(efla_state_error *error, size_t dk, size_t dv, double *at) {
  *error = (efla_state_error){.dk = dk, .dv = dv, .C = at, .written = at + dk * dk, .H = at + 2 * dk * dk};
  error->passed = error->H + dv * dv;
}

void efla_state_error_take(efla_state_error *error, const efla_error_bound *bound) {
  const size_t dk = bound->dk, dv = bound->dv;
  double trace = 0, columns = 0, squares = 0;
  efla_error_bound_covariance(bound, error->C);
  for (size_t e = 0; e < dk * dk; e++) squares += square(error->C[e]), trace += e / dk == e % dk ? error->C[e] : 0;
  for (size_t j = 0; j < dv; j++) columns += bound->columns[j * dv + j];
  for (size_t e = 0; e < dv * dv; e++) error->H[e] = columns > 0 ? bound->columns[e] / columns : 0;
  if (bound->written) memcpy(error->written, bound->written, dk * dk * sizeof *error->written);
  if (bound->passed) memcpy(error->passed, bound->passed, dv * dv * sizeof *error->passed);
  error->trace = trace, error->frobenius = sqrt(squares), error->tokens = bound->tokens;
}

efla_state_sums efla_state_error_sums(const efla_state_error *error, const efla_units *units, const double *S) {
  const bool chunks = units->chunk > 0;
  return (efla_state_sums){
      units, error->dk, error->dv, error->tokens, S, chunks ? error->written : NULL, chunks ? error->passed : NULL, 0};
}

efla_variance efla_carried(const efla_state_error *error, const double *z, double *rows) {
  const double h = efla_quadratic_form(error->dv, error->H, z);
  for (size_t i = 0; i < error->dk; i++) rows[i] += h * error->C[i * error->dk + i];
  return (efla_variance){h * error->trace, h * fmin(error->trace, error->frobenius)};
}

efla_variance efla_passed_on(size_t dk, size_t dv, const double *S, const double *Q, double *product, double *rows) {
  double sum = 0;
  memset(product, 0, dk * dv * sizeof *product);
  for (size_t i = 0; i < dk; i++) {
    double *row = product + i * dv, of_row = 0;
    for (size_t j = 0; j < dv; j++)
      for (size_t l = 0; l < dv; l++) row[l] += S[i * dv + j] * Q[j * dv + l];
    for (size_t l = 0; l < dv; l++) of_row += row[l] * S[i * dv + l];
    rows[i] += of_row, sum += of_row;
  }
  return (efla_variance){sum, sum};
}

efla_variance efla_product_rounds(const efla_state_sums *state, const double *z, bool given, double *sum,
                                  double *scratch, double *rows) {
  efla_added added = {.factor = 1, .n = state->dk};
  efla_sum_columns(state, z, given, sum, scratch, &added);
  for (size_t i = 0; i < state->dk; i++) rows[i] += scratch[i] / 3;
  return (efla_variance){added.v.sum / 3, added.v.most / 3};
}

double efla_rounded_product(const efla_units *units, size_t n, const double *x, const double *y) {
  double sum, rounded, scratch[2], operands = 0;
  efla_rounded_sums(n, 1, x, y, &sum, &rounded, scratch);
  for (size_t i = 0; i < n; i++)
    operands +=
        efla_rounded_to(x[i], units->operands) * square(y[i]) + efla_rounded_to(y[i], units->operands) * square(x[i]);
  return (square(units->arithmetic) * rounded + square(units->operands) * operands) / 3;
}
