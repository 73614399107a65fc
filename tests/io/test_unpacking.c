/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compressed tensor files are unpacked once: a filter counts how often HDF5 asks for a chunk, and memory stays
 * bounded. */
#include "files.h"
#include "h5.h"
#include "testing.h"

#include <sys/resource.h>
#include <unistd.h>

enum { COUNTING = 300, MIB = 1 << 20 }; /* HDF5 leaves 256 ... 511 to tests */

static size_t unpacked; /* chunks, in this process and not in the child that tries a file first */

/* Packs a chunk into its number of bytes; unpacks that to zeros. */
static size_t count_chunk(unsigned flags, size_t values, const unsigned value[], size_t n, size_t *size,
                          void **buffer) {
  (void)values, (void)value;
  bool back = flags & H5Z_FLAG_REVERSE;
  size_t length = n;
  if (back) memcpy(&length, *buffer, sizeof length);
  unpacked += back;
  size_t made = back ? length : sizeof length;
  void *bytes = H5allocate_memory(made, false);
  memset(bytes, 0, made); /* pages that were written to, which count as memory */
  if (!back) memcpy(bytes, &length, sizeof length);
  H5free_memory(*buffer);
  *buffer = bytes, *size = made;
  return made;
}

static const H5Z_class2_t counting = {.version = H5Z_CLASS_T_VERS,
                                      .id = COUNTING,
                                      .encoder_present = 1,
                                      .decoder_present = 1,
                                      .name = "counting",
                                      .filter = count_chunk};

/* A dataset of zeros in f32; returns how many chunks it has. */
static size_t put_zeros(hid_t file, const char *name, size_t rank, const hsize_t *size, const hsize_t *chunk) {
  hid_t space = H5Screate_simple((int)rank, size, NULL), plist = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(plist, (int)rank, chunk);
  ck_assert_int_ge(H5Pset_filter(plist, COUNTING, H5Z_FLAG_MANDATORY, 0, NULL), 0);
  hid_t made = H5Dcreate2(file, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  size_t bytes = sizeof(float), chunks = 1;
  for (size_t i = 0; i < rank; i++) bytes *= chunk[i], chunks *= (size[i] + chunk[i] - 1) / chunk[i];
  for (size_t n = 0; n < chunks; n++) {
    hsize_t at[4];
    for (size_t i = rank, rest = n; i-- > 0;) {
      size_t along = (size[i] + chunk[i] - 1) / chunk[i];
      at[i] = rest % along * chunk[i], rest /= along;
    }
    ck_assert_int_ge(H5Dwrite_chunk(made, H5P_DEFAULT, 0, at, sizeof bytes, &bytes), 0);
  }
  ck_assert_int_ge(H5Dclose(made), 0);
  H5Pclose(plist);
  H5Sclose(space);
  return chunks;
}

/* Sizes of q, k, v, beta; v is in chunks of this shape, in the order of its axes, the others in one chunk each. */
typedef struct packing {
  const char *name, *layout;
  hsize_t size[4], chunk[4]; /* B, T, H, dv as the layout has them */
} packing;

static size_t make(const packing *p) {
  hid_t file = h5_fresh("unpacking");
  const hsize_t narrow[] = {p->size[0], p->size[1], p->size[2], 1};
  ck_assert_int_ge(H5Zregister(&counting), 0);
  size_t chunks = put_zeros(file, "q", 4, narrow, narrow) + put_zeros(file, "k", 4, narrow, narrow);
  chunks += put_zeros(file, "v", 4, p->size, p->chunk) + put_zeros(file, "beta", 3, narrow, narrow);
  h5_text(file, "layout", p->layout);
  h5_close(file);
  return chunks;
}

static void pass(const efla_walk *walk) {
  efla_tensors file = h5_open_fresh();
  efla_stream stream;
  efla_message why = {{0}};
  size_t blocks = 0;
  unpacked = 0;
  ck_assert_int_eq(efla_stream_init(&stream, &file, walk, &why), EFLA_OK);
  while (efla_stream_next(&stream, &why) == EFLA_OK && !stream.done) blocks++;
  ck_assert_msg(stream.done, "%s", why.text);
  ck_assert_uint_gt(blocks, 1); /* or nothing is seen of chunks that go on in the next block */
  efla_stream_clear(&stream);
  efla_tensors_close(&file, NULL);
}

START_TEST(each_chunk_once) {
  static const packing packings[] = {
      {"one chunk, larger than a block", "BTHD", {1, 16384, 4, 96}, {1, 16384, 4, 96}},               /* 24 MiB */
      {"the largest chunk", "BTHD", {1, 32768, 4, 128}, {1, 32768, 4, 128}},                          /* 64 MiB */
      {"a chunk for each head, together too large", "BTHD", {1, 16384, 12, 128}, {1, 16384, 1, 128}}, /* 12 of 8 MiB */
      {"the same, heads first", "BHTD", {1, 12, 16384, 128}, {1, 1, 16384, 128}},
      {"several heads, and parts of their vectors", "BTHD", {1, 16384, 12, 128}, {1, 16384, 4, 64}}, /* 6 of 16 MiB */
      {"chunks that end anywhere", "BTHD", {1, 20000, 8, 128}, {1, 4099, 3, 128}},                   /* 15 of 6 MiB */
      {"several batch entries", "BTHD", {4, 8192, 2, 128}, {4, 1024, 2, 128}},                       /* 8 of 4 MiB */
  };
  for (size_t i = 0; i < sizeof packings / sizeof *packings; i++) {
    size_t chunks = make(&packings[i]);
    pass(&(efla_walk){.states = 1});
    ck_assert_msg(unpacked == chunks, "%s: %zu chunks, unpacked %zu times", packings[i].name, chunks, unpacked);
  }
}
END_TEST

static size_t resident(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (size_t)usage.ru_maxrss * 1024;
}

/* Of so many bytes of chunks there is kept what EFLA_LARGEST_CHUNK promises, beside a block of 32 MiB, a chunk in the
 * making and what the process had before.  (AddressSanitizer keeps what was freed, and is spared this.) */
static void check_memory(const packing *p, size_t bytes) {
  size_t before = resident(), chunks = make(p), most = 200 * (size_t)MIB;
  ck_assert_uint_gt(bytes, most + 50 * (size_t)MIB); /* or nothing is seen */
  pass(&(efla_walk){.states = 1});
  ck_assert_uint_eq(unpacked, chunks);
#ifndef __SANITIZE_ADDRESS__
  ck_assert_msg(resident() - before < most, "%zu bytes more than before", resident() - before);
#endif
  (void)before;
}

START_TEST(memory_of_long_chunks) {
  check_memory(&(packing){"", "BTHD", {1, 16384, 48, 128}, {1, 16384, 1, 128}},
               48 * (size_t)16384 * 128 * sizeof(float));
}
END_TEST

/* Half of every other chunk lies beyond the last head, so that HDF5 never sees it read to its end. */
START_TEST(memory_of_chunks_never_read_to_their_end) {
  check_memory(&(packing){"", "BTHD", {1, 200 * 1024, 4, 128}, {1, 1024, 3, 128}},
               200 * (size_t)1024 * 3 * 128 * sizeof(float));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {each_chunk_once, memory_of_long_chunks, memory_of_chunks_never_read_to_their_end};
  return testing_main("unpacking", tests, sizeof tests / sizeof *tests, 120);
}
