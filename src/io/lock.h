/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A lock on a file, held by one process at a time: the kernel's lock (flock) on FILE.lock beside it.
 *
 * The kernel frees the lock however the process ends, by SIGKILL or a crash too; a FILE.lock that is left behind is not
 * locked and is used again.  Between hosts the lock works where the shared file system supports it, as NFS does by
 * default.  On a file system without locks every process gets the lock. */
#ifndef EFLA_IO_LOCK_H
#define EFLA_IO_LOCK_H

#include "base/status.h"

#include <stdbool.h>

typedef struct efla_lock {
  char *path;       /* of FILE.lock; NULL: not held */
  int file;         /* its descriptor */
  int missing;      /* errno where the file system has no locks and others are not excluded; 0: it has */
  char holder[128]; /* not held: which process holds it, "process 1234 on HOST", as far as known */
} efla_lock;

/* Takes the lock of the file at path, which need not exist.  Where another process holds it: waits until it is free, or
 * without `wait` returns EFLA_OK with lock->path NULL and lock->holder set.  SIGINT, SIGTERM and SIGHUP remove
 * FILE.lock, as release does.  Fails with EFLA_OUTPUT (FILE.lock cannot be made) or EFLA_NO_MEMORY; the lock is then
 * not held. */
efla_status efla_lock_take(efla_lock *lock, const char *path, bool wait, efla_message *why);

/* No effect on a lock that is not held. */
void efla_lock_release(efla_lock *lock);

#endif
