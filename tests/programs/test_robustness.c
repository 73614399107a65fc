/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs on disks that are full or cannot be written to, with outputs that are inputs, and interrupted at any moment:
 * they end with an error message and leave the old file unchanged. */
#include "files.h"
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <gsl/gsl_rng.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define TENSORS "tests/corpus/tensors/whole-4.h5" /* with o, so that every program can read it */

/* Programs and the option that names what they write; $D is the place. */
static const char *const writers[] = {
    "coefficient --quick --out $D/file.csv", "run --input " TENSORS " --output $D/file.h5",
    "compare --input " TENSORS " --out $D/file.csv", "diagnose --input " TENSORS " --out $D/file.csv",
    "diagnose --input " TENSORS " --figure $D/file.svg"};
enum { WRITERS = sizeof writers / sizeof *writers, TEXT = 1 << 14 };

static char out[TEXT], err[TEXT]; /* of the last run() */

/* A program with its arguments, in which $D is the place. */
static int run(const char *line, const char *place) {
  char *command;
  ck_assert_int_ge(asprintf(&command, "D=%s; " TEST_BIN "/%s", place, line), 0);
  int status = testing_shell(command, out, err, TEXT);
  free(command);
  return status;
}

/* The file that a writer writes in a place; to be freed. */
static char *file_of(const char *line, const char *place) {
  char *path;
  ck_assert_int_ge(asprintf(&path, "%s/file%s", place, strrchr(line, '.')), 0);
  return path;
}

static bool is_old(const char *path) {
  char text[8] = "";
  FILE *file = fopen(path, "r");
  size_t n = file ? fread(text, 1, sizeof text, file) : 0;
  if (file) fclose(file);
  return n == 5 && !memcmp(text, "older", 5);
}

static bool has_part(const char *path) {
  char part[400];
  snprintf(part, sizeof part, "%s.part", path);
  return access(part, F_OK) == 0;
}

/* A file system of that many KiB, with an older file in the way of every writer; it goes with this process.  False
 * where that is not permitted. */
static bool mount_disk(const char *place, int size) {
  char options[32];
  snprintf(options, sizeof options, "size=%dk", size);
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("none", place, "tmpfs", 0, options) != 0) {
    testing_skip("full disks", strerror(errno)); /* mounting is not permitted here */
    return false;
  }
  for (size_t i = 0; i < WRITERS; i++) {
    char *path = file_of(writers[i], place);
    files_write(path, "older", 5);
    free(path);
  }
  return true;
}

static void check_refused(const char *line, const char *place, const char *reason) {
  char *path = file_of(line, place);
  int status = run(line, place);
  ck_assert_msg(status == 3, "%s: status %d: %s", line, status, err);
  ck_assert_msg(strstr(err, path) && strstr(err, reason), "%s: %s", line, err);
  ck_assert_msg(is_old(path) && !has_part(path), "%s: the old file is lost, or half of the new one left", line);
  free(path);
}

/* The whole new file of writer i, beside the place; to be freed. */
static char *whole_of(size_t i) {
  char *path;
  ck_assert_int_ge(asprintf(&path, TEST_WORK "/whole-%zu", i), 0);
  return path;
}

static bool is_whole(const char *path, const char *whole) {
  char command[700];
  snprintf(command, sizeof command, "cmp %s %s", path, whole);
  return testing_shell(command, NULL, NULL, 0) == 0;
}

/* What every writer writes where there is room. */
static void write_wholes(const char *place) {
  char command[700];
  setenv("SOURCE_DATE_EPOCH", "0", 1);
  for (size_t i = 0; i < WRITERS; i++) {
    char *path = file_of(writers[i], place), *whole = whole_of(i);
    run(writers[i], place);
    snprintf(command, sizeof command, "mv %s %s", path, whole);
    ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
    free(path), free(whole);
  }
}

/* Every amount of free space from none to enough: the old file, or the whole new one. */
START_TEST(disks_that_fill_up) {
  const char *place = files_directory("tiny");
  char ballast[300], command[700];
  size_t refused = 0, written = 0;
  if (!mount_disk(place, 256)) return;
  write_wholes(place);
  snprintf(ballast, sizeof ballast, "%s/ballast", place);
  for (size_t i = 0; i < WRITERS; i++)
    for (int room = 0; room <= 192; room = room ? 4 * room : 3) {
      char *path = file_of(writers[i], place), *whole = whole_of(i);
      files_write(path, "older", 5);
      remove(ballast);
      snprintf(command, sizeof command, "dd if=/dev/zero of=%s bs=1k; truncate -s -%dk %s", ballast, room, ballast);
      ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
      if (run(writers[i], place) == 3) {
        ck_assert_msg(strstr(err, path) != NULL, "%s: %s", writers[i], err);
        ck_assert_msg(is_old(path) && !has_part(path),
                      "%s with %d KiB: the old file is lost, or half of the new one left", writers[i], room);
        refused++;
      } else {
        ck_assert_msg(is_whole(path, whole) && !has_part(path), "%s with %d KiB: %s", writers[i], room, err);
        written++;
      }
      free(path), free(whole);
    }
  ck_assert_msg(refused >= WRITERS && written >= WRITERS, "%zu refused, %zu written", refused, written);
}
END_TEST

