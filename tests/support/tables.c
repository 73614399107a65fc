/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tables.h"

#include "testing.h"

#include <stdio.h>
#include <unistd.h>

efla_csv run_table(const char *command) {
  char path[sizeof TEST_WORK + 40]; /* of this process: other tests run beside it */
  snprintf(path, sizeof path, TEST_WORK "/table-%ld.csv", (long)getpid());
  char *line = NULL;
  efla_csv csv;
  efla_message why = {{0}};
  ck_assert_int_ge(asprintf(&line, TEST_BIN "/%s --seed %lu --out %s", command, testing_seed(), path), 0);
  ck_assert_int_eq(testing_shell(line, NULL, NULL, 0), 0);
  ck_assert_msg(efla_csv_read(&csv, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert_uint_gt(csv.rows, 0);
  remove(path);
  free(line);
  return csv;
}

bool row_is(const efla_csv *csv, size_t row, const char *column, const char *text) {
  return !strcmp(efla_csv_text(csv, row, column), text);
}
