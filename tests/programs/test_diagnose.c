/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bin/diagnose, run as a program: report, table, figure, messages about bad input, memory. */
#include "diagnosing.h"
#include "files.h"
#include "testing.h"

#include <sys/resource.h>
#include <unistd.h>

/* A line of the report that begins with these words, in any number of blanks. */
static void check_line(const char *line) {
  size_t length = strlen(line);
  for (const char *at = ran.out; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
    char squeezed[512];
    size_t n = 0;
    for (const char *c = at + strspn(at, " "); *c && *c != '\n' && n < sizeof squeezed - 1; c++)
      if (*c != ' ' || (n > 0 && squeezed[n - 1] != ' ')) squeezed[n++] = *c;
    squeezed[n] = 0;
    if (!strncmp(squeezed, line, length)) return;
  }
  ck_abort_msg("no line '%s' in:\n%s", line, ran.out);
}

/* Total first, one line a head in three tables, the sentence last; no line but that is longer than 132 columns.  One of
 * 780 tokens lies at x = 81, where Euler writes 81 times too much: its state is lost, but nothing grows. */
START_TEST(the_report) {
  hid_t file = diagnosing_create("diagnose-text");
  diagnosing_put(file);
  h5_close(file);
  ck_assert_int_eq(diagnosing_run("", "--tokens 100"), 0);
  check_line("x > 2 1 0.128 % t = 77, head 1, sequence 1 trapezoid: overshooting euler, rk2: amplifying errors");
  check_line("64 .. 128 0.128 % #");
  check_line("euler ");
  check_line("128 1 ");
  check_line("f32 24 ");
  check_line("Sufficient for an error of the state of 0.001: f32; for 1e-05: f32.");
  for (int h = 0; h < 3; h++) {
    char line[64];
    snprintf(line, sizeof line, "%d 260 ", h);
    check_line(line);
  }
  check_line("1 -0.");
  check_line("0.13 % of tokens at beta*lambda > 2, first at t = 77, head 1, sequence 1: Euler with raw keys amplifies "
             "errors there but");
  ck_assert_ptr_nonnull(strstr(ran.out, "Measured on the first 100 tokens of every head"));
  size_t longest = 0, length, last = 0;
  for (const char *at = ran.out; *at; at += length + 1) {
    length = strcspn(at, "\n");
    if (last > longest) longest = last; /* all but the last line */
    last = length;
    if (!at[length]) break;
  }
  ck_assert_uint_le(longest, 132);
}
END_TEST

static void check_no_part(const char *path) {
  char part[420];
  snprintf(part, sizeof part, "%s.part", path);
  ck_assert(access(part, F_OK) != 0);
}

static void check_picture(const char *format, const char *magic) {
  char path[300], bytes[8] = "";
  snprintf(path, sizeof path, "%s/it's.%s", ran.work, format); /* a name to be quoted */
  ck_assert_msg(diagnosing_run("", "--tokens 64 --figure \"%s\"", path) == 0, "%s", ran.err);
  ck_assert_ptr_nonnull(strstr(ran.out, "Euler with raw keys"));
  FILE *file = fopen(path, "r");
  ck_assert_ptr_nonnull(file);
  ck_assert_uint_eq(fread(bytes, 1, strlen(magic), file), strlen(magic));
  ck_assert_mem_eq(bytes, magic, strlen(magic));
  fseek(file, 0, SEEK_END);
  ck_assert_int_ge(ftell(file), 10000);
  fclose(file);
  check_no_part(path);
}

START_TEST(pictures) {
  hid_t file = diagnosing_create("diagnose-figure");
  diagnosing_put(file);
  h5_close(file);
  check_picture("svg", "<?xml");
  check_picture("pdf", "%PDF");
  check_picture("png", "\x89PNG");
}
END_TEST

