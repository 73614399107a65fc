/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make report: a page of what there is, which says what there is not. How it looks in a browser: make check-report. */
#include "testing.h"

#define WORK TEST_WORK "/report"

static char out[1 << 20], err[1 << 14];

/* The page goes to out. */
static int report(const char *figures) {
  char command[1024];
  snprintf(command, sizeof command, TEST_BUILD "/report " WORK " " TEST_BIN " %s >" WORK "/page", figures);
  const int status = testing_shell(command, NULL, err, sizeof err);
  FILE *file = fopen(WORK "/page", "r");
  ck_assert_ptr_nonnull(file);
  out[fread(out, 1, sizeof out - 1, file)] = 0;
  fclose(file);
  return status;
}

static void start(void) { ck_assert_int_eq(testing_shell("rm -rf " WORK " && mkdir -p " WORK, NULL, NULL, 0), 0); }

/* Without tables every claim is there, as missing or not asked, and figures say what they lack. */
START_TEST(nothing_there) {
  start();
  ck_assert_int_eq(report("nosuch:" WORK "/nosuch.csv:order"), 0);
  ck_assert_ptr_nonnull(strstr(out, "the update is the exact solution</th><td><span class=\"ruling r4\">missing"));
  ck_assert_ptr_nonnull(strstr(out, "lower perplexity</th><td><span class=\"ruling r5\">not asked"));
  ck_assert_ptr_nonnull(strstr(out, "The figure is missing: figures/nosuch.svg"));
  ck_assert_ptr_nonnull(strstr(out, "Its table is missing: " WORK "/nosuch.csv"));
  ck_assert_ptr_nonnull(strstr(out, "Tables are missing, old, or have too few rows."));
  ck_assert_ptr_nonnull(strstr(out, "Error against step for every method")); /* of plots/order.gp */
  ck_assert_ptr_nonnull(strstr(out, "<a href=\"docs/derivations.html\">"));  /* of nav.html */
  ck_assert_ptr_null(strstr(out, "$root$"));
}
END_TEST

/* A claim's numbers, and a table's provenance with the characters that HTML takes for its own. */
START_TEST(from_a_table) {
  start();
  ck_assert_int_eq(testing_shell(TEST_BIN "/reference --quick --out " WORK "/reference.csv && "
                                          "sed -i '1i # note: a < b & \"c\"' " WORK "/reference.csv",
                                 NULL, NULL, 0),
                   0);
  ck_assert_int_eq(report("reference:" WORK "/reference.csv:reference"), 0);
  ck_assert_ptr_nonnull(strstr(out, "the update is the exact solution</th><td><span class=\"ruling r0\">holds"));
  ck_assert_ptr_nonnull(strstr(out, "largest relative error "));
  ck_assert_ptr_nonnull(strstr(out, "<dt>note</dt><dd>a &lt; b &amp; &quot;c&quot;</dd>"));
  ck_assert_ptr_nonnull(strstr(out, "<dt>program</dt><dd>reference</dd>"));
}
END_TEST

/* Comments of a header as doxygen takes them: of the file, before declarations, for all of a row of them, behind them;
 * others stay as they are. */
START_TEST(comments_for_doxygen) {
  static const char header[] =
      "/* SPDX-License-Identifier: MIT */\n/* A file. */\n#ifndef A_H\n\n/* ---- part ---- */\n\n"
      "/* Two\n *\n *     as it is\n *\n * functions, docs/bounds.md#step. */\n"
      "int f(int x,\n      int y);\nint g(void);\nint h(void); /* third */\n\n"
      "typedef struct s {\n  int a; /* first */\n  /* second */\n  int b;\n} s;\n";
  static const char two[] = "/** Two\n *\n * @verbatim\n     as it is\n@endverbatim\n *\n"
                            " * functions, [docs/bounds, step](../docs/bounds.html#step). */\n";
  char expected[1024];
  snprintf(expected, sizeof expected,
           "/** @file a.h\n *\n * A file. */\n#ifndef A_H\n\n/* ---- part ---- */\n\n"
           "%sint f(int x,\n      int y);\n%sint g(void);\nint h(void); /**< third */\n\n"
           "typedef struct s {\n  int a; /**< first */\n  /** second */\n  int b;\n} s;\n",
           two, two);
  start();
  FILE *file = fopen(WORK "/a.h", "w");
  ck_assert_ptr_nonnull(file);
  fputs(header, file);
  fclose(file);
  ck_assert_int_eq(
      testing_shell("awk -v NAME=a.h -f experiments/report/headers.awk " WORK "/a.h", out, NULL, sizeof out), 0);
  ck_assert_str_eq(out, expected);
}
END_TEST

START_TEST(usage) {
  start();
  ck_assert_int_eq(testing_shell(TEST_BUILD "/report", NULL, err, sizeof err), 2);
  ck_assert_int_eq(report("order:table"), 2);
  ck_assert_ptr_nonnull(strstr(err, "order:table: expected FIGURE:TABLE:SCRIPT"));
  ck_assert_int_eq(testing_shell(TEST_BUILD "/report results " TEST_BIN " >/dev/full", NULL, err, sizeof err), 3);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {nothing_there, from_a_table, comments_for_doxygen, usage};
  return testing_main("report", tests, sizeof tests / sizeof *tests, 60);
}
