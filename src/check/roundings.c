/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/roundings.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

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

/* Whether column j is column l times `sign`. */
static bool is_like(size_t rows, size_t n, const long double *S, size_t j, size_t l, double sign) {
  for (size_t i = 0; i < rows; i++)
    if (S[i * n + j] != sign * S[i * n + l]) return false;
  return true;
}

static bool is_zero(size_t rows, size_t n, const long double *S, size_t j) {
  for (size_t i = 0; i < rows; i++)
    if (S[i * n + j] != 0) return false;
  return true;
}

void efla_alike_columns(efla_alike *alike, size_t rows, size_t n, const long double *S) {
  for (size_t j = 0; j < n; j++) {
    alike->as[j] = j, alike->sign[j] = 1, alike->count[j] = 1;
    for (size_t l = 0; l < j && !is_zero(rows, n, S, j); l++) {
      if (alike->as[l] != l) continue;
      const bool same = is_like(rows, n, S, j, l, 1);
      if (!same && !is_like(rows, n, S, j, l, -1)) continue;
      alike->as[j] = l, alike->sign[j] = same ? 1 : -1, alike->count[l]++;
      break;
    }
  }
  for (size_t j = 0; j < n; j++) alike->count[j] = alike->count[alike->as[j]];
}

/* The numbers that are like number j have its error. */
static void spread_alike(const efla_added *to, size_t j, double value) {
  const efla_alike *alike = to->alike;
  for (size_t l = 0; l < to->n; l++)
    if (alike->as[l] == alike->as[j]) to->spread[j * to->n + l] += value * alike->sign[j] * alike->sign[l];
}

void efla_add_alone(efla_added *to, double unit2, const double *squares) {
  const double factor = to->factor * unit2, *count = to->alike ? to->alike->count : NULL;
  double sum = 0, most = 0;
  for (size_t j = 0; j < to->n; j++) {
    const double together = count ? count[j] * squares[j] : squares[j];
    sum += squares[j], most = together > most ? together : most;
  }
  to->v.sum += factor * sum, to->v.most += factor * most;
  for (size_t j = 0; to->spread && j < to->n; j++) {
    if (count && count[j] > 1)
      spread_alike(to, j, to->share * factor * squares[j]);
    else
      to->spread[j * to->n + j] += to->share * factor * squares[j];
  }
}

static void spread_along(const efla_added *to, double weight, const double *x) {
  for (size_t i = 0; weight > 0 && i < to->n; i++) {
    const double of_i = weight * x[i];
    for (size_t j = 0; j < to->n; j++) to->spread[i * to->n + j] += of_i * x[j];
  }
}

static double norm2(size_t n, const double *x) {
  double sum = 0;
  for (size_t j = 0; j < n; j++) sum += x[j] * x[j];
  return sum;
}

void efla_add_along(efla_added *to, double unit2, const double *x) {
  const double value = unit2 * norm2(to->n, x) * to->factor;
  to->v.sum += value, to->v.most += value;
  if (to->spread) spread_along(to, to->share * to->factor * unit2, x);
}

void efla_add_common(efla_added *to, double value, const double *x) {
  to->v.sum += to->factor * value, to->v.most += to->factor * value;
  if (!to->spread) return;
  const double size = norm2(to->n, x), weight = to->share * to->factor * value;
  if (size > 0)
    spread_along(to, weight / size, x);
  else
    for (size_t j = 0; j < to->n; j++) to->spread[j * to->n + j] += weight / (double)to->n;
}
