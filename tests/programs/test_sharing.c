/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several processes of bin/smnist in one directory of configs: complete tables with the bits of a single run, also
 * where one process is killed. */
#include "files.h"
#include "testing.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT = 1 << 14, CONFIGS = 6, EVALUATIONS = 33 };
/* Ten steps an epoch, each of which is kept. */
#define STUDY                                                                                                          \
  "smnist --quick --threads 1 --width 16 --train-images 40 --eval-images 4 --batch 4 --save-every 1 --epochs 2 "       \
  "--method "                                                                                                          \
  "euler,exact,rk4 --keys raw,unit"

static const char *work;

/* Starts a study that writes its tables to work/NAME..., what it says to work/NAME.err, and its configs to
 * work/configs. */
static pid_t start(const char *name, const char *options) {
  char *command;
  ck_assert_int_ge(asprintf(&command,
                            "exec " TEST_BIN "/" STUDY
                            " --configs %s/configs --out %s/%s --losses %s/%s.losses %s 2>%s/%s.err",
                            work, work, name, work, name, options, work, name),
                   0);
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", command, NULL);
    _exit(127);
  }
  free(command);
  return child;
}

static void expect_fine(pid_t child, const char *name) {
  char command[400], err[TEXT];
  int status;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  snprintf(command, sizeof command, "cat %s/%s.err >&2", work, name);
  testing_shell(command, NULL, err, sizeof err);
  ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %d: %s", name, status, err);
}

/* The tables of one run that was alone. */
static void set_up(const char *directory) {
  char command[1000];
  work = files_directory(directory);
  snprintf(command, sizeof command, TEST_BIN "/" STUDY " --out %s/alone --losses %s/alone.losses", work, work);
  ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
}

/* The rows of the run alone, but for times, which are the last column of scores. */
static void expect_same(const char *name) {
  char command[1000], out[TEXT];
  snprintf(command, sizeof command,
           "cd %s && for t in alone %s; do grep -v '^#' $t | sed 's/,[^,]*$//' >$t.rows; grep -v '^#' $t.losses "
           ">>$t.rows; done; "
           "wc -l <alone.rows; cmp alone.rows %s.rows",
           work, name, name);
  ck_assert_msg(testing_shell(command, out, NULL, sizeof out) == 0, "%s: other rows than a run alone", name);
  ck_assert_int_eq(atoi(out), 1 + CONFIGS * 2 * EVALUATIONS + 1 + CONFIGS * 2);
}

/* How often the run says this; -1 for a run that said nothing at all. */
static int count(const char *name, const char *text) {
  char command[500], out[TEXT];
  snprintf(command, sizeof command, "grep -c '%s' %s/%s.err", text, work, name);
  testing_shell(command, out, NULL, sizeof out);
  return atoi(out);
}

/* Checkpoints, and nothing else. */
static void check_configs(void) {
  char path[300];
  snprintf(path, sizeof path, "%s/configs", work);
  DIR *entries = opendir(path);
  ck_assert_ptr_nonnull(entries);
  int configs = 0;
  for (struct dirent *entry; (entry = readdir(entries));) {
    if (*entry->d_name == '.') continue;
    size_t n = strlen(entry->d_name);
    ck_assert_msg(n > 3 && !strcmp(entry->d_name + n - 3, ".h5"), "%s was left behind", entry->d_name);
    configs++;
  }
  closedir(entries);
  ck_assert_int_eq(configs, CONFIGS);
}

/* Every config is trained by one of them, and both have all rows. */
START_TEST(two_at_once) {
  set_up("sharing-two");
  pid_t first = start("first", ""), second = start("second", "");
  expect_fine(first, "first");
  expect_fine(second, "second");
  expect_same("first");
  expect_same("second");
  int trained[] = {count("first", "trained for"), count("second", "trained for")};
  ck_assert_msg(trained[0] + trained[1] == CONFIGS, "%d and %d trained, expected %d in all", trained[0], trained[1],
                CONFIGS);
  check_configs();
}
END_TEST

/* Both would write these files. */
START_TEST(tensors_of_two) {
  char options[300], command[500], out[TEXT];
  set_up("sharing-tensors");
  snprintf(options, sizeof options, "--tensors %s/tensors", work);
  pid_t first = start("first", options), second = start("second", options);
  expect_fine(first, "first");
  expect_fine(second, "second");
  expect_same("first");
  expect_same("second");
  snprintf(command, sizeof command, "ls %s/tensors | grep -c 'before.h5$\\|after.h5$'; ls %s/tensors | wc -l", work,
           work);
  ck_assert_int_eq(testing_shell(command, out, NULL, sizeof out), 0);
  ck_assert_msg(!strcmp(out, "12\n12\n"), "%s", out);
  check_configs();
}
END_TEST

/* One that is stopped in the middle of the first config: the other one trains all the rest, and waits; killed, it
 * leaves that config too. */
START_TEST(killed_process) {
  char path[300];
  set_up("sharing-killed");
  pid_t first = start("first", "--batch 1 --epochs 1000"), other;
  snprintf(path, sizeof path, "%s/configs/euler-raw-0.003-42.h5", work);
  for (int i = 0; i < 10000 && access(path, F_OK) != 0; i++) usleep(1000);
  ck_assert_int_eq(kill(first, SIGSTOP), 0);
  snprintf(path, sizeof path, "rm -f %s/configs/*.h5", work); /* of other trainings */
  ck_assert_int_eq(system(path), 0);
  other = start("other", "");
  for (int i = 0; i < 60000 && count("other", "waiting") == 0 && waitpid(other, NULL, WNOHANG) == 0; i++) usleep(1000);
  ck_assert_int_eq(count("other", "trained for"), CONFIGS - 1);
  snprintf(path, sizeof path, "waiting for process %ld on [^ ]*, which is at work on it", (long)first);
  ck_assert_int_eq(count("other", path), 1);
  ck_assert_int_eq(kill(first, SIGKILL), 0);
  ck_assert_int_eq(waitpid(first, NULL, 0), first);
  expect_fine(other, "other");
  expect_same("other");
  ck_assert_int_eq(count("other", "trained for"), CONFIGS);
  snprintf(path, sizeof path, "rm -f %s/configs/*.part", work); /* of the one that was killed */
  ck_assert_int_eq(system(path), 0);
  check_configs();
}
END_TEST

/* A directory that cannot be written to is good for what is finished. */
START_TEST(finished_needs_no_lock) {
  char command[300];
  set_up("sharing-finished");
  expect_fine(start("first", ""), "first");
  snprintf(command, sizeof command, "chmod a-w %s/configs", work);
  ck_assert_int_eq(system(command), 0);
  pid_t second = start("second", "");
  expect_fine(second, "second");
  expect_same("second");
  snprintf(command, sizeof command, "chmod u+w %s/configs", work);
  ck_assert_int_eq(system(command), 0);
  check_configs();
}
END_TEST

int main(void) {
  const TTest *const tests[] = {two_at_once, tensors_of_two, killed_process, finished_needs_no_lock};
  return testing_main("sharing", tests, sizeof tests / sizeof *tests, 120);
}
