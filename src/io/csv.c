/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/csv.h"

#include "io/watch.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static efla_status read_all(const char *path, char **text, efla_message *why) {
  FILE *file = fopen(path, "r");
  if (!file) return efla_fail(why, EFLA_INPUT, "%s: cannot read: %s", path, strerror(errno));
  const efla_watch watch = efla_watch_begin(fileno(file));
  char *buffer = NULL;
  size_t length = 0, room = 0;
  do {
    room = room ? 2 * room : 1 << 16;
    char *larger = realloc(buffer, room + 1);
    if (!larger) {
      free(buffer);
      fclose(file);
      return efla_fail_memory(why);
    }
    buffer = larger;
    length += fread(buffer + length, 1, room - length, file);
  } while (length == room);
  buffer[length] = 0;
  *text = buffer;
  efla_status status =
      ferror(file) ? efla_fail(why, EFLA_INPUT, "%s: cannot read", path) : efla_watch_check(&watch, path, why);
  fclose(file);
  if (status != EFLA_OK) return status;
  if (strlen(buffer) < length)
    return efla_fail(why, EFLA_INPUT, "%s: offset %zu: a zero byte, expected text", path, strlen(buffer));
  return EFLA_OK;
}

/* Splits `line` at its commas, in place; returns the number of parts, of which the first `room` are stored. */
static size_t cut(char *line, char **parts, size_t room) {
  size_t n = 0;
  for (char *part; (part = strsep(&line, ",")); n++)
    if (n < room) parts[n] = part;
  return n;
}

/* Returns the first line after the header lines, which start with #. */
static char *split_header(char *text) {
  while (*text == '#') {
    text += strcspn(text, "\n");
    if (*text) text++;
  }
  return text;
}

static size_t count(const char *text, char wanted, const char *end) {
  size_t n = 0;
  for (; *text && text < end; text++) n += *text == wanted;
  return n;
}

efla_status efla_csv_read(efla_csv *csv, const char *path, efla_message *why) {
  *csv = (efla_csv){0};
  efla_status status = read_all(path, &csv->block, why);
  if (status != EFLA_OK) goto failed;
  char *body = split_header(csv->block), *line = body;
  csv->header = strndup(csv->block, (size_t)(body - csv->block));
  csv->columns = count(body, ',', body + strcspn(body, "\n")) + 1;
  if (!*body || *body == '\n') {
    status = efla_fail(why, EFLA_INPUT, "%s: no line with the columns' names", path);
    goto failed;
  }
  /* Allocated by the number of commas and lines: lines times columns could be far larger than the file. */
  const char *end = body + strlen(body);
  csv->names = calloc(csv->columns, sizeof *csv->names);
  csv->cells = calloc(count(body, ',', end) + count(body, '\n', end) + 1, sizeof *csv->cells);
  if (!csv->header || !csv->names || !csv->cells) {
    status = efla_fail_memory(why);
    goto failed;
  }
  cut(strsep(&line, "\n"), csv->names, csv->columns);
  for (char *row; (row = strsep(&line, "\n"));) {
    if (!*row) continue;
    size_t cells = cut(row, csv->cells + csv->rows * csv->columns, csv->columns);
    if (cells != csv->columns) {
      status = efla_fail(why, EFLA_INPUT, "%s: row %zu has %zu cells, expected %zu", path, csv->rows + 1, cells,
                         csv->columns);
      goto failed;
    }
    csv->rows++;
  }
  return EFLA_OK;
failed:
  efla_csv_clear(csv);
  return status;
}

void efla_csv_clear(efla_csv *csv) {
  free(csv->names);
  free(csv->cells);
  free(csv->header);
  free(csv->block);
  *csv = (efla_csv){0};
}

size_t efla_csv_column(const efla_csv *csv, const char *name) {
  size_t i = 0;
  while (i < csv->columns && strcmp(csv->names[i], name) != 0) i++;
  return i;
}

const char *efla_csv_text(const efla_csv *csv, size_t row, const char *column) {
  size_t i = efla_csv_column(csv, column);
  return i < csv->columns && row < csv->rows ? csv->cells[row * csv->columns + i] : "";
}

double efla_csv_real(const efla_csv *csv, size_t row, const char *column) {
  const char *text = efla_csv_text(csv, row, column);
  char *end;
  double value = strtod(text, &end);
  return end != text && !*end ? value : NAN;
}
