/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/lock.h"

#include "io/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether path still names the open file: a holder removes it on release. */
static bool still_there(const char *path, int file) {
  struct stat named, opened;
  return stat(path, &named) == 0 && fstat(file, &opened) == 0 && named.st_dev == opened.st_dev &&
         named.st_ino == opened.st_ino;
}

/* Reads the name that the holder wrote. */
static void read_holder(efla_lock *lock, int file) {
  ssize_t n = pread(file, lock->holder, sizeof lock->holder - 1, 0);
  lock->holder[n > 0 ? n : 0] = 0;
  lock->holder[strcspn(lock->holder, "\n")] = 0;
  if (!*lock->holder)
    strcpy(lock->holder, "another process"); /* NOLINT(clang-analyzer-security.insecureAPI.strcpy): it fits */
}

/* Names this process in the file, for messages of other processes; the lock does not depend on it. */
static void write_name(int file) {
  char host[64] = "", text[128];
  gethostname(host, sizeof host - 1);
  int n = snprintf(text, sizeof text, "process %ld on %s\n", (long)getpid(), host);
  if (ftruncate(file, 0) == 0) (void)!pwrite(file, text, (size_t)n, 0);
}

/* 0: locked; EWOULDBLOCK: another process has it; otherwise the reason why there are no locks. */
static int try_lock(int file, bool wait) {
  int failed;
  do failed = flock(file, LOCK_EX | (wait ? 0 : LOCK_NB));
  while (failed && errno == EINTR);
  return failed ? errno : 0;
}

/* One attempt; on success lock->path is `name`.  *gone: the file was removed meanwhile, and a further attempt creates
 * another.  Signals are blocked from the creation of the file until it is guarded (efla_output_guard). */
static efla_status attempt(efla_lock *lock, char *name, bool wait, bool *gone, efla_message *why) {
  efla_output_hold();
  int file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  efla_status status = file < 0 ? efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", name, strerror(errno)) : EFLA_OK;
  int error = file < 0 ? 0 : try_lock(file, false);
  if (error == EWOULDBLOCK && wait) {
    efla_output_resume();
    error = try_lock(file, true);
    efla_output_hold();
  }
  bool taken = error == EWOULDBLOCK;
  *gone = file >= 0 && error == 0 && !still_there(name, file);
  if (taken) read_holder(lock, file);
  if (file >= 0 && !taken && !*gone) {
    lock->path = name, lock->file = file, lock->missing = error;
    efla_output_guard(name);
    write_name(file);
  } else if (file >= 0) {
    close(file);
  }
  efla_output_resume();
  return status;
}

efla_status efla_lock_take(efla_lock *lock, const char *path, bool wait, efla_message *why) {
  char *name;
  bool gone;
  *lock = (efla_lock){0};
  if (asprintf(&name, "%s.lock", path) < 0) return efla_fail_memory(why);
  efla_status status;
  do status = attempt(lock, name, wait, &gone, why);
  while (status == EFLA_OK && gone);
  if (!lock->path) free(name);
  return status;
}

void efla_lock_release(efla_lock *lock) {
  if (!lock->path) return;
  unlink(lock->path); /* while it is held: a waiting process sees that it is gone, and creates another */
  efla_output_unguard(lock->path);
  close(lock->file);
  free(lock->path);
  *lock = (efla_lock){0};
}
