/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plain and compressed files: whole ones are read unchanged, damaged ones are refused with file and place. */
#include "files.h"
#include "testing.h"

#include <lzma.h>
#include <sys/stat.h>

enum { MOST = 5000000, ROOM = 2 * MOST, SMALL = 2000, KINDS = 3 };

static unsigned char content[MOST], packed[ROOM];
static char paths[KINDS + 1][256]; /* plain, .gz, .xz; a name that says nothing */

static size_t plain(unsigned char *to, size_t room, const unsigned char *bytes, size_t n) {
  ck_assert_uint_le(n, room);
  memcpy(to, bytes, n);
  return n;
}

static size_t (*const packers[KINDS])(unsigned char *, size_t, const unsigned char *, size_t) = {plain, files_gzip,
                                                                                                 files_xz};

/* Bytes with something to compress. */
static void set_up(const char *name) {
  static const char *const names[] = {"a.txt", "a.txt.gz", "a.txt.xz", "a"};
  const char *directory = files_directory(name);
  for (int k = 0; k <= KINDS; k++) snprintf(paths[k], sizeof paths[k], "%s/%s", directory, names[k]);
  efla_draw draw = efla_draw_begin(testing_seed());
  for (size_t i = 0; i < MOST; i++) content[i] = (unsigned char)("etaoin shrdlu\n"[efla_draw_below(&draw, 14)]);
}

