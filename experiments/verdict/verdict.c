/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verdict RESULTS PROGRAMS: the paper's claims, each with the evidence that the tables in RESULTS give for it.
 *
 * Nothing is typed in: every number and every verdict is computed from a table.  Exit status 1 where a table is missing
 * or older than the program in PROGRAMS that writes it, or has too few rows for a claim. */
#include "verdict.h"

#include <string.h>
#include <sys/stat.h>

bool verdict_cell_is(const efla_csv *csv, size_t row, const char *column, const char *text) {
  return !strcmp(efla_csv_text(csv, row, column), text);
}

static const char *name_of_study_condition(size_t i) { return i == 0 ? "clean" : efla_image_perturbation_name(i - 1); }

static const char no_mnist[] = "no MNIST given to make figures", no_study[] = "no gallery/study.csv, see make study",
                  no_lm[] = "no gallery/lm.csv", no_recall[] = "no gallery/recall.csv", no_mad[] = "no gallery/mad.csv";

static const struct claim {
  const char *text, *table, *program;
  verdict (*decide)(const efla_csv *csv);
  verdict (*decide_each)(const efla_csv *csv, const char *what); /* or one line for each of these */
  const char *(*each)(size_t i);
  const char *absent; /* why there may be no table; NULL: there must be one */
} claims[] = {
    {"the update is the exact solution", "reference", "reference", .decide = verdict_exactness},
    {"... of the continuous dynamics", "zero_order_hold", "zero_order_hold", .decide = verdict_moving_input},
    {"a Runge-Kutta method of infinite order", "order", "order", .decide = verdict_infinite_order},
    {"numerically stable", "accumulation", "accumulation", .decide = verdict_stability},
    {"stable on real input (MNIST rows)", "accumulation-mnist", "accumulation", .decide = verdict_stability,
     .absent = no_mnist},
    {"free of error accumulation", "accumulation", "accumulation", .decide = verdict_accumulation},
    {"DeltaNet's error accumulates", "accumulation", "accumulation", .decide = verdict_euler_accumulation},
    {"gated exact flow: exact", "decay", "decay", .decide = verdict_gated_exactness},
    {"gated exact flow: stable", "stability_plane", "stability_plane", .decide = verdict_gated_stability},
    {"split step: error below bf16's unit", "decay", "decay", .decide = verdict_split_decay},
    {"chunkwise form is equivalent", "chunk", "chunk", .decide = verdict_chunks},
    {"linear time", "throughput", "throughput", .decide = verdict_linear_time},
    {"robust against DeltaNet", "noise", "noise", .decide_each = verdict_recall, .each = efla_perturbation_name},
    {"robust on MNIST rows", "noise-mnist", "noise", .decide_each = verdict_recall, .each = efla_perturbation_name,
     .absent = no_mnist},
    {"robust once trained, by its method", "effects", "effects", .decide_each = verdict_trained,
     .each = name_of_study_condition, .absent = no_study},
    {"lower perplexity", "effects-lm", "effects", .decide_each = verdict_perplexity, .each = verdict_contrast_name,
     .absent = no_lm},
    {"lower perplexity at one rate", "effects-lm-equal", "effects", .decide_each = verdict_perplexity,
     .each = verdict_contrast_name, .absent = no_lm},
    {"BLiMP accuracy", "effects-lm", "effects", .decide_each = verdict_blimp, .each = verdict_contrast_name,
     .absent = no_lm},
    {"LAMBADA accuracy", "effects-lm", "effects", .decide_each = verdict_lambada, .each = verdict_contrast_name,
     .absent = no_lm},
    {"trained recall", "effects-recall", "effects", .decide_each = verdict_trained_recall,
     .each = verdict_contrast_name, .absent = no_recall},
    {"MAD, mean over tasks", "effects-mad", "effects", .decide_each = verdict_mad, .each = verdict_contrast_name,
     .absent = no_mad},
};

/* Returns whether the table had the rows for the claim. */
static bool print(const char *claim, const char *what, const char *table, const verdict *f) {
  static const char *const words[] = {"holds", "holds if", "not seen", "reversed", "missing", "not asked", "diverged"};
  bool missing = f->ruling == MISSING;
  char text[96];
  snprintf(text, sizeof text, "%s%s%s", claim, *what ? ": " : "", what);
  printf("%-44s %-9s%s%s\n%46s%s [%s.csv]\n", text, words[f->ruling], f->ruling == HOLDS_IF ? " " : "",
         f->ruling == HOLDS_IF ? f->condition : "", "",
         missing                  ? "too few rows"
         : f->ruling == NOT_ASKED ? "no rows of this study"
                                  : f->evidence,
         table);
  if (missing) fprintf(stderr, "verdict: %s.csv has too few rows for '%s': run make figures\n", table, text);
  return !missing;
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
    if (claims[c].decide) {
      verdict f = claims[c].decide(&csv);
      failed |= !print(claims[c].text, "", claims[c].table, &f);
    }
    for (size_t i = 0; claims[c].each && claims[c].each(i); i++) {
      verdict f = claims[c].decide_each(&csv, claims[c].each(i));
      failed |= !print(claims[c].text, claims[c].each(i), claims[c].table, &f);
    }
    efla_csv_clear(&csv);
  }
  return failed ? EFLA_EXIT_CHECK : EFLA_EXIT_FINE;
}
