/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tables.h"

#include "testing.h"

efla_csv run_table(const char *command) {
  static const char path[] = TEST_WORK "/table.csv";
  char *line = NULL;
  efla_csv csv;
  efla_message why = {{0}};
  ck_assert_int_ge(asprintf(&line, TEST_BIN "/%s --seed %lu --out %s", command, testing_seed(), path), 0);
  ck_assert_int_eq(testing_shell(line, NULL, NULL, 0), 0);
  ck_assert_msg(efla_csv_read(&csv, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert_uint_gt(csv.rows, 0);
  free(line);
  return csv;
}

bool row_is(const efla_csv *csv, size_t row, const char *column, const char *text) {
  return !strcmp(efla_csv_text(csv, row, column), text);
}
