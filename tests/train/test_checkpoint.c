/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checkpoints: written and read back bit for bit, and refused with a message where they have been changed. */
#include "files.h"
#include "testing.h"

#include <hdf5.h>
#include <unistd.h>

static char where[256];

enum { N = 1000, M = 17 };
static const char *const settings = "method exact, lr 0.003";

typedef struct content {
  float f32[N];
  double f64[M];
} content;

static size_t list(content *c, efla_checkpoint_array *arrays) {
  arrays[0] = (efla_checkpoint_array){"parameters", N, false, c->f32, NULL};
  arrays[1] = (efla_checkpoint_array){"losses", M, true, NULL, c->f64};
  return 2;
}

static void write_one(size_t losses) {
  snprintf(where, sizeof where, "%s/checkpoint.h5", files_directory("checkpoint"));
  static content c;
  efla_checkpoint_array arrays[2];
  for (size_t i = 0; i < N; i++) c.f32[i] = (float)sin((double)i);
  for (size_t i = 0; i < M; i++) c.f64[i] = cos((double)i);
  c.f32[3] = NAN, c.f32[4] = -0.0F, c.f32[5] = 1e-44F, c.f64[2] = INFINITY;
  size_t n = list(&c, arrays);
  arrays[1].n = losses;
  efla_message why;
  ck_assert_msg(efla_checkpoint_write(where, settings, arrays, n, &why) == EFLA_OK, "%s", why.text);
}

static efla_status read_one(const char *expected, content *c, efla_checkpoint_array *arrays, efla_message *why) {
  return efla_checkpoint_read(where, expected, arrays, list(c, arrays), why);
}

START_TEST(there_and_back) {
  static content c, back;
  efla_checkpoint_array arrays[2];
  efla_message why;
  write_one(M);
  ck_assert_msg(read_one(settings, &c, arrays, &why) == EFLA_OK, "%s", why.text);
  ck_assert_uint_eq(arrays[1].n, M);
  ck_assert(isnan(c.f32[3]) && signbit(c.f32[4]) && c.f32[5] == 1e-44F && isinf(c.f64[2]) && c.f64[5] == cos(5));
  write_one(3); /* replaces it */
  ck_assert_int_eq(read_one(settings, &back, arrays, &why), EFLA_OK);
  ck_assert_uint_eq(arrays[1].n, 3);
  ck_assert_mem_eq(back.f32, c.f32, sizeof c.f32);
  write_one(0);
  ck_assert_int_eq(read_one(settings, &back, arrays, &why), EFLA_OK);
  ck_assert_uint_eq(arrays[1].n, 0);
}
END_TEST

static void refused(const char *expected, const char *says, efla_checkpoint_array change, size_t which) {
  static content c;
  efla_checkpoint_array arrays[2];
  efla_message why;
  list(&c, arrays);
  if (change.name) {
    change.f32 = change.f32 ? c.f32 : NULL;
    if (!change.f32) change.f64 = c.f64;
    arrays[which] = change;
  }
  ck_assert_int_eq(efla_checkpoint_read(where, expected, arrays, 2, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, says) && strstr(why.text, where), "'%s' does not say '%s'", why.text, says);
}

START_TEST(refusals) {
  const efla_checkpoint_array same = {.name = NULL};
  float yes;
  write_one(M);
  refused("method euler, lr 0.003", "'method exact, lr 0.003', expected 'method euler, lr 0.003'", same, 0);
  refused("method exact, lr 0.003, seed 1", "'method exact, lr 0.003', expected 'method exact, lr 0.003, seed 1'", same,
          0);
  refused("method exact", "expected 'method exact'", same, 0);
  refused(settings, "moments: no such dataset", (efla_checkpoint_array){"moments", N, false, &yes, NULL}, 0);
  refused(settings, "1000 numbers, expected 999", (efla_checkpoint_array){"parameters", 999, false, &yes, NULL}, 0);
  refused(settings, "17 numbers, expected at most 16", (efla_checkpoint_array){"losses", M - 1, true, NULL, NULL}, 1);
  refused(settings, "another type, expected f32", (efla_checkpoint_array){"losses", M, true, &yes, NULL}, 1);
  unlink(where);
  refused(settings, "No such file", same, 0);
}
END_TEST

