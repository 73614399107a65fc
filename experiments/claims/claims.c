/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "claims.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

bool verdict_cell_is(const efla_csv *csv, size_t row, const char *column, const char *text) {
  return !strcmp(efla_csv_text(csv, row, column), text);
}

static const char *name_of_study_condition(size_t i) { return i == 0 ? "clean" : efla_image_perturbation_name(i - 1); }

static const char no_mnist[] = "no MNIST given to make figures", no_study[] = "no gallery/study.csv, see make study",
                  no_lm[] = "no gallery/lm.csv", no_recall[] = "no gallery/recall.csv", no_mad[] = "no gallery/mad.csv";

struct claim {
  const char *text, *table, *program;
  verdict (*decide)(const efla_csv *csv);
  verdict (*decide_each)(const efla_csv *csv, const char *what); /* or one line for each of these */
  const char *(*each)(size_t i);
  const char *absent; /* why there may be no table; NULL: there must be one */
  const char *figure; /* that shows it; NULL: the one of the table's name */
};

static const struct claim claims[] = {
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
     .each = name_of_study_condition, .absent = no_study, .figure = "smnist-effects"},
    {"lower perplexity", "effects-lm", "effects", .decide_each = verdict_perplexity, .each = verdict_contrast_name,
     .absent = no_lm, .figure = "lm-effects"},
    {"lower perplexity at one rate", "effects-lm-equal", "effects", .decide_each = verdict_perplexity,
     .each = verdict_contrast_name, .absent = no_lm, .figure = "lm-effects"},
    {"BLiMP accuracy", "effects-lm", "effects", .decide_each = verdict_blimp, .each = verdict_contrast_name,
     .absent = no_lm, .figure = "lm-effects"},
    {"LAMBADA accuracy", "effects-lm", "effects", .decide_each = verdict_lambada, .each = verdict_contrast_name,
     .absent = no_lm, .figure = "lm-effects"},
    {"trained recall", "effects-recall", "effects", .decide_each = verdict_trained_recall,
     .each = verdict_contrast_name, .absent = no_recall, .figure = "recall"},
    {"MAD, mean over tasks", "effects-mad", "effects", .decide_each = verdict_mad, .each = verdict_contrast_name,
     .absent = no_mad, .figure = "mad"},
};

/* 0: read and up to date; -1: not there, as may be; 1: missing or old, and said so. */
static int open_table(const struct claim *claim, const char *results, const char *programs, efla_csv *csv) {
  char path[4096], program[4096];
  struct stat table, source;
  efla_message why;
  snprintf(path, sizeof path, "%s/%s.csv", results, claim->table);
  snprintf(program, sizeof program, "%s/%s", programs, claim->program);
  if (claim->absent && stat(path, &table) != 0) return -1;
  if (stat(path, &table) != 0 || stat(program, &source) != 0) {
    fprintf(stderr, "%s: %s or %s is missing: run make figures\n", program_invocation_short_name, path, program);
    return 1;
  }
  if (table.st_mtim.tv_sec < source.st_mtim.tv_sec) {
    fprintf(stderr, "%s: %s is older than %s: run make figures\n", program_invocation_short_name, path, program);
    return 1;
  }
  if (efla_csv_read(csv, path, &why) == EFLA_OK) return 0;
  fprintf(stderr, "%s: %s\n", program_invocation_short_name, why.text);
  return 1;
}

const char *ruling_word(ruling r) {
  static const char *const words[] = {"holds", "holds if", "not seen", "reversed", "missing", "not asked", "diverged"};
  return words[r];
}

static finding find(const struct claim *claim, const char *what, const verdict *v) {
  finding f = {.table = claim->table, .figure = claim->figure ? claim->figure : claim->table, .verdict = *v};
  snprintf(f.text, sizeof f.text, "%s%s%s", claim->text, *what ? ": " : "", what);
  if (v->ruling == MISSING) {
    snprintf(f.verdict.evidence, sizeof f.verdict.evidence, "too few rows");
    fprintf(stderr, "%s: %s.csv has too few rows for '%s': run make figures\n", program_invocation_short_name,
            claim->table, f.text);
  }
  if (v->ruling == NOT_ASKED) snprintf(f.verdict.evidence, sizeof f.verdict.evidence, "no rows of this study");
  return f;
}

static bool judge(const struct claim *claim, const efla_csv *csv, findings_sink *sink, void *context) {
  bool enough = true;
  if (claim->decide) {
    const verdict v = claim->decide(csv);
    const finding f = find(claim, "", &v);
    sink(context, &f), enough = v.ruling != MISSING;
  }
  for (size_t i = 0; claim->each && claim->each(i); i++) {
    const verdict v = claim->decide_each(csv, claim->each(i));
    const finding f = find(claim, claim->each(i), &v);
    sink(context, &f), enough = enough && v.ruling != MISSING;
  }
  return enough;
}

bool claims_judge(const char *results, const char *programs, findings_sink *sink, void *context) {
  bool complete = true;
  for (size_t c = 0; c < sizeof claims / sizeof *claims; c++) {
    efla_csv csv;
    const int status = open_table(&claims[c], results, programs, &csv);
    complete = complete && status <= 0;
    if (status == 0) {
      complete = judge(&claims[c], &csv, sink, context) && complete;
      efla_csv_clear(&csv);
      continue;
    }
    finding f = {
        .table = claims[c].table, .figure = claims[c].table, .verdict.ruling = status < 0 ? NOT_ASKED : MISSING};
    snprintf(f.text, sizeof f.text, "%s", claims[c].text);
    if (status < 0)
      snprintf(f.verdict.evidence, sizeof f.verdict.evidence, "%s", claims[c].absent);
    else
      snprintf(f.verdict.evidence, sizeof f.verdict.evidence, "no table");
    f.no_table = true;
    sink(context, &f);
  }
  return complete;
}
