/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening a file first in a child process: its message is returned, and a crash is reported as damage of the file.
 * (That loops end, tests/corpus/tensors/hangs-hdf5.h5 shows.) */
#include "io/sandboxed_open.h"
#include "testing.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static int touched;

static efla_status succeed(const void *context, efla_message *why) {
  (void)why;
  touched = *(const int *)context;
  puts("nobody hears this");
  return fflush(stdout) == 0 ? EFLA_OK : EFLA_OUTPUT;
}

static efla_status refuse(const void *context, efla_message *why) {
  (void)context;
  return efla_fail(why, EFLA_INPUT, "%0500d", 7); /* as long as sentences can be */
}

static efla_status crash(const void *context, efla_message *why) {
  (void)why;
  (void)context;
  raise(SIGKILL);
  return EFLA_OK;
}

static efla_status leave(const void *context, efla_message *why) {
  (void)why;
  (void)context;
  _exit(0);
}

/* Memory that nobody touches, in pieces; a sanitizer's own malloc may end the process instead, which is as good. */
static efla_status ask_for_memory(const void *context, efla_message *why) {
  (void)context;
  for (int i = 0; i < 12; i++)
    if (mmap(NULL, 100000000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
      return efla_fail(why, EFLA_NO_MEMORY, "out of memory in piece %d", i);
  return EFLA_OK;
}

static void check(efla_sandboxed_call *attempt, efla_status expected, const char *sentence) {
  static const int one = 1;
  efla_message why = {{0}};
  ck_assert_int_eq(efla_sandboxed_open(attempt, &one, "some/file", &why), expected);
  ck_assert_msg(strstr(why.text, sentence) && strlen(sentence) <= strlen(why.text), "%s", why.text);
}

START_TEST(what_comes_back) {
  check(succeed, EFLA_OK, "");
  ck_assert_int_eq(touched, 0); /* the child's memory is not ours */
  efla_message why;
  ck_assert_int_eq(efla_sandboxed_open(refuse, NULL, "some/file", &why), EFLA_INPUT);
  ck_assert(strlen(why.text) == 500 && why.text[499] == '7');
  ck_assert_int_eq(efla_sandboxed_open(refuse, NULL, "some/file", NULL), EFLA_INPUT);
}
END_TEST

START_TEST(what_does_not) {
  check(crash, EFLA_INPUT, "some/file: damaged: the library that reads it ends with 'Killed'");
  check(leave, EFLA_INPUT, "some/file: damaged: ");
  check(ask_for_memory, EFLA_NO_MEMORY, "out of memory in piece 9");
}
END_TEST

int main(void) {
  const TTest *const tests[] = {what_comes_back, what_does_not};
  return testing_main("sandboxed_open", tests, sizeof tests / sizeof *tests, 120);
}
