/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bin/lm: rows of small trainings, interrupted ones, divergence as data, texts that cannot be used. */
#include "files.h"
#include "tables.h"
#include "testing.h"

#include <sys/stat.h>
#include <unistd.h>

#define SMALL                                                                                                          \
  "lm --quick --width 16 --layers 1 --heads 2 --hidden 16 --context 16 --batch 4 --group 2 --steps 12 --warmup 2 "     \
  "--every 5 --windows 4 "

static char out[1 << 16], err[1 << 16];

static int run(const char *arguments) {
  char command[2048];
  snprintf(command, sizeof command, TEST_BIN "/" SMALL "%s", arguments);
  return testing_shell(command, out, err, sizeof out);
}

static size_t count(const efla_csv *csv, const char *study, const char *part) {
  size_t n = 0;
  for (size_t r = 0; r < csv->rows; r++)
    n += !strcmp(efla_csv_text(csv, r, "study"), study) && (!part || !strcmp(efla_csv_text(csv, r, "part"), part));
  return n;
}

/* 3 evaluations; at the end 3 parts in windows of 16, 64, 256 tokens: a row of all and one of each octave, 6, 8, 10. */
START_TEST(rows) {
  efla_csv csv = run_table(SMALL "--method exact,euler --mixer delta,softmax");
  ck_assert_uint_eq(csv.rows, 3 * (2 * 3 + 3 * (6 + 8 + 10)));
  ck_assert_uint_eq(count(&csv, "training", NULL), 3 * 3);
  ck_assert_uint_eq(count(&csv, "along", "valid"), 3 * 3);
  ck_assert_uint_eq(count(&csv, "end", "test"), 3 * 24);
  for (size_t r = 0; r < csv.rows; r++) {
    const bool softmax = !strcmp(efla_csv_text(&csv, r, "mixer"), "softmax");
    ck_assert(softmax == !strcmp(efla_csv_text(&csv, r, "method"), "-"));
    const double bits = efla_csv_real(&csv, r, "bits");
    ck_assert_msg(bits > 3 && bits < 9, "row %zu: %g", r, bits); /* 8 before training */
  }
  efla_csv_clear(&csv);
}
END_TEST

START_TEST(resumed) {
  testing_shell("rm -rf " TEST_WORK "/lm", NULL, NULL, 0); /* of an earlier run */
  efla_csv whole = run_table(SMALL), again;
  ck_assert_int_eq(run("--configs " TEST_WORK "/lm --threads 2 --save-every 1 >/dev/null"), 0);
  again = run_table(SMALL "--configs " TEST_WORK "/lm"); /* all of it from the checkpoint */
  ck_assert_uint_eq(whole.rows, again.rows);
  for (size_t r = 0; r < whole.rows; r++)
    ck_assert_str_eq(efla_csv_text(&whole, r, "bits"), efla_csv_text(&again, r, "bits"));
  efla_csv_clear(&whole), efla_csv_clear(&again);
  ck_assert_int_eq(run("--configs " TEST_WORK "/lm --hidden 17"), 3);
  ck_assert_msg(strstr(err, "hidden 16") && strstr(err, "hidden 17"), "%s", err);
}
END_TEST

START_TEST(divergence_is_data) {
  efla_csv csv = run_table(SMALL "--lr 1000 --warmup 0 --every 1 --method euler --decay none");
  size_t lost = 0;
  for (size_t r = 0; r < csv.rows; r++) lost += isnan(efla_csv_real(&csv, r, "bits")) ? 1 : 0;
  ck_assert_uint_eq(csv.rows, 2 * 12 + 72);
  ck_assert(isfinite(efla_csv_real(&csv, 0, "bits"))); /* the first batch, before any step */
  ck_assert_uint_ge(lost, 72);
  efla_csv_clear(&csv);
}
END_TEST

START_TEST(decays_per_channel_and_texts) {
  ck_assert_int_eq(
      run("--decay split,strang,joint,retention --channels --generate 'To be' --length 20 --out /dev/null"), 0);
  ck_assert_msg(strstr(err, "decay split channels") && strstr(err, "decay strang channels") &&
                    strstr(err, "decay joint,") && strstr(err, "To be") && strstr(err, "bytes/s") &&
                    strstr(err, " GB/s at which they are only added up"),
                "%s", err);
  ck_assert_int_eq(run("--mixer softmax --generate x"), 2);
  ck_assert_msg(strstr(err, "softmax"), "%s", err);
}
END_TEST

