/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/roundings.h"

#include <math.h>
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

void efla_add_alone(efla_added *to, double unit2, const double *squares) {
  const double factor = to->factor * unit2;
  double sum = 0, most = 0;
  for (size_t j = 0; j < to->n; j++) sum += squares[j], most = squares[j] > most ? squares[j] : most;
  to->v.sum += factor * sum, to->v.most += factor * most;
  for (size_t j = 0; to->spread && j < to->n; j++) to->spread[j * to->n + j] += to->share * factor * squares[j];
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
