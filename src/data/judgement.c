/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/judgement.h"

#include "io/packed.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 4096, COLUMNS = 32, MOST = 1 << 28 /* bytes of a file, unpacked */ };

/* ---- lines and columns ---- */

/* A whole file as one string; *text is NULL where that fails. */
static efla_status read_text(char **text, const char *path, efla_message *why) {
  unsigned char *bytes;
  size_t count;
  *text = NULL;
  efla_status status = efla_packed_whole(&bytes, &count, MOST, path, why);
  if (status != EFLA_OK) return status;
  const unsigned char *zero = count ? memchr(bytes, 0, count) : NULL;
  if (count == 0)
    status = efla_fail(why, EFLA_INPUT, "%s: empty, expected lines of text", path);
  else if (zero)
    status =
        efla_fail(why, EFLA_INPUT, "%s: offset %zu: byte 0x00, expected text without it", path, (size_t)(zero - bytes));
  else if (!(*text = realloc(bytes, count + 1)))
    status = efla_fail_memory(why);
  if (status == EFLA_OK && *text)
    (*text)[count] = 0;
  else
    free(bytes);
  return status;
}

static size_t count_lines(const char *text) {
  size_t n = 0;
  assert(text);
  for (; *text; n++) text += strcspn(text, "\n"), text += *text == '\n';
  return n;
}

/* The next line, ended in place; NULL after the last one. */
static char *next_line(char **rest) {
  char *line = *rest;
  assert(line);
  if (!*line) return NULL;
  *rest += strcspn(line, "\n");
  if (**rest) *(*rest)++ = 0;
  return line;
}

/* Ends the columns of a line in place; returns how many there are, of which the first COLUMNS are set. */
static size_t split(char *line, const char *column[COLUMNS]) {
  size_t n = 0;
  for (char *end; line; line = end, n++) {
    end = strchr(line, '\t');
    if (end) *end++ = 0;
    if (n < COLUMNS) column[n] = line;
  }
  return n;
}

/* ---- pairs ---- */

typedef struct paradigm {
  const char *name;
  size_t field, taken;
} paradigm;

/* What is read: the paradigms, sorted as their file is. */
typedef struct reader {
  efla_pairs *to;
  paradigm *paradigms;
  size_t count, most;
} reader;

static efla_status add_paradigm(reader *r, const char *path, const char *name, const char *field, efla_message *why) {
  efla_pairs *p = r->to;
  size_t f = 0;
  while (f < p->fields && strcmp(p->field[f], field) != 0) f++;
  if (f == EFLA_MOST_FIELDS) return efla_fail(why, EFLA_INPUT, "%s: more than %d fields", path, (int)EFLA_MOST_FIELDS);
  p->field[f] = field;
  if (f == p->fields) p->fields++;
  r->paradigms[r->count++] = (paradigm){name, f, 0};
  return EFLA_OK;
}

static efla_status read_paradigms(reader *r, const char *directory, efla_message *why) {
  char path[PATH], *rest, *line;
  const char *column[COLUMNS];
  efla_status status = efla_packed_find(path, sizeof path, directory, "paradigms.tsv", true, why);
  if (status == EFLA_OK) status = read_text(&r->to->paradigms, path, why);
  if (status != EFLA_OK) return status;
  r->paradigms = calloc(count_lines(r->to->paradigms), sizeof *r->paradigms);
  if (!r->paradigms) return efla_fail_memory(why);
  rest = r->to->paradigms;
  const size_t columns = split(next_line(&rest), column);
  size_t name = 0, field = 0;
  while (name < columns && name < COLUMNS && strcmp(column[name], "paradigm") != 0) name++;
  while (field < columns && field < COLUMNS && strcmp(column[field], "field") != 0) field++;
  if (columns > COLUMNS || name == columns || field == columns)
    return efla_fail(why, EFLA_INPUT, "%s: line 1: expected at most %d columns, among them paradigm and field", path,
                     (int)COLUMNS);
  for (size_t n = 2; status == EFLA_OK && (line = next_line(&rest)); n++) {
    const size_t got = split(line, column);
    if (got != columns)
      return efla_fail(why, EFLA_INPUT, "%s: line %zu: %zu columns, expected %zu", path, n, got, columns);
    status = add_paradigm(r, path, column[name], column[field], why);
  }
  return status;
}

