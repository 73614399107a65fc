/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Locks: one process holds a lock, others learn which process, and the lock of a dead process is free. */
#include "files.h"
#include "testing.h"

#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[256], file[270];
static int no_locks; /* errno of a file system that knows none; 0: it does */

/* Takes the place of the C library's. */
int flock(int descriptor, int operation) {
  if (!no_locks) return (int)syscall(SYS_flock, descriptor, operation);
  errno = no_locks;
  return -1;
}

static void set_up(const char *name) {
  snprintf(path, sizeof path, "%s/config", files_directory(name));
  snprintf(file, sizeof file, "%s.lock", path);
}

static efla_lock take(bool wait) {
  efla_lock lock;
  efla_message why = {{0}};
  memset(&lock, 0x5a, sizeof lock);
  ck_assert_msg(efla_lock_take(&lock, path, wait, &why) == EFLA_OK, "%s", why.text);
  return lock;
}

/* A child that holds the lock until it is killed. */
static pid_t start_holder(void) {
  int ends[2];
  char ready = 0;
  ck_assert_int_eq(pipe(ends), 0);
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    for (int s = 1; s < 16; s++) signal(s, SIG_DFL); /* Check has handlers */
    efla_lock lock;
    if (efla_lock_take(&lock, path, false, NULL) == EFLA_OK && lock.path) (void)!write(ends[1], "!", 1);
    while (true) pause();
  }
  ck_assert_int_eq(read(ends[0], &ready, 1), 1);
  close(ends[0]), close(ends[1]);
  return child;
}

static void end_holder(pid_t child, int signal_number) {
  int status;
  ck_assert_int_eq(kill(child, signal_number), 0);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == signal_number);
}

START_TEST(taken_and_released) {
  set_up("lock-plain");
  for (int i = 0; i < 2; i++) {
    efla_lock lock = take(i), second = take(false);
    ck_assert(lock.path && !lock.missing && access(file, F_OK) == 0);
    ck_assert(!second.path && *second.holder);
    efla_lock_release(&second); /* of nothing */
    ck_assert(access(file, F_OK) == 0);
    efla_lock_release(&lock);
    ck_assert(!lock.path && access(file, F_OK) != 0);
  }
}
END_TEST

/* By process and host; however that one ends, the next one gets it, and SIGTERM leaves no file. */
START_TEST(several_processes) {
  static const int signals[] = {SIGKILL, SIGSEGV, SIGTERM, SIGINT, SIGHUP};
  set_up("lock-processes");
  char host[64] = "", expected[128];
  gethostname(host, sizeof host - 1);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    pid_t holder = start_holder();
    efla_lock lock = take(false);
    snprintf(expected, sizeof expected, "process %ld on %s", (long)holder, host);
    ck_assert(!lock.path);
    ck_assert_str_eq(lock.holder, expected);
    end_holder(holder, signals[i]);
    ck_assert_int_eq(access(file, F_OK) == 0, i < 2);
    lock = take(false);
    ck_assert_ptr_nonnull(lock.path);
    efla_lock_release(&lock);
    ck_assert(access(file, F_OK) != 0);
  }
}
END_TEST

/* Many processes in turn: each counts on from what the one before it left, although every one removes the file. */
START_TEST(one_at_a_time) {
  enum { PROCESSES = 4, TURNS = 300 };
  set_up("lock-turns");
  int sum = 0;
  pid_t child[PROCESSES];
  for (int p = 0; p < PROCESSES; p++)
    if ((child[p] = fork()) == 0) {
      for (int i = 0; i < TURNS; i++) {
        efla_lock lock = take(true);
        FILE *count = fopen(path, "r");
        int n = 0;
        if (count && fscanf(count, "%d", &n) == 1) fclose(count);
        count = fopen(path, "w");
        fprintf(count, "%d", n + 1);
        fclose(count);
        efla_lock_release(&lock);
      }
      _exit(0);
    }
  for (int p = 0; p < PROCESSES; p++) {
    int status;
    ck_assert_int_eq(waitpid(child[p], &status, 0), child[p]);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  FILE *count = fopen(path, "r");
  ck_assert(count && fscanf(count, "%d", &sum) == 1);
  fclose(count);
  ck_assert_int_eq(sum, PROCESSES * TURNS);
  ck_assert(access(file, F_OK) != 0);
}
END_TEST

/* A waiting process gets the lock when the holder dies, and not before. */
START_TEST(waiting) {
  set_up("lock-waiting");
  pid_t holder = start_holder(), killer = fork();
  ck_assert_int_ge(killer, 0);
  if (killer == 0) {
    usleep(200000);
    kill(holder, SIGKILL);
    _exit(0);
  }
  double started = efla_seconds();
  efla_lock lock = take(true);
  ck_assert_double_ge(efla_seconds() - started, 0.1);
  ck_assert_ptr_nonnull(lock.path);
  efla_lock_release(&lock);
  ck_assert(waitpid(holder, NULL, 0) == holder && waitpid(killer, NULL, 0) == killer);
}
END_TEST

/* On file systems without locks every process takes the lock, and `missing` says why there is none. */
START_TEST(file_systems_without) {
  set_up("lock-missing");
  no_locks = ENOLCK;
  efla_lock first = take(false), second = take(true);
  ck_assert(first.path && second.path && first.missing == ENOLCK && second.missing == ENOLCK);
  efla_lock_release(&first);
  efla_lock_release(&second);
  ck_assert(access(file, F_OK) != 0);
}
END_TEST

START_TEST(places_that_are_none) {
  efla_lock lock;
  efla_message why;
  set_up("lock-nowhere");
  snprintf(path, sizeof path, TEST_WORK "/lock-nowhere/no/config");
  ck_assert_int_eq(efla_lock_take(&lock, path, true, &why), EFLA_OUTPUT);
  ck_assert_msg(strstr(why.text, "no/config.lock: cannot write: No such file") != NULL, "%s", why.text);
  ck_assert_ptr_null(lock.path);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {taken_and_released,   several_processes,   one_at_a_time, waiting,
                                file_systems_without, places_that_are_none};
  return testing_main("lock", tests, sizeof tests / sizeof *tests, 60);
}
