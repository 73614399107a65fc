/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compressed tensor files: lzf as h5py packs it is unpacked, whatever is damaged in it, and other filters are
 * refused by name. */
#include "files.h"
#include "h5.h"
#include "io/lzf.h"
#include "testing.h"

#include <gsl/gsl_rng.h>
#include <zlib.h>

enum { LZF = 32000, ROOM = 1 << 16 };

/* Unpacks to `expected`, measured and written alike, into no byte more. */
static void check_unpacked(size_t n, const unsigned char *packed, size_t length, const unsigned char *expected) {
  unsigned char *exact = malloc(length); /* of which AddressSanitizer knows the end */
  ck_assert_uint_eq(efla_lzf_unpack(n, packed, length, NULL), length);
  ck_assert_uint_eq(efla_lzf_unpack(n, packed, length, exact), length);
  ck_assert_mem_eq(exact, expected, length);
  ck_assert_uint_eq(efla_lzf_unpack(n, packed, length - 1, exact), 0);
  free(exact);
}

#define BYTES(...)                                                                                                     \
  sizeof((unsigned char[]){__VA_ARGS__}), (const unsigned char[]) { __VA_ARGS__ }

/* Every kind of item, each by the description of the format in io/lzf.h. */
START_TEST(items_of_lzf) {
  unsigned char long_run[9 + 255 + 1], far[8192 + 3], packed[ROOM];
  check_unpacked(BYTES(2, 'a', 'b', 'c'), 3, (const unsigned char *)"abc");
  check_unpacked(BYTES(2, 'a', 'b', 'c', 0x20, 2), 6, (const unsigned char *)"abcabc");
  check_unpacked(BYTES(0, 'x', 0xc0, 0), 9, (const unsigned char *)"xxxxxxxxx");             /* into itself */
  check_unpacked(BYTES(1, 'x', 'y', 0xe0, 1, 1), 12, (const unsigned char *)"xyxyxyxyxyxy"); /* 7 + 2 + 1 */
  memset(long_run, 'z', sizeof long_run);
  check_unpacked(BYTES(0, 'z', 0xe0, 255, 0), sizeof long_run, long_run);
  size_t n = 0;
  for (size_t i = 0; i < 8192; i++) { /* the farthest reference there is: 31*256 + 255 + 1 bytes back */
    if (i % 32 == 0) packed[n++] = 31;
    packed[n++] = far[i] = (unsigned char)(i * 7 + i / 256);
  }
  memcpy(far + 8192, far, 3);
  packed[n++] = 0x3f, packed[n++] = 0xff;
  check_unpacked(n, packed, sizeof far, far);
}
END_TEST

START_TEST(damaged_lzf) {
  static const unsigned char whole[] = {1, 'x', 'y', 0xe0, 1, 1, 0, 'z'};
  unsigned char bytes[ROOM];
  for (size_t n = 0; n <= sizeof whole; n++) { /* cut within an item, or at its end */
    unsigned char *exact = malloc(n + !n);
    memcpy(exact, whole, n);
    ck_assert_uint_eq(efla_lzf_unpack(n, exact, ROOM, bytes), n == 3 ? 2 : n == 6 ? 12 : n == 8 ? 13 : 0);
    free(exact);
  }
  ck_assert_uint_eq(efla_lzf_unpack(BYTES(0x20, 0), ROOM, bytes), 0);         /* there is nothing before */
  ck_assert_uint_eq(efla_lzf_unpack(BYTES(0, 'x', 0x20, 1), ROOM, bytes), 0); /* not that far back */
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (int trial = 0; trial < 20000; trial++) {
    size_t n = gsl_rng_uniform_int(draw, 60), most = gsl_rng_uniform_int(draw, 400);
    unsigned char *packed = malloc(n + 1), *exact = malloc(most + 1);
    for (size_t i = 0; i < n; i++) packed[i] = (unsigned char)gsl_rng_uniform_int(draw, 256);
    if (n > 0) packed[0] %= 32;
    memset(exact, 0x5a, most + 1);
    size_t found = efla_lzf_unpack(n, packed, most, exact);
    ck_assert(found <= most && found == efla_lzf_unpack(n, packed, most, NULL) && exact[most] == 0x5a);
    free(packed), free(exact);
  }
  gsl_rng_free(draw);
}
END_TEST

