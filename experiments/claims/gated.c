/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "claims.h"

#include <float.h>
#include <math.h>

static const double u = DBL_EPSILON / 2;

static bool is_state(const efla_csv *csv, size_t r, const char *decay) {
  return verdict_cell_is(csv, r, "study", "stream") && verdict_cell_is(csv, r, "method", "exact") &&
         verdict_cell_is(csv, r, "decay", decay);
}

/* The exact joint flow in f64 against long double: within docs/bounds.md#decay-comparison. */
verdict verdict_gated_exactness(const efla_csv *csv) {
  verdict f = {0};
  double worst = 0, of_bound = 0;
  size_t points = 0;
  for (size_t r = 0; r < csv->rows; r++) {
    if (!is_state(csv, r, "joint")) continue;
    const double error = efla_csv_real(csv, r, "error");
    worst = fmax(worst, error), points++;
    of_bound = fmax(of_bound, error / efla_decay_rounding(32, efla_csv_real(csv, r, "y")));
    if (isnan(error)) of_bound = INFINITY;
  }
  f.ruling = !points ? MISSING : of_bound <= 1 ? HOLDS : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence,
           "f64 against long double: at most %.1e = %.1f u at %zu points, %.2f of the bound", worst, worst / u, points,
           of_bound);
  return f;
}

/* The step with the decay split off: as good as the joint flow where states are kept in bf16? */
verdict verdict_split_decay(const efla_csv *csv) {
  verdict f = {.condition = "y is small"};
  const double unit = efla_format_unit(efla_format_find("bf16"));
  double least = INFINITY, most = 0, error[2] = {0}, direction[2] = {0}; /* at the smallest and largest rate */
  for (size_t r = 0; r < csv->rows; r++) {
    if (!is_state(csv, r, "split")) continue;
    const double y = efla_csv_real(csv, r, "y");
    least = fmin(least, y), most = fmax(most, y);
  }
  for (size_t r = 0; r < csv->rows; r++)
    for (int i = 0; i < 2 && is_state(csv, r, "split"); i++) {
      if (efla_csv_real(csv, r, "y") != (i ? most : least)) continue;
      error[i] = fmax(error[i], efla_csv_real(csv, r, "error"));
      direction[i] = fmax(direction[i], efla_csv_real(csv, r, "direction"));
    }
  f.ruling = most == 0 ? MISSING : error[1] <= unit ? HOLDS : error[0] <= unit ? HOLDS_IF : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence,
           "y = %g: states off by %.1e, in direction %.1e; y = %g: %.1e, %.1e; unit of bf16 %.1e", least, error[0],
           direction[0], most, error[1], direction[1], unit);
  return f;
}

/* Bounded and monotone at every point of the plane, and streams without a limit; beside it Euler's limit with one key. */
verdict verdict_gated_stability(const efla_csv *csv) {
  verdict f = {0};
  size_t steps = 0, streams = 0, failed = 0;
  double y = INFINITY, limit[2] = {NAN, NAN}; /* at the smallest rate: split, joint */
  for (size_t r = 0; r < csv->rows; r++) {
    const bool exact = verdict_cell_is(csv, r, "method", "exact"), plane = verdict_cell_is(csv, r, "study", "plane"),
               stream = verdict_cell_is(csv, r, "study", "stream");
    if (exact && plane)
      steps++, failed += !verdict_cell_is(csv, r, "bounded", "1") || !verdict_cell_is(csv, r, "monotone", "1");
    if (exact && stream && !verdict_cell_is(csv, r, "limit", "monotone"))
      streams++, failed += !isinf(efla_csv_real(csv, r, "measured"));
    if (!stream || !verdict_cell_is(csv, r, "method", "euler") || !verdict_cell_is(csv, r, "limit", "one")) continue;
    y = fmin(y, efla_csv_real(csv, r, "rate"));
    for (int joint = 0; joint < 2; joint++)
      if (verdict_cell_is(csv, r, "decay", joint ? "joint" : "split") && efla_csv_real(csv, r, "rate") == y)
        limit[joint] = efla_csv_real(csv, r, "measured");
  }
  f.ruling = !steps || !streams ? MISSING : failed ? NOT_SEEN : HOLDS;
  snprintf(f.evidence, sizeof f.evidence,
           "%zu of %zu steps and streams not bounded; one key, y = %g: Euler to x = %.3f split, %.3f joint", failed,
           steps + streams, y, limit[0], limit[1]);
  return f;
}
