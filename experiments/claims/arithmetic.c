/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "claims.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double u = DBL_EPSILON / 2, u32 = FLT_EPSILON / 2;

/* The closed form against certified truth: one step within 8u (docs/bounds.md#step). */
verdict verdict_exactness(const efla_csv *csv) {
  verdict f = {0};
  double worst = 0;
  size_t points = 0;
  for (size_t r = 0; r < csv->rows; r++)
    if (verdict_cell_is(csv, r, "oracle", "closed_form")) worst = fmax(worst, efla_csv_real(csv, r, "error")), points++;
  f.ruling = !points ? MISSING : worst <= 8 * u ? HOLDS : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence, "largest relative error %.1e = %.1f u at %zu points", worst, worst / u,
           points);
  return f;
}

/* The exact flow moves by rounding only when a token is cut up. */
verdict verdict_infinite_order(const efla_csv *csv) {
  verdict f = {0};
  double worst = 0;
  size_t points = 0;
  for (size_t r = 0; r < csv->rows; r++) {
    if (!verdict_cell_is(csv, r, "method", "exact") || !verdict_cell_is(csv, r, "truth", "longdouble")) continue;
    double bound = efla_csv_real(csv, r, "rounding") + efla_csv_real(csv, r, "floor");
    worst = fmax(worst, efla_csv_real(csv, r, "error") / bound), points++;
  }
  f.ruling = !points ? MISSING : worst > 0 && worst <= 1 ? HOLDS : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence, "n substeps change it by at most %.2f of 4 sqrt(n) u", worst);
  return f;
}

/* Keys and values that move within a token: the observed order in the clean range. */
verdict verdict_moving_input(const efla_csv *csv) {
  verdict f = {.condition = "k and v are constant over a token"};
  double sum = 0, crossover = NAN;
  size_t n = 0, crossovers = 0;
  for (size_t r = 0; r < csv->rows; r++) {
    double order = efla_csv_real(csv, r, "order"), h_lambda = efla_csv_real(csv, r, "h_lambda");
    if (verdict_cell_is(csv, r, "scheme", "left") && h_lambda < 0.1 && !isnan(order)) sum += order, n++;
    if (!verdict_cell_is(csv, r, "scheme", "crossover")) continue;
    crossover = fmax(crossover, h_lambda), crossovers++; /* nan: none was found for that lambda */
  }
  f.ruling = n && crossovers ? HOLDS_IF : MISSING;
  snprintf(f.evidence, sizeof f.evidence, "moving k, v: order %.2f, and RK4 is ahead below h*lambda = %.1f",
           n ? sum / (double)n : NAN, crossover);
  return f;
}

verdict verdict_stability(const efla_csv *csv) {
  verdict f = {0};
  size_t runs = 0, lost = 0, explicit_runs = 0, explicit_lost = 0;
  double last = 0;
  for (size_t r = 0; r < csv->rows; r++) last = fmax(last, efla_csv_real(csv, r, "tokens"));
  for (size_t r = 0; r < csv->rows; r++) {
    const efla_method *method = efla_method_find(efla_csv_text(csv, r, "method"));
    if (!method || efla_csv_real(csv, r, "tokens") != last) continue;
    bool blown = efla_csv_real(csv, r, "blowup") > 0;
    if (!strcmp(method->name, "exact")) runs++, lost += blown;
    if (isfinite(method->stable)) explicit_runs++, explicit_lost += blown;
  }
  f.ruling = !runs ? MISSING : !lost ? HOLDS : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence, "%zu of %zu exact runs not finite; of explicit methods %zu of %zu", lost,
           runs, explicit_lost, explicit_runs);
  return f;
}

