/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts in memory: whole, or known not to be. */
#include "testing.h"

START_TEST(text_is_whole) {
  enum { LINES = 5000 };
  char *text, line[32];
  size_t length, at = 0;
  FILE *file = efla_memory_stream(&text, &length);
  ck_assert_ptr_nonnull(file);
  ck_assert_str_eq(text, "");
  for (int i = 0; i < LINES; i++) {
    fprintf(file, "line %d\n", i);
    if (i != LINES / 2) continue;
    ck_assert_int_eq(fflush(file), 0);
    ck_assert_uint_eq(strlen(text), length);
  }
  ck_assert(efla_memory_stream_close(file));
  ck_assert_uint_eq(strlen(text), length);
  for (int i = 0; i < LINES; i++) {
    const size_t n = (size_t)snprintf(line, sizeof line, "line %d\n", i);
    ck_assert_int_eq(memcmp(text + at, line, n), 0);
    at += n;
  }
  ck_assert_uint_eq(at, length);
  free(text);
}
END_TEST

START_TEST(lost_writes_are_told) {
  char *text;
  size_t length;
  FILE *file = efla_memory_stream(&text, &length);
  ck_assert_ptr_nonnull(file);
  testing_limit_memory(1 << 24);
  for (int i = 0; i < 1 << 20; i++) fprintf(file, "%080d", i);
  const bool whole = efla_memory_stream_close(file), lost = length < (size_t)80 << 20;
  ck_assert(whole == !lost);
  if (!lost) testing_skip("lost writes", "memory has no limit here");
  free(text);
  ck_assert(!efla_memory_stream_close(NULL));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {text_is_whole, lost_writes_are_told};
  return testing_main("memory stream", tests, sizeof tests / sizeof *tests, 20);
}