static void write_text(const char *name, const char *text, size_t n) {
  FILE *file = fopen(name, "wb");
  ck_assert_ptr_nonnull(file);
  fwrite(text, 1, n, file);
  fclose(file);
}

/* Of rows of a study: the sum of a column. */
static double sum(const efla_csv *csv, const char *study, const char *column) {
  double total = 0;
  for (size_t r = 0; r < csv->rows; r++)
    if (!strcmp(efla_csv_text(csv, r, "study"), study)) total += efla_csv_real(csv, r, column);
  return total;
}

#define JUDGED                                                                                                         \
  "--blimp " TEST_WORK "/judged --lambada " TEST_WORK "/judged/passages.txt --robustness --shares 0,0.5 --factors 2 "

/* Two fields and all; of one paradigm two pairs of three. */
START_TEST(judgements) {
  static const char paradigms[] = "paradigm\tfield\na\tx\nb\ty\n",
                    pairs[] = "a\tIt.\tIs.\na\tI.\tO.\na\tU.\tV.\nb\tWe.\tUs.\n", passages[] = "to be\nor not\nto be\n";
  mkdir(TEST_WORK "/judged", 0777);
  write_text(TEST_WORK "/judged/paradigms.tsv", paradigms, sizeof paradigms - 1);
  write_text(TEST_WORK "/judged/blimp.tsv", pairs, sizeof pairs - 1);
  write_text(TEST_WORK "/judged/passages.txt", passages, sizeof passages - 1);
  efla_csv csv = run_table(SMALL JUDGED "--pairs 2 --passages 2 --keys raw,unit --mixer delta,softmax");
  ck_assert_uint_eq(csv.rows, 3 * (2 * 3 + 72 + 3 + 1 + 2) + 1);
  ck_assert_double_eq(sum(&csv, "blimp", "count"), 3 * (2 + 1 + 3));
  ck_assert_double_eq(sum(&csv, "lambada", "count"), 3 * 2);
  ck_assert_double_eq(sum(&csv, "substituted", "level"), 3 * .5);
  ck_assert_double_eq(sum(&csv, "scaled", "level"), 2); /* raw keys only */
  ck_assert(sum(&csv, "blimp", "bits") > 9 * 3 && sum(&csv, "blimp", "accuracy") >= 0);
  efla_csv_clear(&csv);
  csv = run_table(SMALL JUDGED "--lr 1000 --warmup 0 --method euler");
  ck_assert_uint_eq(count(&csv, "blimp", NULL) + count(&csv, "scaled", NULL), 4);
  ck_assert(isnan(sum(&csv, "blimp", "accuracy")) && isnan(sum(&csv, "substituted", "bits")));
  efla_csv_clear(&csv);
}
END_TEST

START_TEST(wrong_input) {
  static const struct {
    const char *arguments;
    int status;
    const char *said;
  } wrong[] = {{"--heads 3", 2, "--heads: 3"},
               {"--group 3", 2, "--group: 3"},
               {"--warmup 12", 2, "--warmup: 12"},
               {"--corpus " TEST_WORK "/no-text", 3, "no-text"},
               {"--corpus " TEST_WORK "/text", 3, "10 bytes"},
               {"--blimp " TEST_WORK "/no-pairs", 3, "no file paradigms.tsv"},
               {"--lambada " TEST_WORK "/no-passages", 3, "no-passages"},
               {"--lambada " TEST_WORK "/text/train.txt", 3, "train.txt: line 1"},
               {"--configs /dev/null/x --out /dev/null", 3, "/dev/null/x"}};
  mkdir(TEST_WORK "/text", 0777);
  write_text(TEST_WORK "/text/train.txt", "0123456789", 10), write_text(TEST_WORK "/text/valid.txt", "0123456789", 10);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const int status = run(wrong[i].arguments);
    ck_assert_msg(status == wrong[i].status && strstr(err, wrong[i].said), "%s: status %d, %s", wrong[i].arguments,
                  status, err);
  }
  write_text(TEST_WORK "/text/train.txt", "01234\0\0006789abcdefghijklmnop", 26);
  ck_assert_int_eq(run("--corpus " TEST_WORK "/text"), 3);
  ck_assert_msg(strstr(err, "train.txt"), "%s", err);
}
END_TEST

