/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "smnist.h"

#include "testing.h"

#include <dirent.h>
#include <stdarg.h>

char smnist_out[SMNIST_TEXT], smnist_err[SMNIST_TEXT];
const char *smnist_work;

int smnist_run(const char *options, ...) {
  char *text, *command;
  va_list values;
  va_start(values, options);
  ck_assert_int_ge(vasprintf(&text, options, values), 0);
  va_end(values);
  ck_assert_int_ge(asprintf(&command, TEST_BIN "/smnist %s", text), 0);
  int status = testing_shell(command, smnist_out, smnist_err, SMNIST_TEXT);
  free(command);
  free(text);
  return status;
}

void smnist_check_no_parts(const char *directory, int depth) {
  DIR *entries = opendir(directory);
  ck_assert_ptr_nonnull(entries);
  for (struct dirent *entry; (entry = readdir(entries));) {
    char below[600];
    if (*entry->d_name == '.') continue;
    ck_assert_msg(!strstr(entry->d_name, ".part"), "%s was left behind", entry->d_name);
    snprintf(below, sizeof below, "%s/%s", directory, entry->d_name);
    if (entry->d_type == DT_DIR && depth > 0) smnist_check_no_parts(below, depth - 1);
  }
  closedir(entries);
}
