/* SPDX-License-Identifier: GPL-3.0-or-later */
/* confusion: does the kernel check name what is wrong with a kernel, and pass those that are right?
 *
 * Inputs    input families with keys of norm 1; kernels of a collection (check/specimens.h) that compute with one fault each,
 *           apart from the library, and right ones in other orders of summation and by chunks.
 * Varies    the kernel, the type of inputs and o, the family; for right kernels the seed.
 * Measures  how many families a fault is named rightly in, wrongly, not at all, or not seen in.
 * Expects   of the faults that are seen 95 % named rightly and at most 1 % wrongly; no right kernel outside.
 * Writes    a row per kernel and type, and one of the sums.  Status 1: less than expected. */
#include "laboratory.h"

#include "check/specimens.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t seeds, seed;
static efla_list families, formats;
static const char *only;

static const efla_option options[] = {
    {"family", "LIST", "gaussian,unit,flat,ar1,cone,dictionary,spikes", "gaussian", "input families", EFLA_NAMES,
     &families, 0, 0, efla_family_name},
    {"precision", "LIST", "f32,bf16,fp16", "f32", "types of inputs and o", EFLA_NAMES, &formats, 0, 0,
     efla_format_name},
    {"seeds", "N", "3", "1", "seeds of right kernels, from the common one on", EFLA_COUNT, &seeds, 1, 1000, NULL},
    {"kernel", "TEXT", "", "state", "only kernels whose name has this text in it; empty: all", EFLA_TEXT, &only, 0, 0,
     NULL},
    {.name = NULL},
};

typedef struct row {
  const char *kind, *kernel, *type;
  size_t named, misnamed, undecided, unknown, unseen;
  double granted;
  const char *said;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, kind, "", "wrong or right; sum: over all kernels of that kind"),
    EFLA_COLUMN(row, kernel, "", "specimen"),
    EFLA_COLUMN(row, type, "", "type of inputs and o"),
    EFLA_COLUMN(row, named, "", "cases that are named rightly; of right kernels: within the tolerance"),
    EFLA_COLUMN(row, misnamed, "", "cases that are named wrongly; of right kernels: outside"),
    EFLA_COLUMN(row, undecided, "", "cases where more than one explanation remains"),
    EFLA_COLUMN(row, unknown, "", "cases where none does"),
    EFLA_COLUMN(row, unseen, "", "cases of wrong kernels within the tolerance"),
    EFLA_COLUMN(row, granted, "", "largest error over what is granted; median over the cases"),
    EFLA_COLUMN(row, said, "", "what was said in the last case that was not named rightly"),
    EFLA_COLUMNS_END(row)};

static char path[300];

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* One kernel in one type, over families and seeds. */
static efla_status count(const efla_specimen_kernel *kernel, const efla_format *type, size_t runs, row *to, char *said,
                         efla_message *why) {
  double granted[EFLA_LIST_MAX * 16] = {0};
  size_t n = 0;
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < families.n * runs && status == EFLA_OK; i++) {
    const char *family = efla_family_name(families.row[i % families.n]);
    efla_specimen c;
    efla_specimen_answer answer = EFLA_SPECIMEN_UNKNOWN;
    char text[EFLA_FAULT_TEXT];
    double share = 0;
    status = efla_specimen_draw(&c, kernel, family, type, seed + i / families.n, why);
    if (status == EFLA_OK) efla_specimen_run(&c), status = efla_specimen_write(&c, path, why);
    if (status == EFLA_OK) status = efla_specimen_judge(&c, path, &answer, text, &share, why);
    efla_specimen_clear(&c);
    size_t *const counts[EFLA_SPECIMEN_ANSWERS] = {&to->named, &to->misnamed, &to->undecided, &to->unknown,
                                                   &to->unseen};
    ++*counts[answer];
    if (answer != EFLA_SPECIMEN_NAMED) snprintf(said, EFLA_FAULT_TEXT, "%.20s: %.300s", family, text);
    if (n < sizeof granted / sizeof *granted) granted[n++] = share;
  }
  qsort(granted, n, sizeof *granted, ascending);
  to->granted = n ? granted[n / 2] : NAN;
  return status;
}

static void add(row *sum, const row *one) {
  sum->named += one->named, sum->misnamed += one->misnamed, sum->undecided += one->undecided;
  sum->unknown += one->unknown, sum->unseen += one->unseen;
}

static bool possible(const efla_specimen_kernel *kernel, const char *type) {
  if (*only && !strstr(kernel->name, only)) return false;
  if (kernel->needs & EFLA_SPECIMEN_F32) return !strcmp(type, "f32");
  return !(kernel->needs & EFLA_SPECIMEN_FP16) || !strcmp(type, "fp16");
}

static efla_status run_all(const efla_specimen_kernel *kernels, const char *kind, size_t runs, row *sum,
                           efla_table *table, efla_message *why) {
  efla_status status = EFLA_OK;
  *sum = (row){.kind = kind, .kernel = "sum", .type = "all", .granted = NAN, .said = ""};
  for (const efla_specimen_kernel *k = kernels; k->name && status == EFLA_OK; k++)
    for (size_t f = 0; f < formats.n && status == EFLA_OK; f++) {
      const efla_format *type = &efla_formats[formats.row[f]];
      char said[EFLA_FAULT_TEXT] = "";
      row one = {.kind = kind, .kernel = k->name, .type = type->name, .said = said};
      if (!possible(k, type->name)) continue;
      status = count(k, type, runs, &one, said, why);
      if (status != EFLA_OK) break;
      add(sum, &one);
      efla_table_put(table, &one);
    }
  if (status == EFLA_OK) efla_table_put(table, sum);
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  const char *directory = getenv("TMPDIR");
  row wrong, right;
  seed = cli->seed;
  snprintf(path, sizeof path, "%s/efla-confusion-XXXXXX", directory ? directory : "/tmp");
  const int file = mkstemp(path);
  if (file < 0) return efla_fail(why, EFLA_OUTPUT, "%s: cannot create", path);
  close(file);
  efla_status status = run_all(efla_specimen_wrong, "wrong", 1, &wrong, table, why);
  if (status == EFLA_OK) status = run_all(efla_specimen_right, "right", seeds, &right, table, why);
  unlink(path);
  if (status != EFLA_OK) return status;
  const size_t seen = wrong.named + wrong.misnamed + wrong.undecided + wrong.unknown;
  if (100 * wrong.named >= 95 * seen && 100 * wrong.misnamed <= seen && right.misnamed == 0) return EFLA_OK;
  return efla_fail(why, EFLA_OUTSIDE, "of %zu wrong kernels %zu are named, %zu misnamed; %zu right ones outside", seen,
                   wrong.named, wrong.misnamed, right.misnamed);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "confusion",
      .summary = "Does the kernel check name what is wrong with a kernel, and pass those that are right?",
      .description = "Kernels with one fault each, written apart from the library, and right ones are judged as by "
                     "compare; the table says how often the fault is named.",
      .options = options,
      .columns = columns,
      .run = run};
  return efla_program_main(&program, argc, argv);
}
