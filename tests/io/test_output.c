/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Output files: the old one or the new one, whatever happens, and the new one on the disk before it takes the old one's
 * name. */
#include "files.h"
#include "testing.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static char directory[256], path[300], part[310]; /* absolute, as links are when they have been followed */

static void set_up(const char *name) {
  char *whole = realpath(files_directory(name), NULL);
  ck_assert(whole && strlen(whole) < sizeof directory);
  memcpy(directory, whole, strlen(whole) + 1);
  free(whole);
  snprintf(path, sizeof path, "%s/file", directory);
  snprintf(part, sizeof part, "%s.part", path);
}

static bool exists(const char *file) { return access(file, F_OK) == 0; }

static bool holds(const char *file, const char *text) {
  char found[64] = "";
  FILE *stream = fopen(file, "r");
  if (stream) found[fread(found, 1, sizeof found - 1, stream)] = 0;
  if (stream) fclose(stream);
  return stream && !strcmp(found, text);
}

static efla_output begin(void) {
  efla_output output;
  efla_message why = {{0}};
  ck_assert_msg(efla_output_begin(&output, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert_str_eq(efla_output_name(&output), part);
  return output;
}

static void check_failure(efla_status status, const efla_message *why, const char *sentence) {
  ck_assert_int_eq(status, EFLA_OUTPUT);
  ck_assert_msg(strstr(why->text, path) && strstr(why->text, sentence), "%s", why->text);
}

/* These two take the place of the C library's for the whole program: what reached the disk and in which order, and a
 * disk that fails. */
static char order[16];
static int fsync_error, rename_error;

static int note(char what, int error) {
  if (strlen(order) < sizeof order - 1) order[strlen(order)] = what;
  errno = error;
  return error ? -1 : 0;
}

int fsync(int file) {
  struct stat status;
  ck_assert_int_eq(fstat(file, &status), 0);
  if (note(S_ISDIR(status.st_mode) ? 'd' : status.st_size == 3 ? 'f' : '?', fsync_error) != 0) return -1;
  return (int)syscall(SYS_fsync, file);
}

int rename(const char *from, const char *to) {
  if (note('r', rename_error) != 0) return -1;
  return (int)syscall(SYS_rename, from, to);
}

START_TEST(bytes_reach_the_disk_before_the_name) {
  set_up("output-order");
  efla_output output = begin();
  files_write(part, "new", 3);
  ck_assert_int_eq(efla_output_finish(&output, NULL), EFLA_OK);
  ck_assert_str_eq(order, "frd");
  ck_assert(holds(path, "new") && !exists(part) && !output.path && !output.part);
}
END_TEST

START_TEST(a_disk_that_fails) {
  efla_message why;
  set_up("output-fails");
  files_write(path, "old", 3);
  for (int which = 0; which < 2; which++) {
    efla_output output = begin();
    files_write(part, "new", 3);
    fsync_error = which ? 0 : EIO, rename_error = which ? ENOSPC : 0;
    check_failure(efla_output_finish(&output, &why), &why, which ? "No space left" : "Input/output error");
    ck_assert(holds(path, "old") && !exists(part));
  }
  fsync_error = EINVAL, rename_error = 0; /* a file system that knows no fsync */
  efla_output output = begin();
  files_write(part, "new", 3);
  ck_assert_int_eq(efla_output_finish(&output, &why), EFLA_OK);
  ck_assert(holds(path, "new"));
}
END_TEST

START_TEST(permissions_are_handed_on) {
  static const mode_t modes[] = {0600, 0640, 0444, 0755};
  struct stat status;
  set_up("output-modes");
  umask(022);
  for (size_t i = 0; i <= sizeof modes / sizeof *modes; i++) {
    if (i > 0) ck_assert_int_eq(chmod(path, modes[i - 1]), 0);
    efla_output output = begin();
    files_write(part, "new", 3);
    ck_assert_int_eq(efla_output_finish(&output, NULL), EFLA_OK);
    ck_assert(stat(path, &status) == 0 && (status.st_mode & 0777) == (i > 0 ? modes[i - 1] : 0644));
  }
}
END_TEST

/* Two programs write the same path at the same time: the later one has it, the earlier one notices, and nobody's half
 * gets the name. */
START_TEST(two_writers) {
  efla_message why;
  for (int gives_up = 0; gives_up < 2; gives_up++) {
    set_up(gives_up ? "output-two-up" : "output-two");
    files_write(path, "old", 3);
    efla_output first = begin();
    FILE *stream = fopen(part, "w");
    ck_assert_ptr_nonnull(stream);
    fputs("first", stream);
    efla_output second = begin();
    files_write(part, "sec", 3); /* the first half of it */
    fclose(stream);
    if (gives_up)
      efla_output_abandon(&first);
    else
      check_failure(efla_output_finish(&first, &why), &why, "another program");
    ck_assert(holds(path, "old") && holds(part, "sec"));
    files_write(part, "second", 6);
    ck_assert_int_eq(efla_output_finish(&second, &why), EFLA_OK);
    ck_assert(holds(path, "second") && !exists(part));
  }
}
END_TEST

START_TEST(what_was_left_behind) {
  set_up("output-left");
  files_write(part, "of a program that was killed", 28);
  ck_assert_int_eq(chmod(part, 0), 0);
  efla_output output = begin();
  ck_assert(holds(part, ""));
  efla_output_abandon(&output);
  efla_output_abandon(&output);
  ck_assert(!exists(part) && !exists(path));
}
END_TEST

/* A link is followed: the file behind it is replaced, beside its own place. */
START_TEST(links_stay) {
  char other[310], target[64] = "";
  set_up("output-links");
  snprintf(other, sizeof other, "%s/other", directory);
  files_write(other, "old", 3);
  ck_assert_int_eq(symlink("other", path), 0);
  efla_output output;
  ck_assert_int_eq(efla_output_begin(&output, path, NULL), EFLA_OK);
  ck_assert(!exists(part) && strstr(efla_output_name(&output), "/other.part"));
  files_write(efla_output_name(&output), "new", 3);
  ck_assert_int_eq(efla_output_finish(&output, NULL), EFLA_OK);
  ck_assert(readlink(path, target, sizeof target - 1) == 5 && holds(other, "new"));
}
END_TEST

START_TEST(inputs_are_spared) {
  char input[310], hard[310], soft[310];
  efla_message why;
  set_up("output-spares");
  snprintf(input, sizeof input, "%s/input", directory);
  snprintf(hard, sizeof hard, "%s/hard", directory);
  snprintf(soft, sizeof soft, "%s/soft", directory);
  files_write(input, "old", 3);
  ck_assert(link(input, hard) == 0 && symlink("input", soft) == 0);
  const char *const same[] = {input, hard, soft};
  for (size_t i = 0; i < 3; i++) {
    ck_assert_int_eq(efla_output_spares(same[i], input, &why), EFLA_OUTPUT);
    ck_assert_msg(strstr(why.text, same[i]) && strstr(why.text, input), "%s", why.text);
  }
  files_write(part, "old", 3);
  ck_assert_int_eq(efla_output_spares(path, part, &why), EFLA_OUTPUT);
  ck_assert_msg(strstr(why.text, part), "%s", why.text);
  ck_assert_int_eq(efla_output_spares(path, input, &why), EFLA_OK);
  ck_assert_int_eq(efla_output_spares(path, "no/such/file", &why), EFLA_OK);
}
END_TEST

/* As above: a disk of a known size, or one that does not tell. */
static struct statvfs disk;
static bool unknown;
int statvfs(const char *file, struct statvfs *answer) {
  ck_assert_str_eq(file, part);
  *answer = disk;
  return unknown ? -1 : 0;
}

START_TEST(what_does_not_fit) {
  efla_message why = {{0}};
  set_up("output-fits");
  efla_output output = begin();
  disk = (struct statvfs){.f_frsize = 4096, .f_bsize = 1 << 20, .f_blocks = 100, .f_bfree = 90, .f_bavail = 80};
  ck_assert_int_eq(efla_output_fits(&output, 80 * 4096, &why), EFLA_OK);
  check_failure(efla_output_fits(&output, 80 * 4096 + 1, &why), &why,
                ": takes 327681 bytes, expected at most the 327680 that are free on its disk");
  unknown = true;
  ck_assert_int_eq(efla_output_fits(&output, 1e15, &why), EFLA_OK);
  unknown = false, disk.f_blocks = 0;
  ck_assert_int_eq(efla_output_fits(&output, 1e15, &why), EFLA_OK);
  efla_output_abandon(&output);
  ck_assert_int_eq(efla_output_begin(&output, "/dev/null", &why), EFLA_OK);
  ck_assert_int_eq(efla_output_fits(&output, 1e15, &why), EFLA_OK);
  efla_output_abandon(&output);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {bytes_reach_the_disk_before_the_name,
                                a_disk_that_fails,
                                permissions_are_handed_on,
                                two_writers,
                                what_was_left_behind,
                                links_stay,
                                inputs_are_spared,
                                what_does_not_fit};
  return testing_main("output", tests, sizeof tests / sizeof *tests, 60);
}