/* Cut off anywhere: refused.  With a byte changed: refused where the numbers lie, which are more than half of the file;
 * elsewhere it may be a byte that nothing depends on. */
START_TEST(damaged) {
  static content c;
  efla_checkpoint_array arrays[2];
  efla_message why;
  write_one(M);
  static unsigned char bytes[1 << 16];
  FILE *file = fopen(where, "rb");
  ck_assert_ptr_nonnull(file);
  size_t length = fread(bytes, 1, sizeof bytes, file), refused_ones = 0;
  fclose(file);
  ck_assert(length > 4000 && length < sizeof bytes);
  for (size_t i = 0; i < 40; i++) {
    size_t at = i * length / 40;
    files_write(where, bytes, at);
    ck_assert_int_eq(read_one(settings, &c, arrays, &why), EFLA_INPUT);
    bytes[at] ^= 0xff;
    files_write(where, bytes, length);
    bytes[at] ^= 0xff;
    efla_status status = read_one(settings, &c, arrays, &why);
    ck_assert(status == EFLA_OK || status == EFLA_INPUT);
    refused_ones += status == EFLA_INPUT;
  }
  ck_assert_uint_ge(refused_ones, 40 * (N * sizeof(float) + M * sizeof(double)) / length);
}
END_TEST

/* HDF5 files of others, whole and damaged. */
START_TEST(other_files) {
  const efla_checkpoint_array same = {.name = NULL};
  snprintf(where, sizeof where, "tests/corpus/tensors/whole-4.h5");
  refused(settings, "of another training: ''", same, 0);
  snprintf(where, sizeof where, "tests/corpus/tensors/crashes-hdf5.h5");
  refused(settings, "", same, 0);
}
END_TEST

/* The same numbers, but packed: a chunk whose packed data end early would have HDF5 read past its memory. */
START_TEST(packed) {
  static content c;
  efla_checkpoint_array arrays[2];
  efla_message why;
  write_one(M);
  ck_assert_int_eq(read_one(settings, &c, arrays, &why), EFLA_OK);
  const hsize_t size = N;
  hid_t file = H5Fopen(where, H5F_ACC_RDWR, H5P_DEFAULT), space = H5Screate_simple(1, &size, NULL);
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  ck_assert(H5Ldelete(file, "parameters", H5P_DEFAULT) >= 0 && H5Pset_chunk(plist, 1, &size) >= 0);
  ck_assert_int_ge(H5Pset_deflate(plist, 1), 0);
  hid_t dataset = H5Dcreate2(file, "parameters", H5T_IEEE_F32LE, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  ck_assert_int_ge(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, c.f32), 0);
  ck_assert(H5Dclose(dataset) >= 0 && H5Pclose(plist) >= 0 && H5Sclose(space) >= 0 && H5Fclose(file) >= 0);
  refused(settings, "parameters: packed by a filter", (efla_checkpoint_array){.name = NULL}, 0);
}
END_TEST

START_TEST(nowhere_to_write) {
  static content c;
  efla_checkpoint_array arrays[2];
  efla_message why;
  size_t n = list(&c, arrays);
  ck_assert_int_eq(efla_checkpoint_write("/nowhere/at/all.h5", settings, arrays, n, &why), EFLA_OUTPUT);
  ck_assert_ptr_nonnull(strstr(why.text, "/nowhere/at/all.h5"));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {there_and_back, refusals, damaged, other_files, packed, nowhere_to_write};
  return testing_main("checkpoint", tests, sizeof tests / sizeof *tests, 60);
}
