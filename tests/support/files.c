/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "files.h"

#include "testing.h"

#include <fcntl.h>
#include <gsl/gsl_rng.h>
#include <lzma.h>
#include <unistd.h>
#include <zlib.h>

size_t files_idx(unsigned char *file, size_t room, size_t dimensions, const size_t *size) {
  const unsigned char magic[4] = {0, 0, 8, (unsigned char)dimensions};
  size_t header = 4 + 4 * dimensions, n = 1;
  for (size_t i = 0; i < dimensions; i++) n *= size[i];
  ck_assert_uint_le(header + n, room);
  memcpy(file, magic, 4);
  for (size_t i = 0; i < 4 * dimensions; i++) file[4 + i] = (unsigned char)(size[i / 4] >> (24 - 8 * (i % 4)));
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed() + n);
  for (size_t i = 0; i < n; i++) file[header + i] = (unsigned char)gsl_rng_uniform_int(draw, 256);
  for (size_t i = 0; i < n; i++)
    if (gsl_rng_uniform(draw) < 0.5) file[header + i] = 0; /* something to compress, as images with background have */
  gsl_rng_free(draw);
  return header + n;
}

size_t files_gzip(unsigned char *gzip, size_t room, const unsigned char *bytes, size_t n) {
  z_stream z = {0};
  ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK); /* + 16: gzip */
  z.next_in = (unsigned char *)bytes, z.avail_in = (unsigned)n;
  z.next_out = gzip, z.avail_out = (unsigned)room;
  ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
  size_t length = z.total_out;
  deflateEnd(&z);
  return length;
}

size_t files_xz(unsigned char *xz, size_t room, const unsigned char *bytes, size_t n) {
  size_t length = 0;
  ck_assert_int_eq(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, bytes, n, xz, &length, room), LZMA_OK);
  return length;
}

void files_write(const char *path, const void *bytes, size_t n) {
  int file = open(path, O_WRONLY | O_CREAT, 0666); /* cut afterwards: file systems make O_TRUNC wait for the disk */
  ck_assert_msg(file >= 0, "cannot write %s", path);
  ck_assert_int_eq(write(file, bytes, n), (ssize_t)n);
  ck_assert_int_eq(ftruncate(file, (off_t)n), 0);
  ck_assert_int_eq(close(file), 0);
}

const char *files_directory(const char *name) {
  static char paths[16][256];
  static size_t n;
  ck_assert_uint_lt(n, sizeof paths / sizeof *paths);
  char command[600], *path = paths[n++];
  snprintf(path, sizeof paths[0], TEST_WORK "/%s", name);
  snprintf(command, sizeof command, "rm -rf '%s' && mkdir -p '%s'", path, path);
  ck_assert_int_eq(system(command), 0);
  return path;
}
