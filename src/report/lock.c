#include "report/lock.h"

#include "report/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether the file at path is still the one that is open: its last holder removes it. */
static bool still_there(const char *path, int file) {
  struct stat named, opened;
  return stat(path, &named) == 0 && fstat(file, &opened) == 0 && named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

/* What the holder wrote of itself. */
static void read_rival(efla_lock *lock, int file) {
  ssize_t n = pread(file, lock->rival, sizeof lock->rival - 1, 0);
  lock->rival[n > 0 ? n : 0] = 0;
  lock->rival[strcspn(lock->rival, "\n")] = 0;
  if (!*lock->rival) strcpy(lock->rival, "another process"); /* NOLINT(clang-analyzer-security.insecureAPI.strcpy): it fits */
}

/* For rivals; one that cannot read it is locked out all the same. */
static void write_name(int file) {
  char host[64] = "", text[128];
  gethostname(host, sizeof host - 1);
  int n = snprintf(text, sizeof text, "process %ld on %s\n", (long)getpid(), host);
  if (ftruncate(file, 0) == 0) (void)!pwrite(file, text, (size_t)n, 0);
}

/* 0: locked; EWOULDBLOCK: a rival has it; else why there are no locks. */
static int try_lock(int file, bool wait) {
  int failed;
  do failed = flock(file, LOCK_EX | (wait ? 0 : LOCK_NB));
  while (failed && errno == EINTR);
  return failed ? errno : 0;
}

efla_status efla_lock_take(efla_lock *lock, const char *path, bool wait, efla_message *why) {
  char *name;
  *lock = (efla_lock){0};
  if (asprintf(&name, "%s.lock", path) < 0) return efla_fail_memory(why);
  for (bool held = false; !held;) {
    int file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) {
      efla_status status = efla_fail(why, EFLA_OUTPUT, "%s: cannot write: %s", name, strerror(errno));
      free(name);
      return status;
    }
    int error = try_lock(file, wait);
    held = error != EWOULDBLOCK && (error != 0 || still_there(name, file));
    if (held) lock->file = file, lock->missing = error;
    if (error == EWOULDBLOCK) read_rival(lock, file);
    if (!held) close(file);
    if (error == EWOULDBLOCK) {
      free(name);
      return EFLA_OK;
    }
  }
  lock->path = name;
  efla_output_guard(name);
  write_name(lock->file);
  return EFLA_OK;
}

void efla_lock_release(efla_lock *lock) {
  if (!lock->path) return;
  unlink(lock->path); /* while it is held: whoever waits for it sees that it is gone, and makes another */
  efla_output_unguard(lock->path);
  close(lock->file);
  free(lock->path);
  *lock = (efla_lock){0};
}
