/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of a corpus, embedded or in a directory, what is refused, and windows of a part. */
#include "files.h"
#include "testing.h"

#include <zlib.h>

static const char *directory;

/* An empty directory, to which EFLA_CORPUS does not point. */
static void set_up(const char *name) {
  directory = files_directory(name);
  unsetenv("EFLA_CORPUS");
}

static const char *path_of(const char *file) {
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", directory, file);
  return path;
}

/* A file of the directory, whose ending says how it is packed. */
static void put(const char *file, const char *text) {
  unsigned char packed[1000];
  size_t n = strlen(text);
  const unsigned char *bytes = (const unsigned char *)text;
  if (strstr(file, ".gz")) n = files_gzip(packed, sizeof packed, bytes, n), bytes = packed;
  if (strstr(file, ".xz")) n = files_xz(packed, sizeof packed, bytes, n), bytes = packed;
  files_write(path_of(file), bytes, n);
}

static efla_corpus read_corpus(const char *where) {
  efla_corpus corpus;
  efla_message why = {{0}};
  ck_assert_msg(efla_corpus_read(&corpus, where, &why) == EFLA_OK, "%s", why.text);
  return corpus;
}

static bool holds(const efla_corpus_part *part, const char *text) {
  return part->count == strlen(text) && (part->count == 0 || !memcmp(part->bytes, text, part->count));
}

/* The sentence has both parts; nothing is kept. */
static void check_refused(const char *says, const char *more) {
  efla_corpus corpus, nothing = {0};
  efla_message why = {{0}};
  memset(&corpus, 0x5a, sizeof corpus);
  ck_assert_int_eq(efla_corpus_read(&corpus, directory, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, says) && strstr(why.text, more), "%s; expected %s, %s", why.text, says, more);
  ck_assert(!memcmp(&corpus, &nothing, sizeof corpus));
}

/* Checksums of the file whose md5 data/README.txt states, of its first 1003854 bytes, the next 55770 and the rest. */
START_TEST(the_embedded_text) {
  static const struct {
    size_t count;
    uLong checksum;
  } expected[] = {{1003854, 0x41c83ba1}, {55770, 0x8c36f9f9}, {55770, 0x6e98d88a}};
  set_up("text-embedded");
  for (int empty = 0; empty < 2; empty++) {
    if (empty) setenv("EFLA_CORPUS", "", 1);
    efla_corpus corpus = read_corpus(empty ? "" : NULL);
    const efla_corpus_part *const parts[] = {&corpus.train, &corpus.valid, &corpus.test};
    ck_assert_str_eq(corpus.origin, "shakespeare");
    for (int p = 0; p < 3; p++) {
      ck_assert_uint_eq(parts[p]->count, expected[p].count);
      ck_assert_uint_eq(crc32(0, parts[p]->bytes, (uInt)parts[p]->count), expected[p].checksum);
    }
    ck_assert(!memcmp(corpus.train.bytes, "First Citizen:\n", 15));
    efla_corpus_clear(&corpus);
    ck_assert(!corpus.train.bytes && !corpus.test.count);
  }
}
END_TEST

/* Each part packed in its own way; the argument before the variable, a plain file before a packed one. */
START_TEST(parts_of_a_directory) {
  set_up("text-parts");
  put("train.txt.xz", "a training text");
  put("valid.txt.gz", "valid");
  efla_corpus corpus = read_corpus(directory);
  ck_assert(holds(&corpus.train, "a training text") && holds(&corpus.valid, "valid") && holds(&corpus.test, ""));
  ck_assert_str_eq(corpus.origin, "directory");
  efla_corpus_clear(&corpus);
  put("test.txt", "test");
  put("train.txt.gz", "another");
  setenv("EFLA_CORPUS", directory, 1);
  for (int i = 0; i < 2; i++) {
    corpus = read_corpus(i ? "" : NULL);
    ck_assert(holds(&corpus.train, "another") && holds(&corpus.test, "test"));
    efla_corpus_clear(&corpus);
  }
  put("train.txt", "plain");
  setenv("EFLA_CORPUS", "no/such/directory", 1);
  corpus = read_corpus(directory);
  ck_assert(holds(&corpus.train, "plain"));
  efla_corpus_clear(&corpus);
}
END_TEST

START_TEST(what_is_refused) {
  set_up("text-refused");
  check_refused("no file train.txt, train.txt.gz or train.txt.xz in ", directory);
  put("train.txt", "train");
  check_refused("no file valid.txt, valid.txt.gz or valid.txt.xz in ", directory);
  put("valid.txt", "valid");
  put("test.txt", "");
  check_refused(path_of("test.txt"), ": empty, expected a text");
  files_write(path_of("test.txt"), "text\0", 5);
  check_refused(path_of("test.txt"), ": offset 4: byte 0x00, expected a text");
  remove(path_of("test.txt"));
  put("test.txt.gz", "");
  check_refused(path_of("test.txt.gz"), ": empty, expected a text");
  files_write(path_of("test.txt.gz"), "no gzip stream", 14);
  check_refused(path_of("test.txt.gz"), "damaged (no gzip header)");
  remove(path_of("test.txt.gz"));
  files_write(path_of("test.txt.xz"),
              "\xfd"
              "7zXZ",
              6);
  check_refused(path_of("test.txt.xz"), "the file ends, expected the rest of the xz stream");
  files_write(path_of("valid.txt"), "\0", 1);
  check_refused(path_of("valid.txt"), ": offset 0: byte 0x00");
  files_write(path_of("train.txt"), "", 0);
  check_refused(path_of("train.txt"), ": empty");
  char longest[5000];
  memset(longest, 'a', sizeof longest);
  longest[sizeof longest - 1] = 0;
  directory = longest;
  check_refused("train.txt: ", "too long");
}
END_TEST

/* Places of windows are uniform (each of the 10 within 5 standard errors of its share), follow from (seed, step, i) and
 * change with each of them. */
START_TEST(windows_of_a_part) {
  enum { N = 20000, COUNT = 12, LENGTH = 3, PLACES = COUNT - LENGTH + 1 };
  unsigned char bytes[COUNT];
  const efla_corpus_part part = {bytes, COUNT};
  double places[PLACES] = {0}, same[3] = {0};
  for (uint64_t n = 0; n < N; n++) {
    uint64_t step = n / 32, i = n % 32, seed = testing_seed();
    const unsigned char *window = efla_corpus_window(&part, LENGTH, seed, step, i);
    ck_assert(window >= bytes && window + LENGTH <= bytes + COUNT);
    ck_assert_ptr_eq(window, efla_corpus_window(&part, LENGTH, seed, step, i));
    places[window - bytes]++;
    same[0] += window == efla_corpus_window(&part, LENGTH, seed + 1, step, i);
    same[1] += window == efla_corpus_window(&part, LENGTH, seed, step + 1000, i);
    same[2] += window == efla_corpus_window(&part, LENGTH, seed, step, i + 32);
  }
  for (int p = 0; p < PLACES; p++) CHECK_BOUND(fabs(places[p] - N * .1), 5 * sqrt(N * .1 * .9));
  for (int p = 0; p < 3; p++) CHECK_BOUND(fabs(same[p] - N * .1), 5 * sqrt(N * .1 * .9));
  ck_assert_ptr_eq(efla_corpus_window(&part, COUNT, 1, 2, 3), bytes);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {the_embedded_text, parts_of_a_directory, what_is_refused, windows_of_a_part};
  return testing_main("text", tests, sizeof tests / sizeof *tests, 60);
}