/* Adds the pair of a line. `at`: the paradigm of the line before, where the search begins. */
static efla_status add_pair(reader *r, char *line, size_t *at, const char *path, size_t n, efla_message *why) {
  const char *column[COLUMNS];
  const size_t got = split(line, column);
  if (got != 3 || !*column[1] || !*column[2])
    return efla_fail(why, EFLA_INPUT, "%s: line %zu: %zu columns, expected paradigm, good and bad sentence", path, n,
                     got);
  size_t tried = 0;
  for (; tried < r->count && strcmp(r->paradigms[*at].name, column[0]) != 0; tried++) *at = (*at + 1) % r->count;
  if (tried == r->count)
    return efla_fail(why, EFLA_INPUT, "%s: line %zu: paradigm '%.80s' is not in paradigms.tsv", path, n, column[0]);
  if (r->paradigms[*at].taken++ < r->most)
    r->to->pair[r->to->count++] = (efla_pair){column[1], column[2], r->paradigms[*at].field};
  return EFLA_OK;
}

static efla_status read_pairs(reader *r, const char *directory, efla_message *why) {
  char path[PATH], *rest, *line;
  efla_status status = efla_packed_find(path, sizeof path, directory, "blimp.tsv", true, why);
  if (status == EFLA_OK) status = read_text(&r->to->text, path, why);
  if (status != EFLA_OK) return status;
  r->to->pair = calloc(count_lines(r->to->text), sizeof *r->to->pair);
  if (!r->to->pair) return efla_fail_memory(why);
  rest = r->to->text;
  for (size_t n = 1, at = 0; status == EFLA_OK && (line = next_line(&rest)); n++)
    status = add_pair(r, line, &at, path, n, why);
  return status;
}

efla_status efla_pairs_read(efla_pairs *pairs, const char *directory, size_t most, efla_message *why) {
  *pairs = (efla_pairs){.pair = NULL};
  reader r = {.to = pairs, .most = most};
  efla_status status = read_paradigms(&r, directory, why);
  if (status == EFLA_OK) status = read_pairs(&r, directory, why);
  free(r.paradigms);
  if (status != EFLA_OK) efla_pairs_clear(pairs);
  return status;
}

void efla_pairs_clear(efla_pairs *pairs) {
  free(pairs->pair), free(pairs->text), free(pairs->paradigms);
  *pairs = (efla_pairs){.pair = NULL};
}

/* ---- passages ---- */

/* Replaces the characters \n of a line by line feeds, in place; returns its length. */
static size_t unescape(char *line) {
  char *to = line;
  for (const char *from = line; *from; to++) {
    const bool feed = from[0] == '\\' && from[1] == 'n';
    *to = feed ? '\n' : *from, from += feed ? 2 : 1;
  }
  *to = 0;
  return (size_t)(to - line);
}

efla_status efla_passages_read(efla_passages *passages, const char *path, size_t most, efla_message *why) {
  *passages = (efla_passages){.passage = NULL};
  efla_status status = read_text(&passages->text, path, why);
  if (status != EFLA_OK) return status;
  passages->passage = calloc(count_lines(passages->text), sizeof *passages->passage);
  if (!passages->passage) status = efla_fail_memory(why);
  char *rest = passages->text, *line;
  while (status == EFLA_OK && passages->passage && passages->count < most && (line = next_line(&rest))) {
    const size_t length = unescape(line);
    size_t word = length;
    while (word > 0 && line[word - 1] != ' ' && line[word - 1] != '\n') word--;
    passages->passage[passages->count++] = (efla_passage){line, length, word};
    if (word == 0 || word == length)
      status = efla_fail(why, EFLA_INPUT, "%s: line %zu: expected a passage that ends in a word after a space", path,
                         passages->count);
  }
  if (status != EFLA_OK) efla_passages_clear(passages);
  return status;
}

void efla_passages_clear(efla_passages *passages) {
  free(passages->passage), free(passages->text);
  *passages = (efla_passages){.passage = NULL};
}
