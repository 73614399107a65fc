/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IDX files and MNIST: whole files are read unchanged, and damaged ones are refused
 * with file, place and expected value. */
#include "files.h"
#include "testing.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IMAGES = 3, SIDE = 28, HEADER = 16, LENGTH = HEADER + IMAGES * SIDE * SIDE, ROOM = 2 * LENGTH + 1024 };

static const size_t three_images[] = {IMAGES, SIDE, SIDE};
static unsigned char whole[ROOM], packed[ROOM];
static size_t packed_length;
static const char *directory;
static char plain[256], gzip[256];

/* A directory with nothing in it, the names of MNIST's files in it, and their bytes. */
static void set_up(const char *name) {
  directory = files_directory(name);
  snprintf(plain, sizeof plain, "%s/train-images-idx3-ubyte", directory);
  snprintf(gzip, sizeof gzip, "%s/train-images-idx3-ubyte.gz", directory);
  ck_assert_uint_eq(files_idx(whole, sizeof whole, 3, three_images), LENGTH);
  packed_length = files_gzip(packed, sizeof packed, whole, LENGTH);
  ck_assert_uint_lt(packed_length, LENGTH);
}

static bool same_images(const efla_idx *idx) {
  return idx->dimensions == 3 && !memcmp(idx->size, three_images, sizeof three_images) &&
         !memcmp(idx->data, whole + HEADER, LENGTH - HEADER);
}

static void check_read(const char *path) {
  efla_idx idx;
  efla_message why = {{0}};
  ck_assert_msg(efla_idx_read(&idx, path, 3, &why) == EFLA_OK, "%s", why.text);
  ck_assert(same_images(&idx));
  efla_idx_clear(&idx);
  ck_assert_ptr_null(idx.data);
}

/* The sentence names the file once, says `place` and what was expected; nothing is kept. */
static void check_refusal(efla_status status, const efla_idx *idx, const char *path, const char *place,
                          const efla_message *why, const char *what, size_t at) {
  const char *named = strstr(why->text, path);
  ck_assert_msg(status == EFLA_INPUT, "%s %zu: status %d", what, at, (int)status);
  ck_assert_msg(named && !strstr(named + 1, path) && strstr(why->text, place), "%s %zu: %s", what, at, why->text);
  ck_assert_msg(!strcmp(place, "cannot read: ") || strstr(why->text, "expected"), "%s %zu: %s", what, at, why->text);
  ck_assert_msg(!idx->data && !idx->dimensions && !idx->size[0], "%s %zu: something is kept", what, at);
}

static void check_refused(const char *path, size_t dimensions, const char *place, const char *what, size_t at) {
  efla_idx idx;
  efla_message why = {{0}};
  memset(&idx, 0x5a, sizeof idx);
  efla_status status = efla_idx_read(&idx, path, dimensions, &why);
  check_refusal(status, &idx, path, place, &why, what, at);
}

static void check_mnist_refused(const char *path, const char *place, const char *what, size_t at) {
  efla_idx idx;
  efla_message why = {{0}};
  memset(&idx, 0x5a, sizeof idx);
  efla_status status = efla_mnist_read(&idx, directory, true, &why);
  check_refusal(status, &idx, path, place, &why, what, at);
}

START_TEST(plain_and_gzip_are_read_as_they_are) {
  set_up("idx-whole");
  files_write(plain, whole, LENGTH);
  files_write(gzip, packed, packed_length);
  check_read(plain);
  check_read(gzip);
  ck_assert_int_eq(efla_idx_read(&(efla_idx){0}, "nowhere", 3, NULL), EFLA_INPUT); /* no message wanted */
}
END_TEST

/* One dimension, lengths about the first and the second piece in which the reader asks for memory; and none at all. */
START_TEST(lengths_about_the_reader_s_pieces) {
  static const size_t lengths[] = {0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 1 << 21, (1 << 21) + 1, 5000000};
  static unsigned char file[8 + 5000000];
  set_up("idx-long");
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    efla_idx idx;
    efla_message why;
    size_t length = files_idx(file, sizeof file, 1, lengths + i);
    files_write(plain, file, length);
    ck_assert_int_eq(efla_idx_read(&idx, plain, 1, &why), EFLA_OK);
    ck_assert_uint_eq(idx.size[0], lengths[i]);
    ck_assert(lengths[i] == 0 || !memcmp(idx.data, file + 8, lengths[i]));
    efla_idx_clear(&idx);
  }
}
END_TEST

