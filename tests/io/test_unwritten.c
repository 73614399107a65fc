/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datasets whose numbers are not there: HDF5 reads fill values instead, the toolkit refuses them. */
#include "files.h"
#include "h5.h"
#include "testing.h"

#include <sys/stat.h>
#include <unistd.h>

static const h5_sizes usual = {2, 10, 3, 4, 6};
static const hsize_t shape[] = {2, 10, 3, 4}; /* of k */

static void check_opening(const char *says) {
  efla_tensors file;
  efla_message why = {{0}};
  efla_status status = efla_tensors_open(&file, h5_path, &why);
  ck_assert_msg(status == (says ? EFLA_INPUT : EFLA_OK), "status %d: %s", (int)status, why.text);
  ck_assert_msg(!says || strstr(why.text, says) != NULL, "%s lacks: %s", why.text, says);
  efla_tensors_close(&file, NULL);
}

/* A file whose k is made as plist says, in chunks of one token (or not at all), and the first chunks written. */
static void make(hid_t plist, bool latest, bool endless, size_t written) {
  static const float zeros[3 * 4];
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  const hsize_t most[] = {2, H5S_UNLIMITED, endless ? H5S_UNLIMITED : 3, 4};
  H5Fclose(h5_fresh("unwritten"));
  if (latest) H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST); /* other indices of chunks */
  hid_t file = H5Fcreate(h5_path, H5F_ACC_TRUNC, H5P_DEFAULT, access),
        space = H5Screate_simple(4, shape, endless ? most : NULL);
  h5_inputs(file, &usual, 1);
  H5Ldelete(file, "k", H5P_DEFAULT);
  hid_t dataset = H5Dcreate2(file, "k", H5T_IEEE_F32LE, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  ck_assert_int_ge(dataset, 0);
  for (hsize_t i = 0; i < written; i++) {
    const hsize_t start[] = {i / 10, i % 10, 0, 0}, count[] = {1, 1, 3, 4};
    hid_t memory = H5Screate_simple(4, count, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    ck_assert_int_ge(H5Dwrite(dataset, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, zeros), 0);
    H5Sclose(memory);
  }
  H5Dclose(dataset);
  H5Sclose(space);
  h5_close(file);
  H5Pclose(access);
}

/* All indices of chunks that HDF5 has, with and without a filter. */
START_TEST(chunks) {
  static const hsize_t chunk[] = {1, 1, 3, 4};
  for (int kind = 0; kind < 8; kind++) {
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(plist, 4, chunk);
    if (kind & 4) H5Pset_deflate(plist, 1);
    for (size_t written = 0; written <= 20; written += written == 1 ? 18 : 1) { /* 0, 1, 19, 20 */
      char says[100];
      make(plist, kind & 1, kind & 2, written);
      snprintf(says, sizeof says, ": k: %zu of 20 chunks never written, expected numbers in all", 20 - written);
      check_opening(written == 0 ? ": k: never written, expected numbers" : written < 20 ? says : NULL);
    }
    H5Pset_chunk(plist, 4, shape); /* one chunk */
    make(plist, kind & 1, kind & 2, 0);
    check_opening(": k: never written");
    make(plist, kind & 1, kind & 2, 20);
    check_opening(NULL);
    H5Pset_chunk(plist, 4, (hsize_t[]){2, 4, 2, 3}); /* chunks that reach beyond the edges: 1 * 3 * 2 * 2 */
    make(plist, kind & 1, kind & 2, 4);
    check_opening(": k: 8 of 12 chunks never written");
    make(plist, kind & 1, kind & 2, 20);
    check_opening(NULL);
    H5Pclose(plist);
  }
}
END_TEST

/* A fill value of one's own is no number that anybody wrote; compact data are always there, and so is space that was
 * set aside. */
START_TEST(other_storage) {
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  make(plist, false, false, 0);
  check_opening(": k: never written");
  make(plist, false, false, 1);
  check_opening(NULL);
  H5Pset_fill_value(plist, H5T_NATIVE_FLOAT, &(float){0.5f});
  make(plist, false, false, 0);
  check_opening(": k: never written");
  H5Pset_layout(plist, H5D_COMPACT);
  make(plist, false, false, 0);
  check_opening(NULL);
  H5Pset_layout(plist, H5D_CONTIGUOUS);
  H5Pset_alloc_time(plist, H5D_ALLOC_TIME_EARLY);
  make(plist, false, false, 0);
  check_opening(NULL);
  H5Pclose(plist);
}
END_TEST

START_TEST(numbers_in_other_files) {
  hid_t plist = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(4, shape, NULL);
  char raw[300];
  H5Fclose(h5_fresh("unwritten-raw"));
  snprintf(raw, sizeof raw, "%s.raw", h5_path);
  H5Pset_external(plist, raw, 0, H5F_UNLIMITED);
  make(plist, false, false, 20);
  check_opening(": k: its numbers are in other files (external storage), expected them in this one");
  H5Pclose(plist);
  plist = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_virtual(plist, space, "no such file", "k", space);
  make(plist, true, false, 0);
  check_opening(": k: its numbers are in other files (a virtual dataset), expected them in this one");
  H5Pclose(plist);
  H5Sclose(space);
}
END_TEST

/* Every dataset that is read, in a file that is right otherwise. */
START_TEST(every_dataset) {
  static const struct {
    const char *name;
    size_t rank;
    hsize_t size[4];
  } all[] = {{"q", 4, {1, 10, 3, 4}},
             {"k", 4, {1, 10, 3, 4}},
             {"v", 4, {1, 10, 3, 6}},
             {"beta", 3, {1, 10, 3}},
             {"g", 3, {1, 10, 3}},
             {"o", 4, {1, 10, 3, 6}},
             {"initial_state", 4, {1, 3, 4, 6}},
             {"final_state", 4, {1, 3, 4, 6}},
             {"cu_seqlens", 1, {2}}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    char says[64];
    hid_t made = h5_fresh("unwritten-each");
    h5_inputs(made, &(h5_sizes){1, 10, 3, 4, 6}, 1);
    if (i < 4) H5Ldelete(made, all[i].name, H5P_DEFAULT);
    h5_put(made, all[i].name, H5T_IEEE_F32LE, all[i].rank, all[i].size, NULL);
    h5_close(made);
    snprintf(says, sizeof says, ": %s: never written, expected numbers", all[i].name);
    check_opening(says);
  }
}
END_TEST

/* 2^40 tokens in a few kilobytes, to every program: the same refusal at once. */
START_TEST(a_tiny_file_with_a_great_claim) {
  const hsize_t T = (hsize_t)1 << 40;
  struct stat tiny;
  hid_t made = h5_fresh("unwritten-claim");
  H5_PUT(made, "q", H5T_IEEE_F32LE, NULL, T, 4);
  H5_PUT(made, "k", H5T_IEEE_F32LE, NULL, T, 4);
  H5_PUT(made, "v", H5T_IEEE_F32LE, NULL, T, 4);
  H5_PUT(made, "beta", H5T_IEEE_F32LE, NULL, T);
  H5_PUT(made, "o", H5T_IEEE_F32LE, NULL, T, 4);
  h5_close(made);
  ck_assert(stat(h5_path, &tiny) == 0 && tiny.st_size < 8192);
  static const char *const programs[] = {"run --output /no/such/place.h5", "diagnose", "compare"};
  for (size_t i = 0; i < 3; i++) {
    char command[600], said[4096], complained[4096];
    snprintf(command, sizeof command, TEST_BIN "/%s --input %s", programs[i], h5_path);
    ck_assert_int_eq(testing_shell(command, said, complained, sizeof said), 3);
    ck_assert_msg(strstr(complained, h5_path) && strstr(complained, ": q: never written"), "%s", complained);
    ck_assert_str_eq(said, "");
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {chunks, other_storage, numbers_in_other_files, every_dataset,
                                a_tiny_file_with_a_great_claim};
  return testing_main("unwritten", tests, sizeof tests / sizeof *tests, 60);
}
