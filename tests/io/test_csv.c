/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading tables back: cells by the names of their columns, and refusal of malformed tables. */
#include "files.h"
#include "testing.h"

static char path[256];

static void set_up(const char *name) { snprintf(path, sizeof path, "%s/table.csv", files_directory(name)); }

static void check_unreadable(const char *text, const char *expected) {
  efla_csv csv;
  efla_message why = {{0}};
  files_write(path, text, strlen(text));
  memset(&csv, 0x5a, sizeof csv);
  ck_assert_msg(efla_csv_read(&csv, path, &why) == EFLA_INPUT, "accepted: %s", text);
  ck_assert_msg(strstr(why.text, path) && strstr(why.text, expected), "%s", why.text);
  ck_assert(!csv.names && !csv.cells && !csv.header && !csv.block && !csv.rows && !csv.columns);
}

START_TEST(tables_that_are_none) {
  set_up("csv-ragged");
  efla_csv csv;
  efla_message why;
  check_unreadable("# k: v\na,b,c\n1,2,3\n1,2\n", "row 2 has 2 cells, expected 3");
  check_unreadable("a,b,c\n1,2,3,\n", "row 1 has 4 cells, expected 3");
  check_unreadable("a,b\n1,2\n\n3,4\nx", "row 3 has 1 cells, expected 2");
  check_unreadable("", "no line with the columns' names");
  check_unreadable("# k: v\n# a,b", "no line with the columns' names");
  check_unreadable("\na,b\n1,2\n", "no line with the columns' names");
  files_write(path, "a,b\n1,2\0\n3,4\n", 13);
  ck_assert_int_eq(efla_csv_read(&csv, path, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, path) && strstr(why.text, "offset 7: a zero byte, expected text"), "%s", why.text);
  remove(path);
  ck_assert_int_eq(efla_csv_read(&csv, path, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, path) && strstr(why.text, "cannot read: No such file"), "%s", why.text);
  ck_assert_int_eq(efla_csv_read(&csv, TEST_WORK, &why), EFLA_INPUT); /* a directory */
  ck_assert_msg(strstr(why.text, TEST_WORK ": cannot read"), "%s", why.text);
}
END_TEST

/* Header lines are kept apart; empty cells are cells; the last line need not end. */
START_TEST(columns_by_name) {
  set_up("csv-columns");
  const char *text = "# a: 1,2\n# b: x\na,long name,c\n1,,x1\n-inf,2e-3,1x";
  files_write(path, text, strlen(text));
  efla_csv csv;
  efla_message why = {{0}};
  ck_assert_msg(efla_csv_read(&csv, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert_str_eq(csv.header, "# a: 1,2\n# b: x\n");
  ck_assert(csv.columns == 3 && csv.rows == 2);
  ck_assert_uint_eq(efla_csv_column(&csv, "long name"), 1);
  ck_assert_uint_eq(efla_csv_column(&csv, "long"), 3);
  ck_assert_str_eq(efla_csv_text(&csv, 1, "c"), "1x");
  ck_assert_str_eq(efla_csv_text(&csv, 1, "d"), "");
  ck_assert_str_eq(efla_csv_text(&csv, 2, "a"), "");
  ck_assert_double_eq(efla_csv_real(&csv, 1, "a"), -INFINITY);
  ck_assert_double_eq(efla_csv_real(&csv, 1, "long name"), 2e-3);
  ck_assert(isnan(efla_csv_real(&csv, 0, "long name")) && isnan(efla_csv_real(&csv, 1, "c")));
  ck_assert(isnan(efla_csv_real(&csv, 0, "c")) && isnan(efla_csv_real(&csv, 0, "d")));
  efla_csv_clear(&csv);
  efla_csv_clear(&csv);
}
END_TEST

/* 30000 columns and as many empty lines, 60 KB: their product would be 7 GB of cells. */
START_TEST(empty_lines_cost_no_memory) {
  enum { MANY = 30000 };
  static char text[2 * MANY + 1];
  set_up("csv-wide");
  memset(text, ',', MANY);
  memset(text + MANY, '\n', MANY);
  files_write(path, text, 2 * MANY);
  efla_csv csv;
  efla_message why = {{0}};
  testing_limit_memory(32u << 20);
  ck_assert_msg(efla_csv_read(&csv, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert(csv.columns == MANY + 1 && csv.rows == 0);
  efla_csv_clear(&csv);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {tables_that_are_none, columns_by_name, empty_lines_cost_no_memory};
  return testing_main("csv", tests, sizeof tests / sizeof *tests, 60);
}
