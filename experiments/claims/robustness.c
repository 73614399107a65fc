/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "claims.h"

#include <math.h>

/* EFLA against DeltaNet under one perturbation, by accuracy, paired: it holds where it is better at most levels and
 * worse at none, both at the same step and with each one's best. */
verdict verdict_recall(const efla_csv *csv, const char *perturbation) {
  verdict f = {0};
  int levels = 0, better[2] = {0}, worse[2] = {0}, longhorn = 0;
  double gain = NAN;
  for (size_t r = 0; r < csv->rows; r++) {
    bool deltanet = verdict_cell_is(csv, r, "known_as", "DeltaNet"), tuned = verdict_cell_is(csv, r, "step", "tuned");
    bool win = verdict_cell_is(csv, r, "verdict", "better"), loss = verdict_cell_is(csv, r, "verdict", "worse");
    if (!verdict_cell_is(csv, r, "perturbation", perturbation)) continue;
    if (verdict_cell_is(csv, r, "study", "mean")) {
      if (deltanet && tuned) gain = efla_csv_real(csv, r, "difference");
      continue;
    }
    if (verdict_cell_is(csv, r, "known_as", "Longhorn") && tuned) longhorn += win;
    if (deltanet) levels += tuned, better[tuned] += win, worse[tuned] += loss;
  }
  bool both = 2 * better[0] > levels && 2 * better[1] > levels, loses = worse[0] + worse[1] > 0;
  f.ruling = !levels ? MISSING : both && !loses ? HOLDS : better[0] + better[1] == 0 ? NOT_SEEN : HOLDS_IF;
  snprintf(f.condition, sizeof f.condition, "%s",
           both        ? "the level is high enough"
           : better[1] ? "at some levels"
                       : "beta is the same, not each one's best");
  snprintf(f.evidence, sizeof f.evidence,
           "of %d levels better/worse: same beta %d/%d, tuned %d/%d (mean %+.3f); better than Longhorn, tuned: %d",
           levels, better[0], worse[0], better[1], worse[1], gain, longhorn);
  return f;
}

/* A difference of accuracy, mean over the levels of a perturbation. */
static efla_interval effect(const efla_csv *csv, const char *panel, const char *perturbation) {
  efla_interval e = {NAN, NAN, NAN};
  for (size_t r = 0; r < csv->rows; r++)
    if (verdict_cell_is(csv, r, "panel", panel) && verdict_cell_is(csv, r, "condition", perturbation) &&
        verdict_cell_is(csv, r, "level", "mean") && verdict_cell_is(csv, r, "method", "-") &&
        verdict_cell_is(csv, r, "keys", "-") && verdict_cell_is(csv, r, "lr", "-"))
      e = (efla_interval){efla_csv_real(csv, r, "mean"), efla_csv_real(csv, r, "low"), efla_csv_real(csv, r, "high")};
  return e;
}

/* Trained classifiers: it holds where the exact method is ahead by itself; where only EFLA as published is, its other
 * changes do it. */
verdict verdict_trained(const efla_csv *csv, const char *perturbation) {
  verdict f = {.condition = "keys and learning rate change with the method"};
  efla_interval published = effect(csv, "published", perturbation), method = effect(csv, "method", perturbation),
                keys = effect(csv, "keys", perturbation), lr = effect(csv, "lr", perturbation);
  bool known = !isnan(method.mean) && !isnan(published.mean);
  f.ruling = !known ? MISSING : method.low > 0 ? HOLDS : published.low > 0 ? HOLDS_IF : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence,
           "points: published %+.1f [%+.1f %+.1f]; method %+.1f [%+.1f %+.1f], raw keys %+.1f [%+.1f %+.1f], "
           "rate %+.1f [%+.1f %+.1f]",
           100 * published.mean, 100 * published.low, 100 * published.high, 100 * method.mean, 100 * method.low,
           100 * method.high, 100 * keys.mean, 100 * keys.low, 100 * keys.high, 100 * lr.mean, 100 * lr.low,
           100 * lr.high);
  return f;
}
