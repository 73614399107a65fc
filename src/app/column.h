/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Columns of a table, described once. The line of names, the lines `# column NAME [unit]: meaning` of the header, the
 * list in --help and the labels of axes (plots/style.gp) are derived from the description.
 *
 * A row is a struct of the program's own, with a member for each column:
 *
 *   typedef struct row { const char *method; size_t tokens; double error; } row;
 *   static const efla_column columns[] = {
 *       EFLA_COLUMN(row, method, "", "one-step method"),
 *       EFLA_COLUMN(row, tokens, "tokens", "tokens so far"),
 *       EFLA_COLUMN(row, error, "", "relative error of the state; nan where the oracle refuses"),
 *       EFLA_COLUMNS_END(row)};
 *   efla_table_put(table, &(row){method->name, t, e.state});
 *
 * The compiler derives the type of each cell from the member, and warns of a row that is too short or too long. */
#ifndef EFLA_APP_COLUMN_H
#define EFLA_APP_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef enum efla_cell_kind {
  EFLA_CELL_TEXT,  /* const char *, without comma, quote and newline */
  EFLA_CELL_COUNT, /* size_t */
  EFLA_CELL_REAL,  /* double */
  EFLA_CELL_ANY    /* efla_cell, whose kind is one of those above: some rows have a word where others have a number */
} efla_cell_kind;

typedef struct efla_cell {
  efla_cell_kind kind;
  const char *text;
  size_t count;
  double real;
} efla_cell;

static inline efla_cell efla_text(const char *text) { return (efla_cell){.kind = EFLA_CELL_TEXT, .text = text}; }
static inline efla_cell efla_count(size_t count) { return (efla_cell){.kind = EFLA_CELL_COUNT, .count = count}; }
static inline efla_cell efla_real(double real) { return (efla_cell){.kind = EFLA_CELL_REAL, .real = real}; }

typedef struct efla_column {
  const char *name, *unit; /* unit "": a number without one, or a word */
  const char *meaning;     /* one line; up to its first semicolon it is also the label of an axis */
  efla_cell_kind kind;
  size_t offset; /* of the member in a row; of the row that ends the list, whose name is NULL: the size of a row */
} efla_column;

#define EFLA_CELL_KIND(x)                                                                                              \
  _Generic((x),                                                                                                        \
           const char *: EFLA_CELL_TEXT,                                                                               \
           size_t: EFLA_CELL_COUNT,                                                                                    \
           double: EFLA_CELL_REAL,                                                                                     \
           efla_cell: EFLA_CELL_ANY)
#define EFLA_COLUMN_NAMED(name, row, member, unit, meaning)                                                            \
  { name, unit, meaning, EFLA_CELL_KIND(((row *)NULL)->member), offsetof(row, member) }
#define EFLA_COLUMN(row, member, unit, meaning) EFLA_COLUMN_NAMED(#member, row, member, unit, meaning)
/* The columns NAME, NAME_low and NAME_high of a member that is an efla_interval (stats/interval.h). */
#define EFLA_COLUMN_INTERVAL(row, member, unit, meaning)                                                               \
  EFLA_COLUMN_NAMED(#member, row, member.mean, unit, meaning),                                                         \
      EFLA_COLUMN_NAMED(#member "_low", row, member.low, unit, "low end of the 95 % interval of " #member),            \
      EFLA_COLUMN_NAMED(#member "_high", row, member.high, unit, "high end of the 95 % interval of " #member)
#define EFLA_COLUMNS_END(row)                                                                                          \
  { .offset = sizeof(row) }

/* Whether every member of the row struct has a column, in the order of the members. */
bool efla_columns_cover(const efla_column *columns);

/* Writes the lines `# column NAME [unit]: meaning`, then the line of names. */
void efla_columns_header(FILE *file, const efla_column *columns);

/* The list of columns for --help, one or more lines for each; to be freed. Ends the program where memory runs out. */
char *efla_columns_help(const efla_column *columns);

/* Writes one row as a line. */
void efla_columns_write(FILE *file, const efla_column *columns, const void *row);

#endif
