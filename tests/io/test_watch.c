/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that change while they are read: refused, whatever the reader made of them. */
#include "files.h"
#include "h5.h"
#include "io/watch.h"
#include "testing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[300], other[320];

typedef void alteration(void);
static void leave(void) {}
static void cut(void) { ck_assert_int_eq(truncate(path, 3), 0); }
static void extend(void) { ck_assert_int_eq(truncate(path, 1 << 20), 0); }
static void overwrite(void) {
  int file = open(path, O_WRONLY);
  struct stat now;
  usleep(20000); /* more than a tick of the clock after the last write */
  ck_assert(file >= 0 && fstat(file, &now) == 0);
  ck_assert_int_eq(pwrite(file, "7", 1, now.st_size - 2), 1);
  close(file);
}
static void overwrite_in_secret(void) {
  struct stat before;
  ck_assert_int_eq(stat(path, &before), 0);
  overwrite();
  ck_assert_int_eq(utimensat(AT_FDCWD, path, (struct timespec[]){before.st_atim, before.st_mtim}, 0), 0);
}
static void add_a_name(void) { ck_assert_int_eq(link(path, other), 0); }
static void replace(void) {
  files_write(other, "another one", 11);
  ck_assert_int_eq(rename(other, path), 0);
}
static void take_away(void) { ck_assert_int_eq(unlink(path), 0); }

static const struct {
  alteration *alter;
  const char *says; /* NULL: no change */
} alterations[] = {{leave, NULL},
                   {cut, "size 12, now 3)"},
                   {extend, "size 12, now 1048576)"},
                   {overwrite, "(last written to at "},
                   {overwrite_in_secret, "(its times, permissions or name were set at "},
                   {add_a_name, NULL},
                   {replace, NULL},
                   {take_away, NULL}};
enum { ALTERATIONS = sizeof alterations / sizeof *alterations };

static void place(const char *name) {
  snprintf(path, sizeof path, "%s/file", files_directory(name));
  snprintf(other, sizeof other, "%s.other", path);
}

START_TEST(what_counts_as_a_change) {
  place("watch-changes");
  for (size_t i = 0; i < ALTERATIONS; i++) {
    unlink(path), unlink(other);
    files_write(path, "a,b\n1,2\n3,4\n", 12);
    int file = open(path, O_RDONLY);
    efla_watch watch = efla_watch_begin(file);
    efla_message why = {{0}};
    alterations[i].alter();
    efla_status status = efla_watch_check(&watch, path, &why);
    ck_assert_msg(status == (alterations[i].says ? EFLA_INPUT : EFLA_OK), "alteration %zu: %d %s", i, (int)status,
                  why.text);
    if (alterations[i].says) {
      ck_assert_msg(strstr(why.text, path) && strstr(why.text, ": changed while it was read ("), "%s", why.text);
      ck_assert_msg(strstr(why.text, alterations[i].says) && strstr(why.text, "expected a file that stays"), "%s",
                    why.text);
    }
    close(file);
  }
  int ends[2];
  ck_assert_int_eq(pipe(ends), 0);
  efla_watch watch = efla_watch_begin(ends[0]);
  ck_assert_int_eq(write(ends[1], "more", 4), 4);
  ck_assert_int_eq(efla_watch_check(&watch, "pipe", NULL), EFLA_OK);
  ck_assert_int_eq(efla_watch_check(&(efla_watch){0}, "nothing", NULL), EFLA_OK);
}
END_TEST

/* Three blocks, one a batch entry; returns how reading ends when the file is altered after so many of them. */
static efla_status stream_through(alteration *alter, size_t after, efla_message *why) {
  efla_tensors file;
  efla_stream stream;
  ck_assert_msg(efla_tensors_open(&file, path, why) == EFLA_OK, "%s", why->text);
  ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){0}, why), EFLA_OK);
  efla_status status = EFLA_OK;
  for (size_t blocks = 0; status == EFLA_OK && !stream.done; blocks++) {
    if (blocks == after) alter();
    status = efla_stream_next(&stream, why);
    ck_assert(status == EFLA_OK || blocks == after); /* at the very next block, or at the end */
    ck_assert(stream.done == (blocks == 3));
  }
  efla_stream_clear(&stream);
  ck_assert_int_eq(efla_tensors_close(&file, NULL), EFLA_OK);
  return status;
}

START_TEST(streams_stop_at_the_next_block) {
  const h5_sizes sizes = {3, 400, 2, 8, 8};
  static alteration *const changes[] = {leave, cut, overwrite, overwrite_in_secret, replace};
  place("watch-stream");
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
    for (size_t after = 0; after <= 3; after++) {
      efla_message why = {{0}};
      hid_t made = h5_create(path);
      h5_inputs(made, &sizes, 1);
      h5_close(made);
      efla_status status = stream_through(changes[i], after, &why);
      bool fine = changes[i] == leave || changes[i] == replace;
      ck_assert_msg(status == (fine ? EFLA_OK : EFLA_INPUT), "change %zu after %zu blocks: %d", i, after, (int)status);
      ck_assert_msg(fine || strstr(why.text, ": changed while it was read ("), "%s", why.text);
    }
}
END_TEST

