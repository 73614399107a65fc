/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables: CSV with provenance.
 *
 * Lines `# key: value` come first (program, version, commit, command line, every option's value, machine, date, what
 * the columns are), then one line with the columns' names, then rows; reals as %.17g, which reads back to the same bits;
 * inf, -inf and nan as such.  A table for FILE is there whole or not at all, see output.h. */
#ifndef EFLA_APP_TABLE_H
#define EFLA_APP_TABLE_H

#include "app/cli.h"
#include "io/output.h"
#include "base/status.h"

#include <stdio.h>

typedef struct efla_table {
  FILE *file;
  efla_output output; /* zeroed: standard output */
  const efla_column *columns;
  size_t rows; /* written so far */
  int error;   /* errno of the first write that failed */
} efla_table;

/* Where a result comes from: the lines "# key: value". */
void efla_table_header(FILE *file, const efla_cli *cli);

/* Opens cli->out (NULL: standard output, or nowhere for a program that answers there; "-": standard output) and writes
 * the header for the program's columns.  Fails with EFLA_OUTPUT. */
efla_status efla_table_open(efla_table *table, const efla_cli *cli, efla_message *why);

/* The further table of the same run for the file `path` that this option names. */
efla_status efla_table_open_further(efla_table *table, const efla_cli *cli, const char *option, const char *path,
                                    efla_message *why);

/* One row: a struct as the columns describe it. */
void efla_table_put(efla_table *table, const void *row);

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