START_TEST(every_truncation_is_refused) {
  char place[64];
  set_up("idx-cut");
  for (size_t n = 0; n < LENGTH; n++) {
    files_write(plain, whole, n);
    snprintf(place, sizeof place, "offset %zu: ", n);
    check_refused(plain, 3, place, "plain file cut to", n);
  }
  for (size_t n = 0; n < packed_length; n++) {
    files_write(gzip, packed, n);
    check_refused(gzip, 3, n + 8 >= packed_length ? "expected the rest of the gzip stream" : "offset ",
                  "gzip file cut to", n);
  }
}
END_TEST

/* Each bit, and all bits, of each byte of the header: the sizes are held against the file's length. */
START_TEST(every_flip_in_the_header_is_refused) {
  set_up("idx-header");
  for (size_t i = 0; i < HEADER; i++)
    for (int flip = 0; flip <= 8; flip++) {
      unsigned char keep = whole[i], mask = (unsigned char)(flip < 8 ? 1 << flip : 0xff);
      whole[i] ^= mask;
      files_write(plain, whole, LENGTH);
      check_refused(plain, 3, "offset ", "flipped header byte", i);
      check_mnist_refused(plain, "offset ", "flipped header byte", i);
      files_write(gzip, packed, files_gzip(packed, sizeof packed, whole, LENGTH));
      check_refused(gzip, 3, "offset ", "flipped header byte, packed,", i);
      whole[i] = keep;
    }
}
END_TEST

/* The checksum sees every flip but those that change nothing in the data: flags, time and system in gzip's header, bits
 * that fill up a byte, distances to another place where the same bytes stand.  The last two are rare. */
START_TEST(every_flip_in_the_gzip_stream_is_refused_or_harmless) {
  set_up("idx-flip");
  size_t harmless = 0;
  for (size_t i = 0; i < packed_length; i++)
    for (int flip = 0; flip <= 8; flip++) {
      efla_idx idx;
      efla_message why = {{0}};
      unsigned char keep = packed[i], mask = (unsigned char)(flip < 8 ? 1 << flip : 0xff);
      packed[i] ^= mask;
      files_write(gzip, packed, packed_length);
      efla_status status = efla_idx_read(&idx, gzip, 3, &why);
      if (status == EFLA_OK) {
        ck_assert_msg(same_images(&idx), "flip %d of byte %zu: other data", flip, i);
        ck_assert_msg(i >= 3 && i < packed_length - 8, "flip %d of byte %zu: not seen", flip, i);
        harmless += i >= 10;
        efla_idx_clear(&idx);
      } else {
        check_refusal(status, &idx, gzip, "offset ", &why, "flipped gzip byte", i);
      }
      packed[i] = keep;
    }
  ck_assert_uint_lt(100 * harmless, 9 * packed_length);
}
END_TEST

START_TEST(trailing_bytes) {
  set_up("idx-more");
  files_write(plain, whole, LENGTH + 1);
  check_refused(plain, 3, "offset 2368: the file goes on", "a byte more", 1);
  memcpy(packed + packed_length, packed, packed_length); /* gzip takes two streams for one longer file */
  files_write(gzip, packed, 2 * packed_length);
  check_refused(gzip, 3, "offset 2368: the file goes on", "a second stream", 2);
  memset(packed + packed_length, 'x', 100); /* no stream: gzip ignores it, and so do we */
  files_write(gzip, packed, packed_length + 100);
  check_read(gzip);
}
END_TEST

