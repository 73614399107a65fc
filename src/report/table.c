#include "report/table.h"

#include "report/provenance.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file that an interrupt removes; a program writes one table at a time. */
static char *volatile unfinished;

static void on_interrupt(int signal_number) {
  if (unfinished) unlink(unfinished);
  signal(signal_number, SIG_DFL);
  raise(signal_number); /* so that the shell sees what ended the program */
}

static void guard(char *part) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  unfinished = part;
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    struct sigaction now;
    sigaction(signals[i], NULL, &now);
    if (now.sa_handler == SIG_IGN) continue; /* nohup */
    struct sigaction action = {.sa_handler = part ? on_interrupt : SIG_DFL};
    sigaction(signals[i], &action, NULL);
  }
}

static void forget(efla_table *table) {
  guard(NULL);
  free(table->path);
  free(table->part);
  *table = (efla_table){0};
}

static efla_status open_output(efla_table *table, const char *path, efla_message *why) {
  if (!path || !strcmp(path, "-")) {
    table->file = stdout;
    table->path = strdup("standard output");
    return table->path ? EFLA_OK : efla_fail_memory(why);
  }
  if (!*path) return efla_fail(why, EFLA_OUTPUT, "--out: an empty name, expected that of a file");
  struct stat status;
  bool exists = stat(path, &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) return efla_fail(why, EFLA_OUTPUT, "%s: is a directory", path);
  table->path = strdup(path);
  if (!table->path || (!(exists && !S_ISREG(status.st_mode)) && asprintf(&table->part, "%s.part", path) < 0))
    return efla_fail_memory(why);
  if (table->part) guard(table->part); /* a device or a pipe is written to, never replaced */
  table->file = fopen(table->part ? table->part : path, "w");
  if (table->file) return EFLA_OK;
  return efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", table->part ? table->part : path, strerror(errno));
}

efla_status efla_table_open(efla_table *table, const efla_cli *cli, efla_message *why) {
  const char *columns = cli->program->columns;
  *table = (efla_table){.columns = 1};
  for (const char *c = columns; *c; c++) table->columns += *c == ',';
  efla_status status = open_output(table, cli->out, why);
  if (status != EFLA_OK) {
    forget(table);
    return status;
  }
  fprintf(table->file, "# program: %s\n# command: %s\n", cli->program->name, cli->command);
  for (const char *line = cli->settings; *line; line += strcspn(line, "\n") + 1)
    fprintf(table->file, "# %.*s\n", (int)strcspn(line, "\n"), line);
  efla_provenance_write(table->file);
  fprintf(table->file, "%s\n", columns);
  return EFLA_OK;
}

static void write_cell(FILE *file, const efla_cell *cell) {
  switch (cell->kind) {
  case EFLA_CELL_TEXT:
    assert(!strpbrk(cell->text, ",\n\""));
    fputs(cell->text, file);
    break;
  case EFLA_CELL_COUNT:
    fprintf(file, "%zu", cell->count);
    break;
  case EFLA_CELL_REAL:
    if (isnan(cell->real)) /* printf would show a sign, which means nothing */
      fputs("nan", file);
    else
      fprintf(file, "%.17g", cell->real);
    break;
  }
}

/* Keeps the reason while errno still has it. */
static void note_error(efla_table *table) {
  if (ferror(table->file) && !table->error) table->error = errno;
}

void efla_table_write(efla_table *table, const efla_cell *cells, size_t n) {
  assert(n == table->columns);
  for (size_t i = 0; i < n; i++) {
    if (i > 0) fputc(',', table->file);
    write_cell(table->file, &cells[i]);
  }
  fputc('\n', table->file);
  note_error(table);
}

efla_status efla_table_fork(const efla_table *table, efla_branch *branch) {
  *branch = (efla_branch){.table = {.columns = table->columns}};
  branch->table.file = open_memstream(&branch->text, &branch->length);
  return branch->table.file ? EFLA_OK : EFLA_MEMORY;
}

void efla_table_join(efla_table *table, efla_branch *branch) {
  if (branch->table.file && fclose(branch->table.file) == 0) fwrite(branch->text, 1, branch->length, table->file);
  note_error(table);
  free(branch->text);
  *branch = (efla_branch){0};
}

efla_status efla_table_close(efla_table *table, efla_message *why) {
  bool failed = fflush(table->file) != 0 || ferror(table->file);
  note_error(table);
  if (table->file != stdout && fclose(table->file) != 0) failed = true;
  if (!failed && table->part && rename(table->part, table->path) != 0) failed = true;
  efla_status status = EFLA_OK;
  if (failed) {
    status = efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", table->path, strerror(table->error ? table->error : errno));
    if (table->part) unlink(table->part);
  }
  forget(table);
  return status;
}

void efla_table_abandon(efla_table *table) {
  if (table->file && table->file != stdout) fclose(table->file);
  if (table->part) unlink(table->part);
  forget(table);
}