/* Packs by the description: the longest string that stood before, where there are three bytes of it, or else the byte
 * itself. */
static size_t pack(size_t n, const unsigned char *bytes, unsigned char *packed) {
  size_t made = 0;
  for (size_t at = 0, length = 0, back = 0; at < n; at += length) {
    length = 1, back = 0;
    for (size_t b = 1; b <= at && b <= 8192; b++) {
      size_t l = 0;
      while (at + l < n && l < 264 && bytes[at + l] == bytes[at + l - b]) l++;
      if (l >= 3 && l > length) length = l, back = b;
    }
    if (back == 0) {
      packed[made++] = 0, packed[made++] = bytes[at];
      continue;
    }
    packed[made++] = (unsigned char)((length < 9 ? length - 2 : 7) << 5 | (back - 1) >> 8);
    if (length >= 9) packed[made++] = (unsigned char)(length - 9);
    packed[made++] = (unsigned char)((back - 1) & 255);
  }
  return made;
}

enum { T = 12, D = 4, CHUNK = 5 }; /* the last chunk is not full */
static const h5_sizes sizes = {0, T, 0, D, D};

/* A dataset of a filter that need not be available here; its values say chunks of so many bytes.  (HDF5 makes none of a
 * filter that it knows but that only unpacks, as ours is once a tensor file was opened.) */