START_TEST(what_is_no_idx_file) {
  static const char *const foreign[] = {"", "P", "# a text\nof two lines\n", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
                                        "\x1f\x8b"};
  static const size_t lengths[] = {0, 1, 22, 16, 2};
  set_up("idx-foreign");
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    files_write(plain, foreign[i], lengths[i]);
    check_refused(plain, 3, "offset 0: ", "foreign file", i);
    check_mnist_refused(plain, "offset 0: ", "foreign file", i);
  }
  size_t labels = files_idx(whole, sizeof whole, 1, &(size_t){1000});
  files_write(plain, whole, labels);
  check_refused(plain, 3, "offset 3: byte 0x01, expected 0x03", "labels for images", 0);
  check_mnist_refused(plain, "offset 3: byte 0x01, expected 0x03", "labels for images", 0);
  files_write(plain, whole, files_idx(whole, sizeof whole, 3, three_images));
  check_refused(plain, 1, "offset 3: byte 0x03, expected 0x01", "images for labels", 0);
}
END_TEST

START_TEST(what_cannot_be_read) {
  set_up("idx-unreadable");
  check_refused(plain, 3, "cannot read: ", "missing file", 0);
  check_refused("no/such/directory/file", 3, "cannot read: ", "missing directory", 0);
  check_refused(directory, 3, "cannot read: ", "directory", 0);
  mkdir(plain, 0777);
  check_mnist_refused(plain, "cannot read: ", "directory", 1);
  rmdir(plain);
  files_write(plain, whole, LENGTH);
  chmod(plain, 0);
  bool root = geteuid() == 0;
  if (root && seteuid(65534) != 0) { /* root reads everything */
    testing_skip("what_cannot_be_read, a forbidden file", "no other user can be had");
    return;
  }
  check_refused(plain, 3, "cannot read: ", "forbidden file", 0);
  if (root) ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

/* A header may claim 4 billion images; memory follows the file.  */
START_TEST(claims_cost_no_memory) {
  static const size_t claims[][3] = {
      {4294967295u, 28, 28}, {1200000, 28, 28}, {4294967295u, 4294967295u, 1}, {4294967295u, 4294967295u, 4294967295u}};
  set_up("idx-claims");
  for (size_t c = 0; c < sizeof claims / sizeof *claims; c++) {
    for (size_t i = 0; i < 12; i++) whole[4 + i] = (unsigned char)(claims[c][i / 4] >> (24 - 8 * (i % 4)));
    files_write(plain, whole, LENGTH);
    files_write(gzip, packed, files_gzip(packed, sizeof packed, whole, LENGTH));
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    double start = efla_seconds();
    testing_limit_memory(32u << 20);
    check_refused(plain, 3, "offset ", "claim", c);
    check_refused(gzip, 3, "offset ", "claim, packed,", c);
    CHECK_BOUND(efla_seconds() - start, 1);
    getrusage(RUSAGE_SELF, &after);
    CHECK_BOUND((double)(after.ru_maxrss - before.ru_maxrss), 16 * 1024.); /* KiB */
  }
}
END_TEST

/* 2^31 * 2^31 * 4 wraps around to 0, which would be right. */
START_TEST(sizes_past_all_memory) {
  static const unsigned char sizes[12] = {128, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 4};
  set_up("idx-wrap");
  memcpy(whole + 4, sizes, sizeof sizes);
  files_write(plain, whole, HEADER);
  check_refused(plain, 3, "offset 4: sizes whose product", "sizes", 0);
}
END_TEST

START_TEST(mnist_has_28_rows_of_28) {
  static const size_t shapes[][3] = {{3, 27, 28}, {3, 28, 27}, {3, 14, 56}, {3, 56, 14}, {3, 1, 1}};
  set_up("idx-shape");
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    files_write(plain, whole, files_idx(whole, sizeof whole, 3, shapes[i]));
    check_mnist_refused(plain, shapes[i][1] == 28 ? "offset 12: " : "offset 8: ", "shape", i);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {plain_and_gzip_are_read_as_they_are,
                                lengths_about_the_reader_s_pieces,
                                every_truncation_is_refused,
                                every_flip_in_the_header_is_refused,
                                every_flip_in_the_gzip_stream_is_refused_or_harmless,
                                trailing_bytes,
                                what_is_no_idx_file,
                                what_cannot_be_read,
                                claims_cost_no_memory,
                                sizes_past_all_memory,
                                mnist_has_28_rows_of_28};
  return testing_main("idx", tests, sizeof tests / sizeof *tests, 60);
}
