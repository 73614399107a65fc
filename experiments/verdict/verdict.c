/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verdict RESULTS PROGRAMS: the paper's claims, each with the evidence that the tables in RESULTS give for it.
 *
 * Nothing is typed in: every number and every verdict is computed from a table.  Exit status 1 where a table is missing
 * or older than the program in PROGRAMS that writes it. */
#include "laboratory.h"

#include <float.h>
#include <gsl/gsl_fit.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

typedef enum ruling { HOLDS, HOLDS_IF, NOT_SEEN } ruling;

typedef struct verdict {
  ruling ruling;
  char condition[80], evidence[160];
} verdict;

static const double u = DBL_EPSILON / 2, u32 = FLT_EPSILON / 2;

static bool is(const efla_csv *csv, size_t row, const char *column, const char *text) {
  return !strcmp(efla_csv_text(csv, row, column), text);
}

/* The closed form against certified truth: one step within 8u (docs/bounds.md#step). */
static verdict exactness(const efla_csv *csv) {
  verdict f = {0};
  double worst = 0;
  size_t points = 0;
  for (size_t r = 0; r < csv->rows; r++)
    if (is(csv, r, "oracle", "closed_form")) worst = fmax(worst, efla_csv_real(csv, r, "error")), points++;
  f.ruling = points && worst <= 8 * u ? HOLDS : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence, "largest relative error %.1e = %.1f u at %zu points", worst, worst / u,
           points);
  return f;
}

/* The exact flow moves by rounding only when a token is cut up. */
static verdict infinite_order(const efla_csv *csv) {
  verdict f = {0};
  double worst = 0;
  for (size_t r = 0; r < csv->rows; r++)
    if (is(csv, r, "method", "exact") && is(csv, r, "truth", "longdouble"))
      worst = fmax(worst, efla_csv_real(csv, r, "error") /
                              (efla_csv_real(csv, r, "rounding") + efla_csv_real(csv, r, "floor")));
  f.ruling = worst > 0 && worst <= 1 ? HOLDS : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence, "n substeps change it by at most %.2f of 4 sqrt(n) u", worst);
  return f;
}

/* Keys and values that move within a token: the observed order in the clean range. */
static verdict moving_input(const efla_csv *csv) {
  verdict f = {.ruling = HOLDS_IF, .condition = "k and v are constant over a token"};
  double sum = 0, crossover = NAN;
  size_t n = 0;
  for (size_t r = 0; r < csv->rows; r++) {
    double order = efla_csv_real(csv, r, "order"), h_lambda = efla_csv_real(csv, r, "h_lambda");
    if (is(csv, r, "scheme", "left") && h_lambda < 0.1 && !isnan(order)) sum += order, n++;
    if (is(csv, r, "scheme", "crossover") && !(crossover >= h_lambda))
      crossover = isnan(h_lambda) ? crossover : h_lambda;
  }
  snprintf(f.evidence, sizeof f.evidence, "moving k, v: order %.2f, and RK4 is ahead below h*lambda = %.1f",
           n ? sum / (double)n : NAN, crossover);
  return f;
}

static verdict stability(const efla_csv *csv) {
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
  f.ruling = runs && !lost ? HOLDS : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence, "%zu of %zu exact runs not finite; of explicit methods %zu of %zu", lost,
           runs, explicit_lost, explicit_runs);
  return f;
}

/* Error of a method at the last token over that at 100, f64, norm 1. */
static double growth_of_error(const efla_csv *csv, const char *family, const char *method) {
  double early = NAN, late = NAN;
  for (size_t r = 0; r < csv->rows; r++) {
    if (!is(csv, r, "family", family) || !is(csv, r, "method", method) || !is(csv, r, "precision", "f64")) continue;
    if (!is(csv, r, "truth", "longdouble") || efla_csv_real(csv, r, "norm") != 1) continue;
    if (efla_csv_real(csv, r, "tokens") == 100) early = efla_csv_real(csv, r, "error");
    late = efla_csv_real(csv, r, "error"); /* rows are in the order of tokens */
  }
  return late / early;
}

static verdict accumulation(const efla_csv *csv) {
  verdict f = {.condition = "old directions are revisited or fade"};
  double fading = growth_of_error(csv, "gaussian", "exact"), kept = growth_of_error(csv, "dictionary", "exact");
  f.ruling = fading > 3 ? NOT_SEEN : kept > 3 ? HOLDS_IF : HOLDS;
  snprintf(f.evidence, sizeof f.evidence,
           "rounding from 100 tokens to the end: x %.1f Gaussian keys, x %.1f eight keys", fading, kept);
  return f;
}

static verdict plateau(const efla_csv *csv) {
  verdict f = {0};
  double ratio = growth_of_error(csv, "unit", "euler");
  f.ruling = ratio > 2 ? HOLDS : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence, "Euler, unit keys, from 100 tokens to the end: x %.2f (saturates)", ratio);
  return f;
}