/* The table has the rows of the picture, and a header. */
START_TEST(the_table) {
  hid_t file = diagnosing_create("diagnose-table");
  diagnosing_put(file);
  h5_close(file);
  ck_assert_int_eq(diagnosing_run("", "--out %s/table.csv", ran.work), 0);
  char path[300];
  efla_csv csv;
  efla_message why;
  snprintf(path, sizeof path, "%s/table.csv", ran.work);
  ck_assert_msg(efla_csv_read(&csv, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert_ptr_nonnull(strstr(csv.header, "# input: "));
  double histogram = 0;
  size_t rates = 0, beyond = 0;
  for (size_t r = 0; r < csv.rows; r++) {
    const char *study = efla_csv_text(&csv, r, "study");
    if (!strcmp(study, "histogram")) histogram += efla_csv_real(&csv, r, "value");
    if (!strcmp(study, "rate")) rates++;
    if (!strcmp(study, "limit") && efla_csv_real(&csv, r, "to") == 77) beyond++;
  }
  CHECK_BOUND(fabs(histogram - 1), 1000 * U); /* a sum of fewer than 1000 shares */
  ck_assert_uint_eq(rates, 3 * 9);
  ck_assert_uint_ge(beyond, 4); /* 2, 2.785, 3, 4.31; other tokens of this file are beyond 1 as well */
  efla_csv_clear(&csv);
}
END_TEST

/* A script of one's own that begins its picture and fails: the report is complete, and no other file remains. */
START_TEST(a_picture_that_fails) {
  hid_t file = diagnosing_create("diagnose-fails");
  h5_inputs(file, &diagnosing_sizes, 1);
  h5_close(file);
  char path[400], before[600];
  snprintf(before, sizeof before, "mkdir -p '%s/plots'", ran.work);
  ck_assert_int_eq(system(before), 0);
  static const char script[] = "set print picture\nprint input\nexit status 7\n";
  snprintf(path, sizeof path, "%s/plots/diagnose.gp", ran.work);
  files_write(path, script, strlen(script));
  snprintf(before, sizeof before, "EFLA_DATADIR=%s", ran.work);
  ck_assert_int_eq(diagnosing_run(before, "--tokens 8 --figure %s/picture.svg", ran.work), 3);
  ck_assert_msg(strstr(ran.err, "picture.svg: gnuplot could not draw it") != NULL, "%s", ran.err);
  ck_assert_ptr_nonnull(strstr(ran.out, "Euler with raw keys"));
  snprintf(path, sizeof path, "%s/picture.svg", ran.work);
  ck_assert(access(path, F_OK) != 0);
  check_no_part(path);
}
END_TEST

/* Status 3 and a sentence with the name, nothing on standard output, nothing left behind. */
static void check_refused(const char *before, const char *options, int status, const char *word) {
  int found = diagnosing_run(before, "%s", options);
  ck_assert_msg(found == status, "%s %s: status %d, %s", before, options, found, ran.err);
  ck_assert_msg(strstr(ran.err, word) != NULL, "%s: %s", options, ran.err);
}

START_TEST(what_is_refused) {
  hid_t file = diagnosing_create("diagnose-refused");
  double *beta = h5_numbers(&diagnosing_sizes, 'b', 1), *k = h5_numbers(&diagnosing_sizes, 'k', 1);
  h5_inputs(file, &diagnosing_sizes, 1);
  h5_close(file);
  char options[700], figure[300];
  snprintf(figure, sizeof figure, "%s/picture.png", ran.work);
  snprintf(options, sizeof options, "--figure %s", figure);
  check_refused("EFLA_DATADIR=/no/such", options, 3, "no plots/diagnose.gp in /no/such");
  check_refused("PATH=/no/such", options, 3, "gnuplot is not installed");
  ck_assert_str_eq(ran.out, ""); /* it says so before it works */
  snprintf(options, sizeof options, "--figure %s/picture.jpg", ran.work);
  check_refused("", options, 3, ".svg, .pdf or .png");
  snprintf(options, sizeof options, "--figure %s/missing/picture.png", ran.work);
  check_refused("", options, 3, "missing/picture.png");
  snprintf(options, sizeof options, "--out %s", ran.in);
  check_refused("", options, 3, "the input");
  snprintf(options, sizeof options, "ln -sf in.h5 %s/in.png;", ran.work);
  ck_assert_int_eq(system(options), 0);
  snprintf(options, sizeof options, "--figure %s/in.png", ran.work);
  check_refused("", options, 3, "the input");
  snprintf(options, sizeof options, "--out %s --figure %s", figure, figure);
  check_refused("", options, 3, "picture.png, another output of this run");
  ck_assert_str_eq(ran.out, "");
  check_refused("", "--tolerance 0", 2, "'0'");
  check_refused("", "--tokens 0", 2, "'0'");
  check_refused("", "--json=1", 2, "json");
  check_refused("", ">/dev/full", 3, "standard output");
  ck_assert(access(figure, F_OK) != 0);

  snprintf(ran.in, sizeof ran.in, "%s/missing.h5", ran.work);
  check_refused("", "", 3, "missing.h5");
  ck_assert_str_eq(ran.out, "");
  beta[7] = -1;
  k[diagnosing_sizes.dk * 9 + 2] = NAN;
  file = diagnosing_create("diagnose-refused");
  h5_put_tokens(file, "q", H5T_IEEE_F32LE, &diagnosing_sizes, diagnosing_sizes.dk, k),
      h5_put_tokens(file, "k", H5T_IEEE_F32LE, &diagnosing_sizes, diagnosing_sizes.dk, k);
  h5_close(file);
  check_refused("", "", 3, "v");
  free(beta), free(k);
}
END_TEST

/* beta*lambda past what an oracle takes: the rest of the report is complete, status 1. */
START_TEST(an_oracle_refuses) {
  hid_t file = diagnosing_create("diagnose-oracle");
  h5_inputs(file, &diagnosing_sizes, 1000);
  h5_close(file);
  ck_assert_int_eq(diagnosing_run("", "--truth odeiv --tokens 4"), 1);
  ck_assert_ptr_nonnull(strstr(ran.err, "odeiv refuses"));
  ck_assert_ptr_nonnull(strstr(ran.out, "the exact coefficient or unit keys are safe."));
}
END_TEST

#ifndef __SANITIZE_ADDRESS__
/* q, k, v and beta of zeros that take no disk: (tokens, heads, d). */
static void put_nothing(hid_t file, hsize_t tokens, hsize_t heads, hsize_t d) {
  static const char *const names[] = {"q", "k", "v", "beta"};
  const hsize_t size[] = {tokens, heads, d}, chunk[] = {tokens < 256 ? tokens : 256, heads, d};
  for (size_t i = 0; i < 4; i++) h5_room(file, names[i], H5T_IEEE_F32LE, i < 3 ? 3 : 2, size, chunk);
}

/* Less than 300 MB beside all libraries: for 230 MB of f32, which as doubles would take more; and for many small heads,
 * each of which has its runs.  AddressSanitizer keeps what was freed, so under it there is nothing to see. */
START_TEST(memory_is_bounded) {
  static const hsize_t shapes[][3] = {{150000, 1, 128}, {20, 512, 16}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    hid_t file = diagnosing_create("diagnose-memory");
    put_nothing(file, shapes[i][0], shapes[i][1], shapes[i][2]);
    h5_close(file);
    ck_assert_int_eq(diagnosing_run("", "--tokens 16"), 0);
    ck_assert_ptr_nonnull(strstr(ran.out, "No token at beta*lambda > 2 (largest 0)"));
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    ck_assert_int_le(usage.ru_maxrss, 300 << 10); /* KiB */
  }
}
END_TEST
#endif

int main(void) {
  const TTest *const tests[] = {the_report,       pictures,        a_picture_that_fails,
                                the_table,        what_is_refused, an_oracle_refuses,
#ifndef __SANITIZE_ADDRESS__
                                memory_is_bounded
#endif
  };
  return testing_main("diagnose", tests, sizeof tests / sizeof *tests, 120);
}