/* q is in another file, to which a link leads: that one is watched, and named. */
START_TEST(a_file_that_a_link_leads_to) {
  const h5_sizes sizes = {3, 400, 2, 8, 8};
  char main_path[300], linked[300];
  efla_message why = {{0}};
  place("watch-link");
  memcpy(linked, path, sizeof linked);
  hid_t made = h5_create(path);
  h5_inputs(made, &sizes, 1);
  h5_close(made);
  snprintf(main_path, sizeof main_path, "%.280s.main", path);
  made = h5_create(main_path);
  h5_inputs(made, &sizes, 1);
  H5Ldelete(made, "q", H5P_DEFAULT);
  ck_assert_int_ge(H5Lcreate_external("file", "q", made, "q", H5P_DEFAULT, H5P_DEFAULT), 0);
  h5_close(made);
  efla_tensors file;
  double q[8];
  ck_assert_msg(efla_tensors_open(&file, main_path, &why) == EFLA_OK, "%s", why.text);
  const efla_tensor_block one = {.heads = 1, .tokens = 1};
  const efla_array to = efla_array_head_major(q, EFLA_F64, 1, 1, sizes.dk);
  ck_assert_int_eq(efla_tensors_read(&file, EFLA_Q, &one, to, &why), EFLA_OK);
  cut();
  ck_assert_int_eq(efla_tensors_read(&file, EFLA_K, &one, to, &why), EFLA_OK);
  ck_assert_int_eq(efla_tensors_read(&file, EFLA_Q, &one, to, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, linked) && strstr(why.text, ": changed while it was read (size "), "%s", why.text);
  ck_assert_int_eq(efla_tensors_unchanged(&file, &why), EFLA_INPUT);
  efla_tensors_close(&file, NULL);
}
END_TEST

/* HDF5 opens a file once: here it has been open since before the cut, as if that had happened while ours was being
 * opened. */
START_TEST(cut_while_it_is_opened) {
  efla_tensors file;
  efla_message why = {{0}};
  struct stat whole;
  place("watch-opening");
  hid_t made = h5_create(path);
  h5_inputs(made, &(h5_sizes){3, 400, 2, 8, 8}, 1);
  h5_close(made);
  hid_t early = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  ck_assert(early >= 0 && stat(path, &whole) == 0);
  ck_assert_int_eq(truncate(path, whole.st_size / 2), 0);
  char sizes[100];
  snprintf(sizes, sizeof sizes, "(size %jd, now %jd)", (intmax_t)whole.st_size, (intmax_t)whole.st_size / 2);
  ck_assert_int_eq(efla_tensors_open(&file, path, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, sizes) != NULL, "%s lacks %s", why.text, sizes);
  H5Fclose(early);
}
END_TEST

/* A checkpoint's numbers are cut off in the same way; the checksum of the zeros that HDF5 makes of them is right. */
START_TEST(a_checkpoint_that_is_cut) {
  static float numbers[1 << 16], back[1 << 16];
  efla_checkpoint_array array = {"numbers", 1 << 16, false, numbers, NULL};
  efla_message why = {{0}};
  haddr_t address;
  hsize_t offset, bytes;
  unsigned filters;
  place("watch-checkpoint");
  for (size_t i = 0; i < 1 << 16; i++) numbers[i] = 1;
  ck_assert_int_eq(efla_checkpoint_write(path, "s", &array, 1, &why), EFLA_OK);
  hid_t early = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), dataset = H5Dopen2(early, "numbers", H5P_DEFAULT);
  hid_t space = H5Dget_space(dataset);
  ck_assert_int_ge(H5Dget_chunk_info(dataset, space, 0, &offset, &filters, &address, &bytes), 0);
  array.f32 = back;
  ck_assert_int_eq(efla_checkpoint_read(path, "s", &array, 1, &why), EFLA_OK);
  ck_assert_int_eq(truncate(path, (off_t)address), 0);
  ck_assert_int_eq(efla_checkpoint_read(path, "s", &array, 1, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, ": changed while it was read (size ") != NULL, "%s", why.text);
  H5Sclose(space), H5Dclose(dataset), H5Fclose(early);
}
END_TEST

/* Takes the place of the C library's for the whole program: the file is altered as soon as a reader has noted how it
 * is. */
static alteration *upcoming;
int fstat(int file, struct stat *now) {
  int result = fstatat(file, "", now, AT_EMPTY_PATH);
  alteration *alter = upcoming;
  upcoming = NULL;
  if (alter) alter();
  return result;
}

static void cut_to_rows(void) { ck_assert_int_eq(truncate(path, 8), 0); } /* "a,b\n1,2\n", a table as well */

/* Readers of whole files, in which the change need not show either. */
START_TEST(tables_and_bytes) {
  static alteration *const changes[] = {cut_to_rows, extend, overwrite_in_secret, replace, leave};
  unsigned char bytes[64];
  const size_t size[] = {5, 3, 2}, length = files_idx(bytes, sizeof bytes, 3, size);
  efla_message why = {{0}};
  place("watch-whole");
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
    for (int idx = 0; idx < 2; idx++) {
      efla_csv csv = {0};
      efla_idx images = {0};
      unlink(path);
      if (idx)
        files_write(path, bytes, length);
      else
        files_write(path, "a,b\n1,2\n3,4\n", 12);
      upcoming = changes[i];
      efla_status status = idx ? efla_idx_read(&images, path, 3, &why) : efla_csv_read(&csv, path, &why);
      ck_assert_ptr_null(upcoming);
      ck_assert_msg(status == (i < 3 ? EFLA_INPUT : EFLA_OK), "change %zu, idx %d: %d %s", i, idx, (int)status,
                    why.text);
      ck_assert_msg(i >= 3 || strstr(why.text, ": changed while it was read (") != NULL, "%s", why.text);
      if (i >= 3) ck_assert(idx ? !memcmp(images.data, bytes + 16, 30) : csv.rows == 2);
      efla_csv_clear(&csv);
      efla_idx_clear(&images);
    }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {what_counts_as_a_change, streams_stop_at_the_next_block, a_file_that_a_link_leads_to,
                                cut_while_it_is_opened,  a_checkpoint_that_is_cut,       tables_and_bytes};
  return testing_main("watch", tests, sizeof tests / sizeof *tests, 60);
}