/* The chunkwise form by substitution, C <= 128, within 64 u of f32 (docs/bounds.md#chunk). */
static verdict chunks(const efla_csv *csv) {
  verdict f = {0};
  double worst = 0;
  for (size_t r = 0; r < csv->rows; r++)
    if (is(csv, r, "method", "exact") && is(csv, r, "form", "substitution") && efla_csv_real(csv, r, "chunk") <= 128)
      worst = fmax(worst, efla_csv_real(csv, r, "error"));
  f.ruling = worst > 0 && worst <= 64 * u32 ? HOLDS : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence, "largest error in f32 for C <= 128: %.1f u", worst / u32);
  return f;
}

/* Slope of log time against log tokens, from the given number on; nan with fewer than three. */
static double time_slope(const efla_csv *csv, const char *kernel, double from) {
  enum { MOST = 64 };
  double x[MOST], y[MOST], level, slope, c00, c01, c11, sum;
  size_t n = 0;
  for (size_t r = 0; r < csv->rows && n < MOST; r++) {
    double tokens = efla_csv_real(csv, r, "tokens");
    if (!is(csv, r, "panel", "tokens") || !is(csv, r, "kernel", kernel) || !is(csv, r, "precision", "f32") ||
        tokens < from)
      continue;
    x[n] = log(tokens), y[n++] = log(efla_csv_real(csv, r, "seconds"));
  }
  if (n < 3) return NAN;
  gsl_fit_linear(x, 1, y, 1, n, &level, &slope, &c00, &c01, &c11, &sum);
  return slope;
}

/* A tenth tells linear from n log n over three decades, and from quadratic at once. */
static verdict linear_time(const efla_csv *csv) {
  verdict f = {0};
  double kernel = time_slope(csv, "kernel", 1024), chunk = time_slope(csv, "chunk", 1024),
         softmax = time_slope(csv, "softmax", 2048);
  f.ruling = fabs(kernel - 1) <= 0.1 && fabs(chunk - 1) <= 0.1 ? HOLDS : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence,
           "time ~ tokens^s: recurrence s = %.3f, chunkwise %.3f, softmax attention %.2f", kernel, chunk, softmax);
  return f;
}

/* EFLA against DeltaNet under one perturbation, by accuracy, paired: it holds where it is better at most levels and
 * worse at none, both at the same step and with each one's best. */
static verdict robustness(const efla_csv *csv, const char *perturbation) {
  verdict f = {0};
  int levels = 0, better[2] = {0}, worse[2] = {0}, longhorn = 0;
  double gain = 0;
  for (size_t r = 0; r < csv->rows; r++) {
    if (!is(csv, r, "perturbation", perturbation)) continue;
    int tuned = is(csv, r, "step", "tuned"), win = is(csv, r, "verdict", "better"),
        loss = is(csv, r, "verdict", "worse");
    if (is(csv, r, "method", "implicit") && is(csv, r, "keys", "raw") && tuned) longhorn += win;
    if (!is(csv, r, "method", "euler") || !is(csv, r, "keys", "unit")) continue;
    levels += tuned, better[tuned] += win, worse[tuned] += loss;
    if (tuned) gain += efla_csv_real(csv, r, "difference");
  }
  bool both = 2 * better[0] > levels && 2 * better[1] > levels, loses = worse[0] + worse[1] > 0;
  f.ruling = both && !loses ? HOLDS : better[0] + better[1] == 0 ? NOT_SEEN : HOLDS_IF;
  snprintf(f.condition, sizeof f.condition, "%s",
           both        ? "the level is high enough"
           : better[1] ? "at some levels"
                       : "beta is the same, not each one's best");
  snprintf(f.evidence, sizeof f.evidence,
           "of %d levels better/worse: same beta %d/%d, tuned %d/%d (mean %+.3f); better than Longhorn, tuned: %d",
           levels, better[0], worse[0], better[1], worse[1], levels ? gain / levels : NAN, longhorn);
  return f;
}

/* A difference of accuracy, mean over the levels of a perturbation. */
static efla_interval effect(const efla_csv *csv, const char *panel, const char *perturbation) {
  efla_interval e = {NAN, NAN, NAN};
  for (size_t r = 0; r < csv->rows; r++)
    if (is(csv, r, "panel", panel) && is(csv, r, "perturbation", perturbation) && is(csv, r, "level", "mean") &&
        is(csv, r, "method", "-") && is(csv, r, "keys", "-") && is(csv, r, "lr", "-"))
      e = (efla_interval){efla_csv_real(csv, r, "mean"), efla_csv_real(csv, r, "low"), efla_csv_real(csv, r, "high")};
  return e;
}

/* Trained classifiers: it holds where the exact method is ahead by itself; where only EFLA as published is, its other
 * changes do it. */
