/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "claims.h"

#include <math.h>
#include <stdio.h>
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

/* What a claim is decided by: a condition, at the mean over its levels or at the smallest; and how many pairs it needs. */
typedef struct measured {
  const char *study, *condition;
  bool mean;
  double fewest;
} measured;

static bool is_measured(const efla_csv *csv, size_t r, const measured *m) {
  return verdict_cell_is(csv, r, "study", m->study) && verdict_cell_is(csv, r, "condition", m->condition) &&
         verdict_cell_is(csv, r, "level", "mean") == m->mean;
}

/* The first map of beta in the table. */
static const char *first_beta(const efla_csv *csv) {
  size_t r = 0;
  while (r < csv->rows && !verdict_cell_is(csv, r, "mixer", "delta")) r++;
  return r < csv->rows ? efla_csv_text(csv, r, "beta") : "";
}

static double lost(const efla_csv *csv, size_t r) {
  return efla_csv_real(csv, r, "diverged") + efla_csv_real(csv, r, "diverged_against");
}

/* Whether row r rather than s: of models that have seeds enough the widest, and of these the smallest level. */
static bool is_better(const efla_csv *csv, size_t r, size_t s, double fewest) {
  const bool enough = efla_csv_real(csv, r, "seeds") + lost(csv, r) >= fewest;
  if (s == csv->rows) return true;
  if (enough != (efla_csv_real(csv, s, "seeds") + lost(csv, s) >= fewest)) return enough;
  const double wider = efla_csv_real(csv, r, "width") - efla_csv_real(csv, s, "width");
  return wider > 0 || (wider == 0 && efla_csv_real(csv, r, "level") < efla_csv_real(csv, s, "level"));
}

/* The row of models of the delta rule with the first map of beta and without a decay; csv->rows: none. */
static size_t find(const efla_csv *csv, const measured *m, const struct contrast *c) {
  const struct {
    const char *column, *text;
  } wanted[] = {{"panel", c->panel}, {"method", c->method},     {"keys", c->keys}, {"mixer", "delta"},
                {"decay", "none"},   {"beta", first_beta(csv)}, {"lr", "-"}};
  size_t found = csv->rows;
  for (size_t r = 0; r < csv->rows; r++) {
    bool right = is_measured(csv, r, m);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted && right; i++)
      right = verdict_cell_is(csv, r, wanted[i].column, wanted[i].text);
    if (right && is_better(csv, r, found, m->fewest)) found = r;
  }
  return found;
}

/* It holds where the first term is better and the p value, adjusted for all main contrasts, is at most .05; with too few
 * pairs nothing is said but that models diverged, where there would be enough. */
static ruling ruling_of(const efla_csv *csv, size_t r, const measured *m) {
  const double seeds = efla_csv_real(csv, r, "seeds"), p = efla_csv_real(csv, r, "p_holm");
  if (seeds < m->fewest) return seeds + lost(csv, r) >= m->fewest ? DIVERGED : MISSING;
  if (efla_csv_real(csv, r, "sd") == 0) return NOT_SEEN;
  if (isnan(p)) return MISSING;
  if (p > 0.05) return NOT_SEEN;
  return (efla_csv_real(csv, r, "mean") > 0) != verdict_cell_is(csv, r, "response", "bits") ? HOLDS : REVERSED;
}

static void tell(const efla_csv *csv, size_t r, ruling said, FILE *text) {
  const bool bits = verdict_cell_is(csv, r, "response", "bits");
  const double scale = bits ? 1000 : 100, rate = efla_csv_real(csv, r, "rate"),
               against = efla_csv_real(csv, r, "rate_against"), seeds = efla_csv_real(csv, r, "seeds");
  if (said == DIVERGED)
    fprintf(text, "%g surviving pairs", seeds);
  else
    fprintf(text, "%+.1f [%+.1f %+.1f] %s%s, %g seeds, ", scale * efla_csv_real(csv, r, "mean"),
            scale * efla_csv_real(csv, r, "low"), scale * efla_csv_real(csv, r, "high"),
            bits ? "thousandths of a bit per byte" : "points", lost(csv, r) > 0 ? " of surviving pairs" : "", seeds);
  if (said != DIVERGED && efla_csv_real(csv, r, "sd") == 0)
    fprintf(text, "no variation");
  else if (said != DIVERGED)
    fprintf(text, "p %.2g (Holm), seen from %.1f", efla_csv_real(csv, r, "p_holm"),
            scale * efla_csv_real(csv, r, "seen_from"));
  if (lost(csv, r) > 0)
    fprintf(text, "; diverged: %g and %g", efla_csv_real(csv, r, "diverged"),
            efla_csv_real(csv, r, "diverged_against"));
  if (rate != against && !isnan(rate) && !isnan(against)) fprintf(text, "; rates %g and %g", rate, against);
}

static verdict judge(const efla_csv *csv, const char *what, const measured *m) {
  verdict f = {0};
  size_t asked = 0;
  for (size_t r = 0; r < csv->rows; r++) asked += is_measured(csv, r, m) ? 1 : 0;
  const size_t r = find(csv, m, contrast_of(what));
  f.ruling = asked ? MISSING : NOT_ASKED;
  if (r == csv->rows) return f;
  f.ruling = ruling_of(csv, r, m);
  FILE *text = fmemopen(f.evidence, sizeof f.evidence, "w");
  if (!text) return f;
  tell(csv, r, f.ruling, text);
  fclose(text);
  return f;
}

verdict verdict_perplexity(const efla_csv *csv, const char *what) {
  return judge(csv, what, &(measured){"end", "test", false, 3});
}

verdict verdict_blimp(const efla_csv *csv, const char *what) {
  return judge(csv, what, &(measured){"blimp", "all", false, 3});
}

verdict verdict_lambada(const efla_csv *csv, const char *what) {
  return judge(csv, what, &(measured){"lambada", "lambada", false, 3});
}

verdict verdict_trained_recall(const efla_csv *csv, const char *what) {
  return judge(csv, what, &(measured){"end", "mqar", true, 5});
}

verdict verdict_mad(const efla_csv *csv, const char *what) {
  return judge(csv, what, &(measured){"end", "all", true, 5});
}
