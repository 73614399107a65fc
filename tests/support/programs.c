/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programs.h"

#include "files.h"
#include "testing.h"

#include <dirent.h>
#include <stdarg.h>
#include <unistd.h>

char program_out[PROGRAM_TEXT], program_err[PROGRAM_TEXT];
const char *program_work;

int program_run(const char *name, const char *arguments, ...) {
  char *text, *command;
  va_list values;
  va_start(values, arguments);
  ck_assert_int_ge(vasprintf(&text, arguments, values), 0);
  va_end(values);
  ck_assert_int_ge(asprintf(&command, TEST_BIN "/%s %s", name, text), 0);
  int status = testing_shell(command, program_out, program_err, PROGRAM_TEXT);
  free(command);
  free(text);
  return status;
}

/* A program that answers about the user's files has no run of its own, quick or not. */
static bool is_experiment(const char *name) {
  ck_assert_int_eq(program_run(name, "--help"), 0);
  return strstr(program_out, "--quick") != NULL;
}

static void check_each(void (*check)(const char *name), bool experiments_only) {
  struct dirent **entries;
  int n = scandir(TEST_BIN, &entries, NULL, alphasort), programs = 0;
  ck_assert_int_gt(n, 0);
  program_work = files_directory("programs");
  for (int i = 0; i < n; i++) {
    const char *name = entries[i]->d_name;
    if (*name == '.') continue;
    if (experiments_only && !is_experiment(name)) continue;
    programs++;
    check(name);
  }
  for (int i = 0; i < n; i++) free(entries[i]);
  free(entries);
  ck_assert_int_gt(programs, 0);
}

void program_each(void (*check)(const char *name)) { check_each(check, false); }
void program_each_experiment(void (*check)(const char *name)) { check_each(check, true); }

bool program_draws(const char *name) {
  ck_assert_int_eq(program_run(name, "--help"), 0);
  return strstr(program_out, "--seed") != NULL;
}

bool program_exists(const char *path) { return access(path, F_OK) == 0; }

char *program_path(const char *name, const char *what) {
  char *path;
  ck_assert_int_ge(asprintf(&path, "%s/%s%s", program_work, name, what), 0);
  return path;
}
