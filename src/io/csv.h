/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads tables: CSV after lines "# key: value", as app/table.h writes them. */
#ifndef EFLA_IO_CSV_H
#define EFLA_IO_CSV_H

#include "base/status.h"

#include <stddef.h>

typedef struct efla_csv {
  size_t columns, rows;
  char **names; /* (columns) */
  char **cells; /* (rows, columns) */
  char *header; /* the lines "# key: value" */
  char *block;
} efla_csv;

/* Fails with EFLA_INPUT (a missing file, one that changes while it is read, no line of column names, a row with another
 * number of cells, a zero byte) or EFLA_NO_MEMORY.  Memory is a small multiple of the file's length. */
efla_status efla_csv_read(efla_csv *csv, const char *path, efla_message *why);
void efla_csv_clear(efla_csv *csv);

/* Index of a column; csv->columns if there is none of that name. */
size_t efla_csv_column(const efla_csv *csv, const char *name);
const char *efla_csv_text(const efla_csv *csv, size_t row, const char *column); /* "" where there is no such column */
double efla_csv_real(const efla_csv *csv, size_t row, const char *column);      /* nan where it is not a number */

#endif
