/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables: CSV with provenance.
 *
 * Lines `# key: value` come first (program, version, commit, command line, the value of every option,
 * machine, date, meaning of the columns), then one line with the names of the columns, then rows. Reals are
 * written as %.17g, which reads back to the same bits; inf, -inf and nan as such. A table written to a file
 * is complete or absent (io/output.h). */
#ifndef EFLA_APP_TABLE_H
#define EFLA_APP_TABLE_H

#include "app/cli.h"
#include "io/output.h"
#include "base/status.h"
#include "efla/communicator.h"

#include <stdio.h>

typedef struct efla_table {
  FILE *file;
  efla_output output; /* zeroed: standard output */
  const efla_column *columns;
  size_t rows;                    /* written so far */
  int error;                      /* errno of the first write that failed */
  const efla_communicator *ranks; /* of the program; NULL: this process alone */
} efla_table;

/* Writes the provenance lines "# key: value". */
void efla_table_header(FILE *file, const efla_cli *cli);

/* Opens cli->out ("-": standard output; NULL: standard output too, or no table for a program with `reports`)
 * and writes the header for the program's columns. Fails with EFLA_OUTPUT. */
efla_status efla_table_open(efla_table *table, const efla_cli *cli, efla_message *why);

/* Opens a further table of the same run, which the option named `option` asks for, in the file `path`. */
efla_status efla_table_open_further(efla_table *table, const efla_cli *cli, const char *option, const char *path,
                                    efla_message *why);

/* Writes one row: a struct as the columns describe it. */
void efla_table_put(efla_table *table, const void *row);

/* Rows of parallel work: a branch collects rows of one thread in memory. Joined one after another, branches
 * give the same table whatever the number of threads. Fails with EFLA_NO_MEMORY. */
typedef struct efla_branch {
  efla_table table;
  char *text;
  size_t length;
} efla_branch;
efla_status efla_table_fork(const efla_table *table, efla_branch *branch);
void efla_table_join(efla_table *table, efla_branch *branch); /* and clears the branch */
/* Its parts: ends the branch's text, which then is whole; false where there was no memory for it, or no branch. Adds rows as
 * text. Clears a branch, also a zeroed one. */
bool efla_branch_end(efla_branch *branch);
void efla_table_add(efla_table *table, const char *text, size_t length, size_t rows);
void efla_branch_clear(efla_branch *branch);

/* Completes the table: flushes, checks all writes for errors, renames the file. On failure (EFLA_OUTPUT) no
 * file is left. */
efla_status efla_table_close(efla_table *table, efla_message *why);

/* Discards an unfinished table and removes its partial file. No effect after close or a failed open. */
void efla_table_abandon(efla_table *table);

#endif