/* A checkpoint that is damaged is refused; nothing is lost. */
START_TEST(damaged_checkpoint) {
  const char *path = TEST_WORK "/damaged/delta-exact-none-raw-sigmoid-16-0.01-42.h5";
  unlink(path); /* of an earlier run */
  ck_assert_int_eq(run("--configs " TEST_WORK "/damaged --out /dev/null"), 0);
  ck_assert_int_eq(truncate(path, 5000), 0);
  ck_assert_int_eq(run("--configs " TEST_WORK "/damaged --out /dev/null"), 3);
  ck_assert_msg(strstr(err, "0.01-42.h5"), "%s", err);
  struct stat info;
  ck_assert(stat(path, &info) == 0 && info.st_size == 5000);
}
END_TEST

/* Each method before tuning and after it; softmax attention has none; the own one changes nothing at first. */
START_TEST(exchanged) {
  efla_csv csv = run_table(SMALL "--method exact,euler --mixer delta,softmax --exchange --tuning 3");
  double end = NAN;
  size_t n = 0;
  for (size_t r = 0; r < csv.rows; r++) {
    const char *study = efla_csv_text(&csv, r, "study"), *part = efla_csv_text(&csv, r, "part");
    if (!strcmp(study, "along")) end = efla_csv_real(&csv, r, "bits"); /* the last of the config */
    if (strcmp(study, "exchanged") != 0) continue;
    const size_t step = (size_t)efla_csv_real(&csv, r, "step");
    const char *const methods[] = {"euler", "implicit", "exact"};
    ck_assert_str_eq(part, methods[n / 2 % 3]);
    ck_assert_uint_eq(step, n % 2 ? 15 : 12);
    if (!strcmp(part, efla_csv_text(&csv, r, "method")))
      ck_assert((efla_csv_real(&csv, r, "bits") == end) == (step == 12));
    n++;
  }
  ck_assert_uint_eq(n, 2 * 3 * 2);
  efla_csv_clear(&csv);
  ck_assert_int_eq(run("--generate '' >/dev/null"), 2);
  ck_assert_msg(strstr(err, "--generate: expected a text"), "%s", err);
}
END_TEST

/* Two shares of four configs, and what is finished of them: the table without shares; widths are configs too. */
START_TEST(shares) {
  const char *const configs = "--method exact,euler --width 16,32 --mixer delta --keys unit ";
  char command[400];
  testing_shell("rm -rf " TEST_WORK "/lm-shares", NULL, NULL, 0);
  snprintf(command, sizeof command, SMALL "%s", configs);
  efla_csv whole = run_table(command), gathered;
  for (int share = 1; share <= 2; share++) {
    snprintf(command, sizeof command, "%s--configs " TEST_WORK "/lm-shares --shard %d/2 >/dev/null", configs, share);
    ck_assert_int_eq(run(command), 0);
  }
  snprintf(command, sizeof command, SMALL "%s--configs " TEST_WORK "/lm-shares --finished", configs);
  gathered = run_table(command);
  ck_assert_uint_eq(whole.rows, gathered.rows);
  ck_assert_uint_eq(count(&whole, "end", "test"), 4 * 24);
  for (size_t r = 0; r < whole.rows; r++) {
    ck_assert_str_eq(efla_csv_text(&whole, r, "bits"), efla_csv_text(&gathered, r, "bits"));
    ck_assert_str_eq(efla_csv_text(&whole, r, "width"), efla_csv_text(&gathered, r, "width"));
  }
  efla_csv_clear(&whole), efla_csv_clear(&gathered);
  ck_assert_int_eq(run("--width 16,17 >/dev/null"), 2);
  ck_assert_msg(strstr(err, "--heads: 2, expected a divisor of the width 17"), "%s", err);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      rows,       resumed, divergence_is_data, decays_per_channel_and_texts, wrong_input, damaged_checkpoint,
      judgements, shares,  exchanged};
  return testing_main("lm", tests, sizeof tests / sizeof *tests, 120);
}
