/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/option.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void efla_option_no_memory(void) {
  fputs("out of memory\n", stderr);
  exit(EFLA_EXIT_IO);
}

char *efla_option_text(const char *format, ...) {
  char *text = NULL;
  va_list arguments;
  va_start(arguments, format);
  int length = vasprintf(&text, format, arguments);
  va_end(arguments);
  if (length < 0) efla_option_no_memory();
  return text;
}

char *efla_option_names(const char *before, const char *separator, const char *(*names)(size_t row)) {
  char *all = efla_option_text("%s", before);
  for (size_t row = 0; names(row); row++) {
    char *longer = efla_option_text("%s%s%s", all, row ? separator : "", names(row));
    free(all);
    all = longer;
  }
  return all;
}

/* Reports a usage error through argp; frees `expected`. Always false, so that a failing check ends in `return
 * reject(...)`. */
static bool reject(struct argp_state *state, const efla_option *option, const char *text, char *expected) {
  argp_error(state, "--%s: '%s' is not %s", option->name, text, expected);
  free(expected);
  return false;
}

static bool read_number(struct argp_state *state, const efla_option *option, const char *text, double *value) {
  char *end;
  *value = strtod(text, &end);
  bool whole = option->kind == EFLA_COUNT || option->kind == EFLA_COUNTS,
       bounded = option->least != 0 || option->most != 0;
  double least = bounded ? option->least : -INFINITY, most = bounded ? option->most : INFINITY;
  if (end != text && !*end && isfinite(*value) && *value >= least && *value <= most &&
      (!whole ||
       (*value == floor(*value) && *value >= 0 && *value <= 9007199254740992.))) /* 2^53: every count so far is exact */
    return true;
  return reject(state, option, text,
                bounded ? efla_option_text("a%s number from %.10g to %.10g", whole ? " whole" : "", least, most)
                        : efla_option_text("a finite%s number", whole ? " whole" : ""));
}

static bool read_name(struct argp_state *state, const efla_option *option, const char *text, size_t *row) {
  for (*row = 0; option->names(*row); ++*row)
    if (!strcmp(option->names(*row), text)) return true;
  return reject(state, option, text, efla_option_names("one of ", ", ", option->names));
}

bool efla_option_is_list(const efla_option *option) {
  return option->kind == EFLA_COUNTS || option->kind == EFLA_REALS || option->kind == EFLA_NAMES;
}

/* Reads the last entry of a list, a row of `names` or a number; false where an earlier entry is equal. */
static bool read_entry(struct argp_state *state, const efla_option *option, const char *text, efla_list *list) {
  size_t last = list->n++;
  bool names = option->kind == EFLA_NAMES;
  if (!(names ? read_name(state, option, text, &list->row[last])
              : read_number(state, option, text, &list->value[last])))
    return false;
  if (option->kind == EFLA_COUNTS) list->count[last] = (size_t)list->value[last];
  for (size_t i = 0; i < last; i++) {
    if (names ? list->row[i] != list->row[last] : list->value[i] != list->value[last]) continue;
    argp_error(state, "--%s: '%s' is there twice, as entries %zu and %zu, expected once", option->name, text, i + 1,
               last + 1);
    return false;
  }
  return true;
}

static bool read_list(struct argp_state *state, const efla_option *option, const char *text, efla_list *list) {
  char *copy = efla_option_text("%s", text), *rest = copy;
  bool good = true;
  list->n = 0;
  if (option->kind == EFLA_NAMES && !strcmp(text, "all")) {
    for (size_t row = 0; option->names(row) && row < EFLA_LIST_MAX; row++) list->row[list->n++] = row;
    rest = NULL;
  }
  for (char *item; good && (item = strsep(&rest, ","));) {
    if (list->n == EFLA_LIST_MAX)
      good = reject(state, option, text, efla_option_text("a list of at most %d values", EFLA_LIST_MAX));
    else
      good = read_entry(state, option, item, list);
  }
  free(copy);
  return good;
}

bool efla_option_assign(struct argp_state *state, const efla_option *option, const char *text) {
  double value = 0;
  switch (option->kind) {
  case EFLA_COUNT:
    if (!read_number(state, option, text, &value)) return false;
    *(size_t *)option->to = (size_t)value;
    return true;
  case EFLA_TEXT:
  case EFLA_NEEDED:
  case EFLA_RESULT:
  case EFLA_NEEDED_RESULT:
    *(const char **)option->to = text;
    return true;
  case EFLA_REAL:
    return read_number(state, option, text, option->to);
  case EFLA_NAME:
    return read_name(state, option, text, option->to);
  case EFLA_COUNTS:
  case EFLA_REALS:
  case EFLA_NAMES:
    return read_list(state, option, text, option->to);
  case EFLA_FLAG:
    *(bool *)option->to = !strcmp(text, "yes");
    return true;
  }
  return false;
}
