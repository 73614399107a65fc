/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs whose input is truncated while they read it, or whose disk is too small. */
#include "faulty.h"
#include "files.h"
#include "testing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

static char in[256], out[256], part[300], said[4096];

static void set_up(const char *name) {
  const char *directory = files_directory(name);
  snprintf(in, sizeof in, "%s/in.h5", directory);
  snprintf(out, sizeof out, "%s/out.h5", directory);
  snprintf(part, sizeof part, "%s.part", out);
}

/* Bytes that a process has read so far, from whatever file. */
static size_t read_by(pid_t process) {
  char path[64];
  size_t bytes = 0;
  snprintf(path, sizeof path, "/proc/%d/io", (int)process);
  FILE *file = fopen(path, "r");
  ck_assert_ptr_nonnull(file);
  if (fscanf(file, "rchar: %zu", &bytes) != 1) bytes = 0;
  fclose(file);
  return bytes;
}

/* Runs a program and cuts its input in half when it has read far more than its libraries and the file's metadata (some
 * 100 kB). */
static int cut_during(char *const arguments[], char *shown, size_t size) {
  char shown_path[300], said_path[300];
  struct stat whole;
  int status = 0;
  bool waited = false;
  snprintf(shown_path, sizeof shown_path, "%.280s.shown", in);
  snprintf(said_path, sizeof said_path, "%.280s.said", in);
  ck_assert_int_eq(stat(in, &whole), 0);
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    dup2(open(shown_path, O_WRONLY | O_CREAT | O_TRUNC, 0666), STDOUT_FILENO);
    dup2(open(said_path, O_WRONLY | O_CREAT | O_TRUNC, 0666), STDERR_FILENO);
    execv(arguments[0], arguments);
    _exit(127);
  }
  while (!waited && read_by(child) < 1 << 20) {
    usleep(500);
    waited = waitpid(child, &status, WNOHANG) == child;
  }
  ck_assert_msg(!waited, "%s ended too early, with status %d", arguments[0], status);
  ck_assert_int_eq(truncate(in, whole.st_size / 2), 0);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert(WIFEXITED(status));
  FILE *file = fopen(shown_path, "r");
  shown[fread(shown, 1, size - 1, file)] = 0;
  fclose(file);
  file = fopen(said_path, "r");
  said[fread(said, 1, sizeof said - 1, file)] = 0;
  fclose(file);
  return WEXITSTATUS(status);
}

/* A hundred blocks, one a batch entry: q and k are in the first half of the file, v and beta in the second. */
START_TEST(input_cut_during_a_run) {
  static char shown[1 << 16], sizes[100];
  static char *const programs[][12] = {
      {TEST_BIN "/run", "--input", in, "--output", out, "--precision", "bf16", NULL},
      {TEST_BIN "/diagnose", "--input", in, NULL},
      {TEST_BIN "/compare", "--input", in, NULL},
  };
  set_up("cut-programs");
  files_write(out, "older", 5);
  faulty f = faulty_none((h5_sizes){100, 200, 1, 64, 64});
  for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
    struct stat file;
    faulty_write(&f, in);
    ck_assert_int_eq(stat(in, &file), 0);
    int status = cut_during(programs[i], shown, sizeof shown);
    ck_assert_msg(status == 3, "%s: status %d, %s%s", programs[i][0], status, said, shown);
    snprintf(sizes, sizeof sizes, ": changed while it was read (size %jd, now %jd), expected a file that stays",
             (intmax_t)file.st_size, (intmax_t)file.st_size / 2);
    ck_assert_msg(strstr(said, in) && strstr(said, sizes), "%s\nlacks: %s", said, sizes);
    ck_assert_msg(*shown == 0, "%s reports: %s", programs[i][0], shown);
    ck_assert(access(part, F_OK) != 0 && stat(out, &file) == 0 && file.st_size == 5);
  }
}
END_TEST

/* One byte a number in v, which is all holes, and eight in o: more than is free, though the input fits. */
START_TEST(no_room_for_the_output) {
  char both[2][64], command[600];
  struct statvfs disk;
  struct stat file;
  set_up("cut-room");
  files_write(out, "older", 5);
  ck_assert_int_eq(statvfs(out, &disk), 0);
  const double room = (double)disk.f_bavail * (double)disk.f_frsize;
  enum { D = 4096 };
  const hsize_t tokens = (hsize_t)(room / (sizeof(double) * D) * 1.5) + 1, size[] = {tokens, D};
  hid_t made = h5_create(in);
  h5_room(made, "q", H5T_STD_I8LE, 2, (hsize_t[]){tokens, 1}, NULL);
  h5_room(made, "k", H5T_STD_I8LE, 2, (hsize_t[]){tokens, 1}, NULL);
  h5_room(made, "v", H5T_STD_I8LE, 2, size, NULL);
  h5_room(made, "beta", H5T_STD_I8LE, 1, size, NULL);
  h5_close(made);
  snprintf(command, sizeof command, TEST_BIN "/run --input %s --output %s", in, out);
  ck_assert_int_eq(testing_shell(command, NULL, said, sizeof said), 3);
  snprintf(both[0], sizeof both[0], ": takes %.0f bytes, expected at most the ",
           ((double)tokens + 1) * D * sizeof(double));
  snprintf(both[1], sizeof both[1], " that are free on its disk");
  ck_assert_msg(strstr(said, out) && strstr(said, both[0]) && strstr(said, both[1]), "%s\nlacks: %s...%s", said,
                both[0], both[1]);
  ck_assert(access(part, F_OK) != 0 && stat(out, &file) == 0 && file.st_size == 5);
  unlink(in);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {input_cut_during_a_run, no_room_for_the_output};
  return testing_main("cut", tests, sizeof tests / sizeof *tests, 120);
}
