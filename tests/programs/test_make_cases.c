/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bin/compare --make: awkward inputs, which bin/run reads and on which it is right; and questions that cannot be asked. */
#include "files.h"
#include "testing.h"

#include <stdarg.h>

static char said[1 << 16], complained[4096];

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *format, ...) {
  char *command;
  va_list values;
  va_start(values, format);
  ck_assert_int_ge(vasprintf(&command, format, values), 0);
  va_end(values);
  int status = testing_shell(command, said, complained, sizeof complained);
  free(command);
  return status;
}

START_TEST(all_cases_and_a_right_kernel) {
  const char *directory = files_directory("make-cases");
  ck_assert_msg(shell(TEST_BIN "/compare --make %s/in.npz --seed 7", directory) == 0, "%s", complained);
  size_t made = 0;
  for (const efla_awkward *c = efla_awkward_cases; c->name; c++, made++) {
    char line[600], file[300];
    snprintf(file, sizeof file, "%s/in-%s.npz", directory, c->name);
    ck_assert_int_eq(shell(TEST_BIN "/run --input %s --output %s/o.safetensors", file, directory), 0);
    ck_assert_msg(shell(TEST_BIN "/compare --input %s --outputs %s/o.safetensors", file, directory) == 0, "%s: %s%s",
                  c->name, said, complained);
    ck_assert_int_eq(shell(TEST_BIN "/compare --make %s/in.npz --seed 7 --cases %s", directory, c->name), 0);
    snprintf(line, sizeof line, "%s: %s\n", file, c->about);
    ck_assert_str_eq(said, line);
  }
  ck_assert_uint_ge(made, 20);
}
END_TEST

/* Euler's method is another one than the exact one where keys are long: the check is awake. */
START_TEST(a_wrong_kernel) {
  const char *directory = files_directory("make-wrong");
  ck_assert_int_eq(shell(TEST_BIN "/compare --cases limit --method euler --make %s/in.h5", directory), 0);
  ck_assert_int_eq(shell(TEST_BIN "/run --method euler --input %s/in-limit.h5 --output %s/o.npz", directory, directory),
                   0);
  ck_assert_int_eq(shell(TEST_BIN "/compare --input %s/in-limit.h5 --outputs %s/o.npz", directory, directory), 1);
  ck_assert_msg(strstr(said, "euler"), "%s", said);
  ck_assert_int_eq(
      shell(TEST_BIN "/compare --method euler --input %s/in-limit.h5 --outputs %s/o.npz", directory, directory), 0);
}
END_TEST

START_TEST(list_and_refusals) {
  const char *directory = files_directory("make-refusals");
  ck_assert_int_eq(shell(TEST_BIN "/compare --cases list"), 0);
  for (const efla_awkward *c = efla_awkward_cases; c->name; c++) ck_assert(strstr(said, c->about));
  ck_assert_int_eq(shell(TEST_BIN "/compare"), 2);
  ck_assert_msg(strstr(complained, "--input FILE is needed"), "%s", complained);
  ck_assert_int_eq(shell(TEST_BIN "/compare --make %s/a.npz --input b.h5", directory), 2);
  ck_assert_msg(strstr(complained, "expected one of them"), "%s", complained);
  ck_assert_int_eq(shell(TEST_BIN "/compare --make %s/a.npz --decay split --cases tails,retention", directory), 2);
  ck_assert_msg(strstr(complained, "--cases retention: "), "%s", complained);
  ck_assert_int_eq(shell("rm %s/a-tails.npz", directory), 0); /* those before it were made */
  ck_assert_int_eq(shell(TEST_BIN "/compare --make %s/a.npy", directory), 3);
  ck_assert_msg(strstr(complained, ".npy files are only read"), "%s", complained);
  ck_assert_int_eq(shell(TEST_BIN "/compare --make %s/none/a.npz", directory), 3);
  ck_assert_int_eq(shell("test -z \"$(ls %s)\"", directory), 0);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {all_cases_and_a_right_kernel, a_wrong_kernel, list_and_refusals};
  return testing_main("make_cases", tests, sizeof tests / sizeof *tests, 120);
}