START_TEST(disks_that_cannot_be_written_to) {
  const char *place = files_directory("sealed");
  if (!mount_disk(place, 256)) return;
  ck_assert_int_eq(mount("none", place, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
  for (size_t i = 0; i < WRITERS; i++) check_refused(writers[i], place, "Read-only file system");
}
END_TEST

/* Those that read files of the user's refuse to write over them, by whatever name. */
START_TEST(outputs_that_are_inputs) {
  static const char *const lines[] = {"run --input $D/in.h5 --output $D/in.h5",
                                      "run --input $D/in.h5.part --output $D/in.h5",
                                      "compare --input $D/in.h5 --out $D/in.h5",
                                      "compare --input $D/in.h5 --out $D/link.h5",
                                      "compare --input $D/in.h5.part --out $D/in.h5",
                                      "compare --input $D/in.h5 --outputs $D/in.h5.part --out $D/in.h5",
                                      "compare --input " TENSORS " --against $D/in.h5 --out $D/in.h5",
                                      "diagnose --input $D/in.h5 --out $D/in.h5",
                                      "diagnose --input $D/in.h5.part --out $D/in.h5",
                                      "diagnose --input $D/in.svg --figure $D/in.svg"};
  const char *place = files_directory("itself");
  char command[1000];
  snprintf(command, sizeof command,
           "cd %s && cp $OLDPWD/" TENSORS " in.h5 && cp in.h5 in.h5.part && cp in.h5 in.svg && ln -s in.h5 link.h5",
           place);
  ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
  snprintf(command, sizeof command, "for file in in.h5 in.h5.part in.svg; do cmp %s/$file " TENSORS " || exit 1; done",
           place);
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    int status = run(lines[i], place);
    ck_assert_msg(status == 3 && strstr(err, place), "%s: status %d: %s", lines[i], status, err);
    ck_assert_msg(testing_shell(command, NULL, NULL, 0) == 0, "%s: an input is lost", lines[i]);
  }
}
END_TEST

START_TEST(full_standard_output) {
  static const char *const lines[] = {"coefficient --quick >/dev/full", "compare --input " TENSORS " >/dev/full",
                                      "diagnose --input " TENSORS " >/dev/full",
                                      "diagnose --json --input " TENSORS " >/dev/full"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    int status = run(lines[i], "");
    ck_assert_msg(status == 3 && strstr(err, "standard output: cannot write"), "%s: status %d: %s", lines[i], status,
                  err);
  }
}
END_TEST

/* At any moment, also before the first byte and after the last: the old file or the whole new one. */
START_TEST(interrupted_at_any_moment) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  const char *place = files_directory("cut");
  char path[300];
  size_t ended = 0;
  snprintf(path, sizeof path, "%s/file.csv", place);
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (size_t i = 0; i < 3; i++)
    signal(signals[i], SIG_DFL); /* Check has handlers, which a child would run until it is a program */
  setenv("SOURCE_DATE_EPOCH", "0", 1);
  ck_assert_int_eq(run("coefficient --quick --out $D/file.csv && cp $D/file.csv $D/whole.csv", place), 0);
  double start = efla_seconds();
  ck_assert_int_eq(run("coefficient --quick --out $D/file.csv", place), 0);
  const double seconds = efla_seconds() - start;
  for (int trial = 0; trial < 60; trial++) {
    files_write(path, "older", 5);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
      execl(TEST_BIN "/coefficient", "coefficient", "--quick", "--out", path, NULL);
      _exit(127);
    }
    usleep((useconds_t)(1.5e6 * seconds * gsl_rng_uniform(draw)));
    kill(child, signals[trial % 3]);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    bool whole = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    ck_assert_msg(whole || (WIFSIGNALED(status) && WTERMSIG(status) == signals[trial % 3]), "status %d", status);
    if (whole) ck_assert_msg(!is_old(path), "a run that ended well left the old file");
    if (!is_old(path)) ck_assert_int_eq(run("coefficient --version; cmp $D/file.csv $D/whole.csv", place), 0);
    ck_assert_msg(!has_part(path), "an unfinished file is left");
    ended += whole;
  }
  ck_assert_msg(ended > 0 && ended < 60, "%zu of 60 runs ended by themselves", ended);
  gsl_rng_free(draw);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {disks_that_fill_up, disks_that_cannot_be_written_to, outputs_that_are_inputs,
                                full_standard_output, interrupted_at_any_moment};
  return testing_main("robustness", tests, sizeof tests / sizeof *tests, 300);
}
