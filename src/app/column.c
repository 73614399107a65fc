/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/column.h"

#include "app/option.h"
#include "base/memory_stream.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_WIDTH = 79, HELP_INDENT = 2 };

static size_t size_of(efla_cell_kind kind) {
  static const size_t sizes[] = {[EFLA_CELL_TEXT] = sizeof(const char *),
                                 [EFLA_CELL_COUNT] = sizeof(size_t),
                                 [EFLA_CELL_REAL] = sizeof(double),
                                 [EFLA_CELL_ANY] = sizeof(efla_cell)};
  return sizes[kind];
}

bool efla_columns_cover(const efla_column *columns) {
  size_t end = 0;
  for (; columns->name && columns->offset == end; columns++) end += size_of(columns->kind);
  return !columns->name && columns->offset == end;
}

void efla_columns_header(FILE *file, const efla_column *columns) {
  for (const efla_column *c = columns; c->name; c++)
    fprintf(file, *c->unit ? "# column %s [%s]: %s\n" : "# column %s%s: %s\n", c->name, c->unit, c->meaning);
  for (const efla_column *c = columns; c->name; c++) fprintf(file, "%s%s", c == columns ? "" : ",", c->name);
  fputc('\n', file);
}

/* Writes the words of a text in lines of at most HELP_WIDTH columns: the first begins at column `at`, the
 * others at `indent`. */
static void fill(FILE *file, size_t at, size_t indent, const char *text) {
  for (size_t length; *text; text += length + strspn(text + length, " ")) {
    length = strcspn(text, " ");
    if (at > indent && at + 1 + length > HELP_WIDTH) fprintf(file, "\n%*s", (int)indent, ""), at = indent;
    fprintf(file, "%s%.*s", at > indent ? " " : "", (int)length, text);
    at += length + (at > indent);
  }
  fputc('\n', file);
}

char *efla_columns_help(const efla_column *columns) {
  char *text = NULL;
  size_t length, widest = 0;
  FILE *file = efla_memory_stream(&text, &length);
  if (!file) efla_option_no_memory();
  for (const efla_column *c = columns; c->name; c++) widest = strlen(c->name) > widest ? strlen(c->name) : widest;
  for (const efla_column *c = columns; c->name; c++) {
    size_t indent = HELP_INDENT + widest + 2;
    char *meaning = efla_option_text(*c->unit ? "%s [%s]" : "%s%s", c->meaning, c->unit);
    fprintf(file, "%*s%-*s", HELP_INDENT, "", (int)widest + 2, c->name);
    fill(file, indent, indent, meaning);
    free(meaning);
  }
  if (!efla_memory_stream_close(file)) efla_option_no_memory();
  return text;
}

static void write_text(FILE *file, const char *text) {
  assert(text && !strpbrk(text, ",\n\""));
  fputs(text, file);
}

static void write_real(FILE *file, double real) {
  if (isnan(real)) /* printf may print "-nan"; the sign of a nan has no meaning */
    fputs("nan", file);
  else
    fprintf(file, "%.17g", real);
}

static void write_any(FILE *file, const efla_cell *cell) {
  if (cell->kind == EFLA_CELL_TEXT) write_text(file, cell->text);
  if (cell->kind == EFLA_CELL_COUNT) fprintf(file, "%zu", cell->count);
  if (cell->kind == EFLA_CELL_REAL) write_real(file, cell->real);
}

void efla_columns_write(FILE *file, const efla_column *columns, const void *row) {
  for (const efla_column *c = columns; c->name; c++) {
    const void *member = (const char *)row + c->offset;
    if (c > columns) fputc(',', file);
    if (c->kind == EFLA_CELL_TEXT) write_text(file, *(const char *const *)member);
    if (c->kind == EFLA_CELL_COUNT) fprintf(file, "%zu", *(const size_t *)member);
    if (c->kind == EFLA_CELL_REAL) write_real(file, *(const double *)member);
    if (c->kind == EFLA_CELL_ANY) write_any(file, member);
  }
  fputc('\n', file);
}
