/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The main contrasts that the paper's claims are about. */
static const struct contrast {
  const char *name, *panel, *method, *keys;
} contrasts[] = {{"exact - Euler, unit keys", "method", "-", "unit"},
                 {"exact - Euler, raw keys", "method", "-", "raw"},
                 {"raw - unit keys, exact", "keys", "exact", "-"},
                 {"EFLA - DeltaNet", "published", "-", "-"}};
enum { CONTRASTS = sizeof contrasts / sizeof *contrasts };

const char *verdict_contrast_name(size_t i) { return i < CONTRASTS ? contrasts[i].name : NULL; }

static const struct contrast *contrast_of(const char *name) {
  size_t i = 0;
  while (i < CONTRASTS - 1 && strcmp(contrasts[i].name, name) != 0) i++;
  return &contrasts[i];
}

/* What a claim is decided by: a condition, at the mean over its levels or at the smallest. */
typedef struct measured {
  const char *study, *condition;
  bool mean;
} measured;

static bool is_measured(const efla_csv *csv, size_t r, const measured *m) {
  return verdict_cell_is(csv, r, "study", m->study) && verdict_cell_is(csv, r, "condition", m->condition) &&
         verdict_cell_is(csv, r, "level", "mean") == m->mean;
}

/* The row of the widest models without a decay, and of these the first at the smallest level; csv->rows: none. */
static size_t find(const efla_csv *csv, const measured *m, const struct contrast *c) {
  size_t found = csv->rows;
  for (size_t r = 0; r < csv->rows; r++) {
    if (!is_measured(csv, r, m) || !verdict_cell_is(csv, r, "panel", c->panel) ||
        !verdict_cell_is(csv, r, "method", c->method) || !verdict_cell_is(csv, r, "keys", c->keys) ||
        !verdict_cell_is(csv, r, "decay", "none") || !verdict_cell_is(csv, r, "lr", "-"))
      continue;
    const double wider = found < csv->rows ? efla_csv_real(csv, r, "width") - efla_csv_real(csv, found, "width") : 1;
    if (wider > 0 || (wider == 0 && efla_csv_real(csv, r, "level") < efla_csv_real(csv, found, "level"))) found = r;
  }
  return found;
}

/* It holds where the first term is better and the p value, adjusted for all main contrasts, is at most .05; with fewer
 * than three seeds nothing is said. */
static verdict judge(const efla_csv *csv, const char *what, const measured *m) {
  enum { FEWEST = 3 };
  verdict f = {0};
  size_t asked = 0;
  for (size_t r = 0; r < csv->rows; r++) asked += is_measured(csv, r, m) ? 1 : 0;
  const size_t r = find(csv, m, contrast_of(what));
  f.ruling = asked ? MISSING : NOT_ASKED;
  if (r == csv->rows) return f;
  const double seeds = efla_csv_real(csv, r, "seeds"), mean = efla_csv_real(csv, r, "mean"),
               p = efla_csv_real(csv, r, "p_holm"), lost = efla_csv_real(csv, r, "diverged"),
               lost_against = efla_csv_real(csv, r, "diverged_against");
  const bool bits = verdict_cell_is(csv, r, "response", "bits");
  const double scale = bits ? 1000 : 100;
  if (seeds >= FEWEST) f.ruling = !(p <= 0.05) ? NOT_SEEN : (mean > 0) != bits ? HOLDS : REVERSED;
  int n =
      snprintf(f.evidence, sizeof f.evidence, "%+.1f [%+.1f %+.1f] %s, %g seeds, p %.2g (Holm), seen from %.1f",
               scale * mean, scale * efla_csv_real(csv, r, "low"), scale * efla_csv_real(csv, r, "high"),
               bits ? "thousandths of a bit per byte" : "points", seeds, p, scale * efla_csv_real(csv, r, "seen_from"));
  if (lost + lost_against > 0)
    snprintf(f.evidence + n, sizeof f.evidence - (size_t)n, "; diverged: %g and %g", lost, lost_against);
  return f;
}

verdict verdict_perplexity(const efla_csv *csv, const char *what) {
  return judge(csv, what, &(measured){"end", "test", false});
}

verdict verdict_blimp(const efla_csv *csv, const char *what) {
  return judge(csv, what, &(measured){"blimp", "all", false});
}

verdict verdict_lambada(const efla_csv *csv, const char *what) {
  return judge(csv, what, &(measured){"lambada", "lambada", false});
}

verdict verdict_trained_recall(const efla_csv *csv, const char *what) {
  return judge(csv, what, &(measured){"end", "mqar", true});
}

verdict verdict_mad(const efla_csv *csv, const char *what) { return judge(csv, what, &(measured){"end", "all", true}); }
