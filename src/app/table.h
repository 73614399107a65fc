/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables: CSV with provenance.
 *
 * Lines `# key: value` come first (program, version, commit, command line, every option's value, machine, date), then
 * one line with the columns' names, then rows; reals as %.17g, which reads back to the same bits; inf, -inf and nan as
 * such.  A table for FILE is there whole or not at all, see output.h. */
#ifndef EFLA_APP_TABLE_H
#define EFLA_APP_TABLE_H

#include "app/cli.h"
#include "io/output.h"
#include "base/status.h"

#include <stdio.h>

typedef struct efla_table {
  FILE *file;
  efla_output output;   /* zeroed: standard output */
  size_t columns, rows; /* rows written so far */
  int error;            /* errno of the first write that failed */
} efla_table;

typedef struct efla_cell {
  enum { EFLA_CELL_TEXT, EFLA_CELL_COUNT, EFLA_CELL_REAL } kind;
  const char *text;
  size_t count;
  double real;
} efla_cell;

static inline efla_cell efla_text(const char *text) { return (efla_cell){.kind = EFLA_CELL_TEXT, .text = text}; }
static inline efla_cell efla_count(size_t count) { return (efla_cell){.kind = EFLA_CELL_COUNT, .count = count}; }
static inline efla_cell efla_real(double real) { return (efla_cell){.kind = EFLA_CELL_REAL, .real = real}; }

/* Where a result comes from: the lines "# key: value". */
void efla_table_header(FILE *file, const efla_cli *cli);

/* Opens cli->out (NULL: standard output, or nowhere for a program that answers there; "-": standard output) and writes
 * the header for the program's columns.  Fails with EFLA_OUTPUT. */
efla_status efla_table_open(efla_table *table, const efla_cli *cli, efla_message *why);

/* A further table of the same run for FILE, with columns of its own ("a,b,c"). */
efla_status efla_table_open_beside(efla_table *table, const efla_cli *cli, const char *path, const char *columns,
                                   efla_message *why);

/* One row; as many cells as there are columns. */
#define efla_table_row(table, ...)                                                                                     \
  efla_table_write((table), (const efla_cell[]){__VA_ARGS__}, sizeof((efla_cell[]){__VA_ARGS__}) / sizeof(efla_cell))
void efla_table_write(efla_table *table, const efla_cell *cells, size_t n);

/* Rows of parallel work: a branch collects rows in memory, from one thread; joining the branches one after another
 * gives the same table whatever the number of threads.  Fails with EFLA_NO_MEMORY. */
typedef struct efla_branch {
  efla_table table;
  char *text;
  size_t length;
} efla_branch;
efla_status efla_table_fork(const efla_table *table, efla_branch *branch);
void efla_table_join(efla_table *table, efla_branch *branch); /* and clears the branch */

/* Completes the table: flushes, checks for errors of all writes so far, renames.  Fails with EFLA_OUTPUT, and then
 * nothing is left behind. */
efla_status efla_table_close(efla_table *table, efla_message *why);

/* Gives an unfinished table up and removes what there is of it; does nothing after close or a failed open. */
void efla_table_abandon(efla_table *table);

#endif