/* Error of a method at the last token over that at 100, f64, norm 1.  False: the table does not have both. */
static bool growth_of_error(const efla_csv *csv, const char *family, const char *method, double *growth) {
  double early = NAN, late = NAN;
  bool has_early = false, has_late = false;
  for (size_t r = 0; r < csv->rows; r++) {
    if (!verdict_cell_is(csv, r, "family", family) || !verdict_cell_is(csv, r, "method", method) ||
        !verdict_cell_is(csv, r, "precision", "f64"))
      continue;
    if (!verdict_cell_is(csv, r, "truth", "longdouble") || efla_csv_real(csv, r, "norm") != 1) continue;
    double tokens = efla_csv_real(csv, r, "tokens"), error = efla_csv_real(csv, r, "error");
    if (tokens == 100) early = error, has_early = true;
    if (tokens > 100) late = error, has_late = true; /* rows are in the order of tokens */
  }
  *growth = late / early;
  return has_early && has_late;
}

verdict verdict_accumulation(const efla_csv *csv) {
  verdict f = {.condition = "old directions are revisited or fade"};
  double fading, kept;
  bool has_fading = growth_of_error(csv, "gaussian", "exact", &fading),
       has_kept = growth_of_error(csv, "dictionary", "exact", &kept);
  f.ruling = !has_fading || !has_kept ? MISSING : !(fading <= 3) ? NOT_SEEN : !(kept <= 3) ? HOLDS_IF : HOLDS;
  snprintf(f.evidence, sizeof f.evidence,
           "rounding from 100 tokens to the end: x %.1f Gaussian keys, x %.1f eight keys", fading, kept);
  return f;
}

verdict verdict_euler_accumulation(const efla_csv *csv) {
  verdict f = {0};
  double ratio;
  f.ruling = !growth_of_error(csv, "unit", "euler", &ratio) ? MISSING : ratio > 2 ? HOLDS : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence, "Euler, unit keys, from 100 tokens to the end: x %.2f (saturates)", ratio);
  return f;
}

/* The chunkwise form by substitution, C <= 128, within 64 u of f32 (docs/bounds.md#chunk). */
verdict verdict_chunks(const efla_csv *csv) {
  verdict f = {0};
  double worst = 0;
  size_t points = 0;
  for (size_t r = 0; r < csv->rows; r++)
    if (verdict_cell_is(csv, r, "method", "exact") && verdict_cell_is(csv, r, "form", "substitution") &&
        efla_csv_real(csv, r, "chunk") <= 128)
      worst = fmax(worst, efla_csv_real(csv, r, "error")), points++;
  f.ruling = !points ? MISSING : worst > 0 && worst <= 64 * u32 ? HOLDS : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence, "largest error in f32 for C <= 128: %.1f u", worst / u32);
  return f;
}

/* Slope of log time against log tokens, from the given number on; nan with fewer than three. */
static double time_slope(const efla_csv *csv, const char *kernel, double from) {
  double tokens[EFLA_LIST_MAX], seconds[EFLA_LIST_MAX]; /* as many as one run can be asked for */
  size_t n = 0;
  for (size_t r = 0; r < csv->rows && n < EFLA_LIST_MAX; r++) {
    if (!verdict_cell_is(csv, r, "panel", "tokens") || !verdict_cell_is(csv, r, "kernel", kernel) ||
        !verdict_cell_is(csv, r, "precision", "f32"))
      continue;
    tokens[n] = efla_csv_real(csv, r, "tokens"), seconds[n++] = efla_csv_real(csv, r, "seconds");
  }
  return efla_log_slope(n, tokens, seconds, from, INFINITY);
}

/* A tenth tells linear from n log n over three decades, and from quadratic at once. */
verdict verdict_linear_time(const efla_csv *csv) {
  verdict f = {0};
  double kernel = time_slope(csv, "kernel", 1024), chunk = time_slope(csv, "chunk", 1024),
         softmax = time_slope(csv, "softmax", 2048);
  bool known = !isnan(kernel) && !isnan(chunk);
  f.ruling = !known ? MISSING : fabs(kernel - 1) <= 0.1 && fabs(chunk - 1) <= 0.1 ? HOLDS : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence,
           "time ~ tokens^s: recurrence s = %.3f, chunkwise %.3f, softmax attention %.2f", kernel, chunk, softmax);
  return f;
}
