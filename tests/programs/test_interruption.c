/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files that remain when a signal ends a run: every experiment in TEST_BIN. */
#include "files.h"
#include "programs.h"
#include "testing.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Starts the long run, waits until it writes, sends the signal; returns how the program ended. */
static int interrupt(const char *name, const char *path, const char *part, int signal_number) {
  char *program;
  ck_assert_int_ge(asprintf(&program, TEST_BIN "/%s", name), 0);
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    int nowhere = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; i++) dup2(nowhere, i);
    signal(signal_number, SIG_DFL);
    execl(program, program, "--out", path, NULL);
    _exit(127);
  }
  int status;
  for (int i = 0; i < 10000 && !program_exists(part) && waitpid(child, &status, WNOHANG) == 0; i++) usleep(1000);
  ck_assert_msg(program_exists(part), "%s never wrote %s", name, part);
  kill(child, signal_number);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  free(program);
  return status;
}

/* Nothing is left of an interrupted run, an older table stays, and the shell sees the signal. */
static void check_signals(const char *name) {
  if (!program_draws(name)) return; /* its long run has ended before a signal arrives */
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  char *path = program_path(name, "-cut.csv"), *part = program_path(name, "-cut.csv.part");
  for (int older = 0; older < 2; older++)
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
      if (older) files_write(path, "older", 5);
      int status = interrupt(name, path, part, signals[i]);
      ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == signals[i], "%s: signal %d: status %d", name, signals[i],
                    status);
      struct stat file;
      ck_assert_msg(!program_exists(part), "%s: signal %d left %s", name, signals[i], part);
      ck_assert_int_eq(program_exists(path), older);
      if (older) ck_assert(stat(path, &file) == 0 && file.st_size == 5);
    }
  free(path);
  free(part);
}
START_TEST(signals_leave_nothing_half_done) { program_each_experiment(check_signals); }
END_TEST

int main(void) {
  unsetenv("EFLA_MNIST");
  const TTest *const tests[] = {signals_leave_nothing_half_done};
  return testing_main("interruption", tests, sizeof tests / sizeof *tests, 300);
}
