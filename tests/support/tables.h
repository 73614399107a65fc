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

#endif