static verdict trained(const efla_csv *csv, const char *perturbation) {
  verdict f = {.condition = "keys and learning rate change with the method"};
  efla_interval published = effect(csv, "published", perturbation), method = effect(csv, "method", perturbation),
                keys = effect(csv, "keys", perturbation), lr = effect(csv, "lr", perturbation);
  f.ruling = method.low > 0 ? HOLDS : published.low > 0 ? HOLDS_IF : NOT_SEEN;
  snprintf(f.evidence, sizeof f.evidence,
           "points: published %+.1f [%+.1f %+.1f]; method %+.1f [%+.1f %+.1f], raw keys %+.1f [%+.1f %+.1f], "
           "rate %+.1f [%+.1f %+.1f]",
           100 * published.mean, 100 * published.low, 100 * published.high, 100 * method.mean, 100 * method.low,
           100 * method.high, 100 * keys.mean, 100 * keys.low, 100 * keys.high, 100 * lr.mean, 100 * lr.low,
           100 * lr.high);
  return f;
}

static const char *name_of_study_condition(size_t i) { return i == 0 ? "clean" : efla_image_perturbation_name(i - 1); }

static const char no_mnist[] = "no MNIST given to make figures", no_study[] = "no gallery/study.csv, see make study";

static const struct claim {
  const char *text, *table, *program;
  verdict (*judge)(const efla_csv *csv);
  verdict (*judge_each)(const efla_csv *csv, const char *what); /* or one line for each of these */
  const char *(*each)(size_t i);
  const char *absent; /* why there may be no table; NULL: there must be one */
} claims[] = {
    {"the update is the exact solution", "reference", "reference", .judge = exactness},
    {"... of the continuous dynamics", "zero_order_hold", "zero_order_hold", .judge = moving_input},
    {"a Runge-Kutta method of infinite order", "order", "order", .judge = infinite_order},
    {"numerically stable", "accumulation", "accumulation", .judge = stability},
    {"stable on real input (MNIST rows)", "accumulation-mnist", "accumulation", .judge = stability, .absent = no_mnist},
    {"free of error accumulation", "accumulation", "accumulation", .judge = accumulation},
    {"DeltaNet's error accumulates", "accumulation", "accumulation", .judge = plateau},
    {"chunkwise form is equivalent", "chunk", "chunk", .judge = chunks},
    {"linear time", "throughput", "throughput", .judge = linear_time},
    {"robust against DeltaNet", "noise", "noise", .judge_each = robustness, .each = efla_perturbation_name},
    {"robust on MNIST rows", "noise-mnist", "noise", .judge_each = robustness, .each = efla_perturbation_name,
     .absent = no_mnist},
    {"robust once trained, by its method", "effects", "effects", .judge_each = trained, .each = name_of_study_condition,
     .absent = no_study},
};

static void print(const char *claim, const char *what, const char *table, const verdict *f) {
  static const char *const words[] = {"holds", "holds if", "not seen"};
  char text[96];
  snprintf(text, sizeof text, "%s%s%s", claim, *what ? ": " : "", what);
  printf("%-44s %-9s%s%s\n%46s%s [%s.csv]\n", text, words[f->ruling], f->ruling == HOLDS_IF ? " " : "",
         f->ruling == HOLDS_IF ? f->condition : "", "", f->evidence, table);
}

/* 0: read and up to date; -1: not there, as may be; 1: missing or old, and said so. */
static int open_table(const struct claim *claim, const char *results, const char *programs, efla_csv *csv) {
  char path[4096], program[4096];
  struct stat table, source;
  efla_message why;
  snprintf(path, sizeof path, "%s/%s.csv", results, claim->table);
  snprintf(program, sizeof program, "%s/%s", programs, claim->program);
  if (claim->absent && stat(path, &table) != 0) return -1;
  if (stat(path, &table) != 0 || stat(program, &source) != 0) {
    fprintf(stderr, "verdict: %s or %s is missing: run make figures\n", path, program);
    return 1;
  }
  if (table.st_mtim.tv_sec < source.st_mtim.tv_sec) {
    fprintf(stderr, "verdict: %s is older than %s: run make figures\n", path, program);
    return 1;
  }
  if (efla_csv_read(csv, path, &why) == EFLA_OK) return 0;
  fprintf(stderr, "verdict: %s\n", why.text);
  return 1;
}

int main(int argc, char **argv) {
  int failed = 0;
  if (argc != 3) {
    fprintf(stderr, "Usage: verdict RESULTS PROGRAMS\n");
    return EFLA_EXIT_USAGE;
  }
  for (size_t c = 0; c < sizeof claims / sizeof *claims; c++) {
    efla_csv csv;
    int status = open_table(&claims[c], argv[1], argv[2], &csv);
    if (status < 0) printf("%-44s not asked (%s)\n", claims[c].text, claims[c].absent);
    failed |= status > 0;
    if (status != 0) continue;
    if (claims[c].judge) {
      verdict f = claims[c].judge(&csv);
      print(claims[c].text, "", claims[c].table, &f);
    }
    for (size_t i = 0; claims[c].each && claims[c].each(i); i++) {
      verdict f = claims[c].judge_each(&csv, claims[c].each(i));
      print(claims[c].text, claims[c].each(i), claims[c].table, &f);
    }
    efla_csv_clear(&csv);
  }
  return failed ? EFLA_EXIT_CHECK : EFLA_EXIT_FINE;
}