static hid_t make_filtered(hid_t file, const char *name, int filter, unsigned bytes) {
  if (H5Zfilter_avail(LZF) > 0) ck_assert_int_ge(H5Zunregister(LZF), 0);
  const hsize_t size[] = {T, D}, chunk[] = {CHUNK, D};
  const unsigned values[] = {4, 0x105, bytes};
  hid_t space = H5Screate_simple(2, size, NULL), plist = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(plist, 2, chunk);
  ck_assert_int_ge(H5Pset_filter(plist, filter, H5Z_FLAG_OPTIONAL, 3, values), 0);
  hid_t made = H5Dcreate2(file, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  ck_assert_msg(made >= 0, "cannot create %s with filter %d", name, filter);
  H5Pclose(plist);
  H5Sclose(space);
  return made;
}

/* The usual v packed by lzf; `change` spoils the first chunk, of n bytes, and returns how many are left. */
static void put_lzf(hid_t file, unsigned bytes, size_t (*change)(size_t n, unsigned char *packed, size_t how),
                    size_t how) {
  double *v = h5_numbers(&sizes, 'v', 1);
  hid_t made = make_filtered(file, "v", LZF, bytes);
  for (hsize_t first = 0; first < T; first += CHUNK) {
    float one[CHUNK * D] = {0};
    unsigned char raw[sizeof one], packed[2 * sizeof one];
    for (size_t i = 0; i < CHUNK * D && first * D + i < T * D; i++) one[i] = (float)v[first * D + i];
    memcpy(raw, one, sizeof one);
    size_t n = pack(sizeof raw, raw, packed);
    if (first == 0 && change) n = change(n, packed, how);
    ck_assert_int_ge(H5Dwrite_chunk(made, H5P_DEFAULT, 0, (const hsize_t[]){first, 0}, n, packed), 0);
  }
  H5Dclose(made);
  free(v);
}

static void make_lzf(const char *name, unsigned bytes, size_t (*change)(size_t n, unsigned char *packed, size_t how),
                     size_t how) {
  hid_t file = h5_fresh(name);
  h5_inputs(file, &sizes, 1);
  H5Ldelete(file, "v", H5P_DEFAULT);
  put_lzf(file, bytes, change, how);
  h5_close(file);
}

static efla_status read_v(double *v, efla_message *why) {
  efla_tensors file;
  efla_status status = efla_tensors_open(&file, h5_path, why);
  if (status != EFLA_OK) return status;
  const efla_tensor_block all = {0, 0, 1, 0, T};
  const efla_array to = efla_array_head_major(v, EFLA_F64, T, 1, D);
  status = efla_tensors_read(&file, EFLA_V, &all, to, why);
  if (status != EFLA_OK) /* and it stays refused */
    ck_assert_int_eq(efla_tensors_read(&file, EFLA_V, &all, to, NULL), status);
  efla_tensors_close(&file, NULL);
  return status;
}

START_TEST(lzf_in_a_file) {
  double found[T * D], *v = h5_numbers(&sizes, 'v', 1);
  efla_message why = {{0}};
  make_lzf("filters-lzf", CHUNK * D * sizeof(float), NULL, 0);
  ck_assert_msg(read_v(found, &why) == EFLA_OK, "%s", why.text);
  ck_assert_mem_eq(found, v, sizeof found);
  free(v);
}
END_TEST

/* By h5py itself: q shuffled and in several chunks, v with checksums, all numbers by a formula. */
START_TEST(lzf_of_h5py) {
  enum { TOKENS = 40, HEADS = 2, WIDTH = 6 };
  static double values[3][HEADS * TOKENS * WIDTH];
  efla_tensors file;
  efla_message why = {{0}};
  ck_assert_msg(efla_tensors_open(&file, "tests/corpus/tensors/lzf.h5", &why) == EFLA_OK, "%s", why.text);
  for (efla_tensor t = EFLA_Q; t <= EFLA_V; t++)
    ck_assert_msg(efla_tensors_read(&file, t, &(efla_tensor_block){0, 0, HEADS, 0, TOKENS},
                                    efla_array_head_major(values[t], EFLA_F64, TOKENS, HEADS, WIDTH), &why) == EFLA_OK,
                  "%s", why.text);
  for (size_t e = 0; e < HEADS * TOKENS * WIDTH; e++) {
    size_t h = e / WIDTH / TOKENS, t = e / WIDTH % TOKENS, d = e % WIDTH;
    double expected = (double)((7 * t + 3 * h + 5 * d) % 16) / 4;
    ck_assert(values[EFLA_Q][e] == expected && values[EFLA_K][e] == expected / 8 && values[EFLA_V][e] == -expected);
  }
  efla_tensors_close(&file, NULL);
}
END_TEST

static size_t cut(size_t n, unsigned char *packed, size_t how) {
  (void)packed;
  return n - how;
}
static size_t flip(size_t n, unsigned char *packed, size_t how) {
  packed[how % n] ^= (unsigned char)(1 << how / n % 8);
  return n;
}

static void check_refused(const char *first, const char *second) {
  double v[T * D];
  efla_message why = {{0}};
  ck_assert_int_eq(read_v(v, &why), EFLA_INPUT);
  ck_assert_msg(!strncmp(why.text, h5_path, strlen(h5_path)) && strstr(why.text, first) && strstr(why.text, second),
                "%s", why.text);
}

/* A chunk that is cut is not whole and is refused, one with a flip may be whole; values that do not go with the chunk's
 * shape. */
START_TEST(damaged_chunks) {
  double v[T * D];
  for (size_t how = 1; how < 100; how += 3) {
    make_lzf("filters-damaged", CHUNK * D * sizeof(float), cut, how);
    check_refused(": v: cannot read, truncated or damaged: a chunk that lzf cannot unpack",
                  "expected a whole HDF5 file");
    make_lzf("filters-damaged", CHUNK * D * sizeof(float), flip, how * 5);
    efla_message why = {{0}};
    efla_status status = read_v(v, &why);
    ck_assert_msg(status == EFLA_OK || (status == EFLA_INPUT && strstr(why.text, ": v: ")), "%zu: %s", how, why.text);
  }
  make_lzf("filters-damaged", 81, NULL, 0);
  check_refused(": v: damaged: lzf is to unpack chunks of 81 bytes", "expected 80");
}
END_TEST

/* A whole gzip stream, or none at all, of fewer or more bytes than a chunk has: HDF5 itself reads beyond a shorter one,
 * and takes all the memory that a longer one asks for.  The second chunk, which opening does not read; and the whole
 * thing under a checksum. */
static void make_gzip(size_t bytes, bool checksum, bool skipped) {
  hid_t file = h5_fresh("filters-length"), plist = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t size[] = {T, D}, chunk[] = {CHUNK, D};
  hid_t space = H5Screate_simple(2, size, NULL);
  h5_inputs(file, &sizes, 1);
  H5Ldelete(file, "v", H5P_DEFAULT);
  H5Pset_chunk(plist, 2, chunk);
  H5Pset_shuffle(plist);
  if (checksum) H5Pset_fletcher32(plist); /* before it is compressed, so that it counts to what comes out */
  H5Pset_deflate(plist, 6);
  hid_t made = H5Dcreate2(file, "v", H5T_IEEE_F32LE, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  static const double numbers[T * D] = {1};
  ck_assert_int_ge(H5Dwrite(made, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers), 0);
  unsigned char *zeros = calloc(bytes, 1), *packed = malloc(bytes + 100);
  uLongf n = bytes + 100;
  ck_assert_int_eq(compress2(packed, &n, zeros, bytes, 6), Z_OK);
  if (skipped) memcpy(packed, zeros, n = bytes);
  uint32_t mask = skipped ? checksum ? 4 : 2 : 0;
  ck_assert_int_ge(H5Dwrite_chunk(made, H5P_DEFAULT, mask, (const hsize_t[]){CHUNK, 0}, n, packed), 0);
  free(zeros), free(packed);
  H5Dclose(made), H5Pclose(plist), H5Sclose(space);
  h5_close(file);
}

START_TEST(chunks_of_another_length) {
  enum { BYTES = CHUNK * D * sizeof(float) };
  double v[T * D];
  efla_message why = {{0}};
  static const size_t wrong[] = {1, 4, BYTES - 4, BYTES - 1, BYTES + 8, 100 * BYTES};
  for (int kind = 0; kind < 4; kind++) {
    bool checksum = kind & 1, skipped = kind & 2;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
      bool less = wrong[i] < BYTES;
      make_gzip(wrong[i], checksum, skipped);
      check_refused(less ? ": v: damaged: the chunk that begins at (5,0) unpacks to less than 80 bytes"
                         : ": v: damaged: the chunk that begins at (5,0) unpacks to more than 80 bytes",
                    "expected that many");
    }
    if (checksum) continue; /* of which a right one would have to be computed */
    make_gzip(BYTES, false, skipped);
    ck_assert_msg(read_v(v, &why) == EFLA_OK && v[CHUNK * D] == 0, "%s", why.text);
  }
}
END_TEST

/* Named by the file, by its number, or by neither: before anything is computed, with status 3. */
START_TEST(filters_that_are_missing) {
  static const struct {
    int filter;
    const char *name;
  } missing[] = {
      {32001, "blosc"}, {32015, "zstd"}, {32026, "blosc2"}, {307, "bzip2"}, {499, "a filter without a name"}};
  char command[700], said[1000], named[100];
  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
    hid_t file = h5_fresh("filters-missing");
    h5_inputs(file, &sizes, 1);
    H5Ldelete(file, "k", H5P_DEFAULT);
    hid_t made = make_filtered(file, "k", missing[i].filter, 80);
    for (hsize_t first = 0; first < T; first += CHUNK)
      ck_assert_int_ge(H5Dwrite_chunk(made, H5P_DEFAULT, 0, (const hsize_t[]){first, 0}, 3, "abc"), 0);
    H5Dclose(made);
    h5_close(file);
    snprintf(named, sizeof named, ": k: packed by %s (filter number %d), which is not available here", missing[i].name,
             missing[i].filter);
    check_refused(named, "expected gzip, lzf or no compression");
    snprintf(command, sizeof command, TEST_BIN "/run --input %s --output %s.out", h5_path, h5_path);
    ck_assert_int_eq(testing_shell(command, NULL, said, sizeof said), 3);
    ck_assert_msg(strstr(said, named) != NULL, "%s", said);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {items_of_lzf,
                                damaged_lzf,
                                lzf_in_a_file,
                                lzf_of_h5py,
                                damaged_chunks,
                                chunks_of_another_length,
                                filters_that_are_missing};
  return testing_main("filters", tests, sizeof tests / sizeof *tests, 120);
}
