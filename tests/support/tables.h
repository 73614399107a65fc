/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running an experiment at small size and reading its table back. */
#ifndef TABLES_H
#define TABLES_H

#include "laboratory.h"

#include <stdbool.h>

/* Runs "TEST_BIN/COMMAND --seed SEED --out ..." and reads the table; the test fails unless the program ends with 0 and
 * writes rows. */
efla_csv run_table(const char *command);

/* Is the cell of that row the text given? */
bool row_is(const efla_csv *csv, size_t row, const char *column, const char *text);

/* Runs the statement that follows for each row that meets all conditions, and fails the test unless there are as many
 * as the design of the table implies: a test of rows cannot pass without checking any.  Conditions are
 * COLUMN=TEXT, COLUMN=TEXT|TEXT..., COLUMN<NUMBER and COLUMN>NUMBER, blanks between them; a cell equals a text also
 * where both are the same number. */
#define FOR_ROWS(csv, row, expected, conditions)                                                                       \
  for (size_t row = (require_rows(csv, expected, conditions), next_row(csv, 0, conditions)); row < (csv)->rows;        \
       row = next_row(csv, row + 1, conditions))

/* The first row from `from` on that meets all conditions; csv->rows where none does.  The test fails where a condition
 * names no column. */
size_t next_row(const efla_csv *csv, size_t from, const char *conditions);
void require_rows(const efla_csv *csv, size_t expected, const char *conditions);

/* Methods whose interval of stability is finite, or all of the half line. */
size_t count_methods(bool always_stable);

#endif
