/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tables.h"

#include "testing.h"

#include <stdio.h>
#include <unistd.h>

efla_csv run_table(const char *command) {
  char path[sizeof TEST_WORK + 40]; /* of this process: other tests run beside it */
  snprintf(path, sizeof path, TEST_WORK "/table-%ld.csv", (long)getpid());
  char *line = NULL;
  efla_csv csv;
  efla_message why = {{0}};
  ck_assert_int_ge(asprintf(&line, TEST_BIN "/%s --seed %lu --out %s", command, testing_seed(), path), 0);
  ck_assert_int_eq(testing_shell(line, NULL, NULL, 0), 0);
  ck_assert_msg(efla_csv_read(&csv, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert_uint_gt(csv.rows, 0);
  remove(path);
  free(line);
  return csv;
}

bool row_is(const efla_csv *csv, size_t row, const char *column, const char *text) {
  return !strcmp(efla_csv_text(csv, row, column), text);
}

size_t count_methods(bool always_stable) {
  size_t n = 0;
  for (const efla_method *m = efla_methods; m->name; m++) n += (isinf(m->stable) != 0) == always_stable;
  return n;
}

/* Texts: TEXT|TEXT... */
static bool is_one_of(const char *cell, char *texts) {
  char *rest = NULL, *cell_end, *text_end;
  double number = strtod(cell, &cell_end);
  for (char *text = strtok_r(texts, "|", &rest); text; text = strtok_r(NULL, "|", &rest)) {
    bool same_number = strtod(text, &text_end) == number;
    if (!strcmp(cell, text) || (same_number && cell_end != cell && !*cell_end && text_end != text && !*text_end))
      return true;
  }
  return false;
}

static bool meets(const efla_csv *csv, size_t row, const char *conditions) {
  char words[200], *rest = NULL;
  bool all = true;
  ck_assert_uint_lt(strlen(conditions), sizeof words);
  snprintf(words, sizeof words, "%s", conditions);
  for (char *word = strtok_r(words, " ", &rest); word && all; word = strtok_r(NULL, " ", &rest)) {
    size_t name = strcspn(word, "=<>");
    char relation = word[name], *value = word + name + (relation != 0);
    word[name] = 0;
    ck_assert_msg(efla_csv_column(csv, word) < csv->columns && *value, "\"%s\": no column %s, or no value", conditions,
                  word);
    double cell = efla_csv_real(csv, row, word); /* nan is neither below nor above anything */
    all = relation == '<'   ? cell < strtod(value, NULL)
          : relation == '>' ? cell > strtod(value, NULL)
                            : is_one_of(efla_csv_text(csv, row, word), value);
  }
  return all;
}

size_t next_row(const efla_csv *csv, size_t from, const char *conditions) {
  while (from < csv->rows && !meets(csv, from, conditions)) from++;
  return from;
}

void require_rows(const efla_csv *csv, size_t expected, const char *conditions) {
  size_t found = 0;
  for (size_t r = next_row(csv, 0, conditions); r < csv->rows; r = next_row(csv, r + 1, conditions)) found++;
  ck_assert_msg(found == expected, "%zu rows with %s, expected %zu", found, conditions, expected);
}
