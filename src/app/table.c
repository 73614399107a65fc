/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/table.h"

#include "app/provenance.h"
#include "base/memory_stream.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void forget(efla_table *table) {
  efla_output_abandon(&table->output);
  *table = (efla_table){0};
}

static efla_status open_output(efla_table *table, const char *path, efla_message *why) {
  if (!path || !strcmp(path, "-")) {
    table->file = stdout;
    return EFLA_OK;
  }
  if (!*path) return efla_fail(why, EFLA_OUTPUT, "--out: an empty name, expected that of a file");
  efla_status status = efla_output_begin(&table->output, path, why);
  if (status != EFLA_OK) return status;
  const char *name = efla_output_name(&table->output);
  table->file = fopen(name, "w");
  return table->file ? EFLA_OK : efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", name, strerror(errno));
}

void efla_table_header(FILE *file, const efla_cli *cli) {
  fprintf(file, "# program: %s\n# command: %s\n", cli->program->name, cli->command);
  if (cli->ranks->size > 1) fprintf(file, "# ranks: %zu\n", cli->ranks->size);
  for (const char *line = cli->settings; *line; line += strcspn(line, "\n") + 1)
    fprintf(file, "# %.*s\n", (int)strcspn(line, "\n"), line);
  if (cli->program->remarks) cli->program->remarks(file);
  efla_provenance_write(file);
}

efla_status efla_table_open(efla_table *table, const efla_cli *cli, efla_message *why) {
  const efla_column *columns = cli->program->columns;
  *table = (efla_table){.columns = columns, .ranks = cli->ranks};
  assert(!columns || efla_columns_cover(columns));
  const char *nowhere = cli->program->reports ? "/dev/null" : NULL; /* standard output has the program's text */
  efla_status status = open_output(table, cli->out ? cli->out : nowhere, why);
  if (status != EFLA_OK) {
    forget(table);
    return status;
  }
  efla_table_header(table->file, cli);
  if (columns) efla_columns_header(table->file, columns);
  return EFLA_OK;
}

/* Keeps errno of the first write that failed. */
static void note_error(efla_table *table) {
  if (ferror(table->file) && !table->error) table->error = errno;
}

efla_status efla_table_open_further(efla_table *table, const efla_cli *cli, const char *option, const char *path,
                                    efla_message *why) {
  const efla_further_table *further = cli->program->further;
  while (strcmp(further->option, option) != 0) further++;
  efla_program program = *cli->program;
  efla_cli other = *cli;
  program.columns = further->columns, program.reports = false, other.program = &program, other.out = path;
  return efla_table_open(table, &other, why);
}

void efla_table_put(efla_table *table, const void *row) {
  efla_columns_write(table->file, table->columns, row);
  table->rows++;
  note_error(table);
}

efla_status efla_table_fork(const efla_table *table, efla_branch *branch) {
  *branch = (efla_branch){.table = {.columns = table->columns}};
  branch->table.file = efla_memory_stream(&branch->text, &branch->length);
  return branch->table.file ? EFLA_OK : EFLA_NO_MEMORY;
}

bool efla_branch_end(efla_branch *branch) {
  FILE *file = branch->table.file;
  branch->table.file = NULL;
  return efla_memory_stream_close(file);
}

void efla_table_add(efla_table *table, const char *text, size_t length, size_t rows) {
  fwrite(text, 1, length, table->file);
  table->rows += rows;
  note_error(table);
}

void efla_branch_clear(efla_branch *branch) {
  if (branch->table.file) fclose(branch->table.file);
  free(branch->text);
  *branch = (efla_branch){0};
}

void efla_table_join(efla_table *table, efla_branch *branch) {
  const bool begun = branch->table.file != NULL;
  if (efla_branch_end(branch))
    efla_table_add(table, branch->text, branch->length, branch->table.rows);
  else if (begun)
    table->error = ENOMEM; /* which closing the table reports */
  efla_branch_clear(branch);
}

efla_status efla_table_close(efla_table *table, efla_message *why) {
  bool failed = fflush(table->file) != 0 || ferror(table->file) || table->error;
  note_error(table);
  if (table->file != stdout && fclose(table->file) != 0) failed = true;
  efla_status status = EFLA_OK;
  if (failed)
    status =
        efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", table->output.path ? table->output.path : "standard output",
                  strerror(table->error ? table->error : errno));
  else if (table->output.path)
    status = efla_output_finish(&table->output, why);
  forget(table);
  return status;
}

void efla_table_abandon(efla_table *table) {
  if (table->file && table->file != stdout) fclose(table->file);
  forget(table);
}