static void check_whole(const char *path, size_t n) {
  unsigned char *bytes;
  size_t count;
  efla_message why = {{0}};
  ck_assert_msg(efla_packed_whole(&bytes, &count, MOST, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert_uint_eq(count, n);
  ck_assert((n == 0) == (bytes == NULL) && (n == 0 || !memcmp(bytes, content, n)));
  free(bytes);
}

/* The sentence names the file once and says `says`; nothing is kept. */
static void check_refused(const char *path, size_t most, const char *says, const char *what, size_t at) {
  unsigned char *bytes = content;
  size_t count = 7;
  efla_message why = {{0}};
  efla_status status = efla_packed_whole(&bytes, &count, most, path, &why);
  const char *named = strstr(why.text, path);
  ck_assert_msg(status == EFLA_INPUT, "%s %zu: status %d", what, at, (int)status);
  ck_assert_msg(named && !strstr(named + 1, path) && strstr(why.text, says), "%s %zu: %s", what, at, why.text);
  ck_assert_msg(!bytes && !count, "%s %zu: something is kept", what, at);
}

/* None at all, and lengths about the reader's pieces. */
START_TEST(whole_files_are_read_as_they_are) {
  static const size_t lengths[] = {0, 1, 65535, 65536, 65537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, MOST};
  set_up("packed-whole");
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
    for (int k = 0; k < KINDS; k++) {
      files_write(paths[k], packed, packers[k](packed, ROOM, content, lengths[i]));
      check_whole(paths[k], lengths[i]);
    }
}
END_TEST

START_TEST(names_and_first_bytes) {
  set_up("packed-names");
  for (int k = 0; k < KINDS; k++) {
    size_t n = packers[k](packed, ROOM, content, SMALL);
    files_write(paths[KINDS], packed, n);
    check_whole(paths[KINDS], SMALL);
    for (int name = 1; name < KINDS; name++) {
      files_write(paths[name], packed, n);
      if (name == k)
        check_whole(paths[name], SMALL);
      else
        check_refused(paths[name], MOST, name == 1 ? "(no gzip header), expected" : "(no xz header), expected", "kind",
                      (size_t)k);
    }
  }
}
END_TEST

START_TEST(every_truncation_is_refused) {
  set_up("packed-cut");
  for (int k = 1; k < KINDS; k++) {
    size_t n = packers[k](packed, ROOM, content, SMALL);
    for (size_t cut = 0; cut < n; cut++) {
      files_write(paths[k], packed, cut);
      check_refused(paths[k], MOST, "expected", "file cut to", cut);
    }
  }
}
END_TEST

/* Checksums cover all of an xz stream; of gzip's header and of unused bits they do not (tests/io/test_idx.c). */
START_TEST(flips_are_refused_or_harmless) {
  set_up("packed-flip");
  for (int k = 1; k < KINDS; k++) {
    size_t n = packers[k](packed, ROOM, content, SMALL), harmless = 0;
    for (size_t i = 0; i < n; i++) {
      unsigned char *bytes;
      size_t count;
      efla_message why = {{0}};
      packed[i] ^= (unsigned char)(1 << i % 8);
      files_write(paths[k], packed, n);
      efla_status status = efla_packed_whole(&bytes, &count, MOST, paths[k], &why);
      if (status == EFLA_OK)
        ck_assert(count == SMALL && !memcmp(bytes, content, SMALL));
      else
        ck_assert_msg(status == EFLA_INPUT && strstr(why.text, "offset "), "byte %zu: %s", i, why.text);
      harmless += status == EFLA_OK;
      free(bytes);
      packed[i] ^= (unsigned char)(1 << i % 8);
    }
    ck_assert_uint_le(harmless, k == 1 ? n / 10 : 0);
  }
}
END_TEST

START_TEST(what_follows_a_stream) {
  set_up("packed-more");
  for (int k = 1; k < KINDS; k++) {
    size_t n = packers[k](packed, ROOM, content, SMALL),
           second = packers[k](packed + n, ROOM - n, content + SMALL, SMALL);
    files_write(paths[k], packed, n + second);
    check_whole(paths[k], 2 * SMALL);
    memset(packed + n, 'x', 100);
    files_write(paths[k], packed, n + 100);
    if (k == 1)
      check_whole(paths[k], SMALL);
    else
      check_refused(paths[k], MOST, "expected an intact xz stream", "bytes after a stream", 100);
  }
}
END_TEST

START_TEST(at_most_so_many_bytes) {
  set_up("packed-most");
  memset(content, ' ', MOST);
  for (int k = 0; k < KINDS; k++) files_write(paths[k], packed, packers[k](packed, ROOM, content, MOST));
  testing_limit_memory(32u << 20);
  for (int k = 0; k < KINDS; k++) {
    check_whole(paths[k], MOST);
    check_refused(paths[k], MOST - 1, "offset 4999999: the file goes on, expected", "kind", (size_t)k);
    check_refused(paths[k], 0, "offset 0: the file goes on, expected", "kind", (size_t)k);
  }
}
END_TEST

/* A header that asks for a dictionary of 4 GB: it is the one property of the filter with the number 0x21 and stands
 * under the checksum of the block's header, which begins at byte 12 with its length. */
START_TEST(memory_that_a_header_asks_for) {
  unsigned char *bytes;
  size_t count, n;
  set_up("packed-memory");
  n = files_xz(packed, ROOM, content, SMALL);
  size_t header = 4 * ((size_t)packed[12] + 1), at = 14;
  while (packed[at] != 0x21 || packed[at + 1] != 1) at++;
  packed[at + 2] = 40;
  uint32_t sum = lzma_crc32(packed + 12, header - 4, 0);
  for (int i = 0; i < 4; i++) packed[12 + header - 4 + (size_t)i] = (unsigned char)(sum >> 8 * i);
  files_write(paths[2], packed, n);
  ck_assert_int_eq(efla_packed_whole(&bytes, &count, MOST, paths[2], NULL), EFLA_NO_MEMORY);
  ck_assert(!bytes && !count);
}
END_TEST

START_TEST(what_cannot_be_read) {
  set_up("packed-unreadable");
  for (int k = 0; k < KINDS; k++) {
    check_refused(paths[k], MOST, "cannot read: ", "missing file", (size_t)k);
    mkdir(paths[k], 0777);
    check_refused(paths[k], MOST, "cannot read: ", "directory", (size_t)k);
  }
}
END_TEST

START_TEST(a_file_that_changes_while_it_is_read) {
  set_up("packed-change");
  for (int k = 0; k < KINDS; k++) {
    efla_packed *file;
    efla_message why = {{0}};
    size_t n = packers[k](packed, ROOM, content, SMALL), got;
    files_write(paths[k], packed, n);
    ck_assert_int_eq(efla_packed_open(&file, paths[k], &why), EFLA_OK);
    ck_assert_int_eq(efla_packed_read(file, packed, 10, &got, &why), EFLA_OK);
    ck_assert(got == 10 && !memcmp(packed, content, 10));
    files_write(paths[k], packed, 5);
    ck_assert_int_eq(efla_packed_close(file, EFLA_OK, &why), EFLA_INPUT);
    ck_assert_ptr_nonnull(strstr(why.text, paths[k]));
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      whole_files_are_read_as_they_are, names_and_first_bytes, every_truncation_is_refused,
      flips_are_refused_or_harmless,    what_follows_a_stream, at_most_so_many_bytes,
      memory_that_a_header_asks_for,    what_cannot_be_read,   a_file_that_changes_while_it_is_read};
  return testing_main("packed", tests, sizeof tests / sizeof *tests, 60);
}
