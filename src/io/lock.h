/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One process at a time on a file: the kernel's lock (flock) on FILE.lock beside it.
 *
 * Whatever ends a process, SIGKILL or a crash too, frees what it held; a FILE.lock that it left locks nothing and is
 * used again.  Between hosts it holds where their common file system passes locks on, as NFS does unless it was mounted
 * otherwise.  Where a file system knows no locks, everybody gets them. */
#ifndef EFLA_IO_LOCK_H
#define EFLA_IO_LOCK_H

#include "base/status.h"

#include <stdbool.h>

typedef struct efla_lock {
  char *path;      /* of FILE.lock; NULL: not held */
  int file;        /* its descriptor */
  int missing;     /* errno, where the file system knows no locks and nothing keeps others away; 0: it does */
  char rival[128]; /* not held: who holds it, "process 1234 on HOST", as far as that is known */
} efla_lock;

/* Takes the lock of the file at path, which need not exist.  Where another process holds it: waits until that releases
 * it or dies, or without `wait` returns EFLA_OK with path NULL and the rival named.  SIGINT, SIGTERM and SIGHUP remove
 * FILE.lock, as release does. Fails with EFLA_OUTPUT (no file can be made there) or EFLA_NO_MEMORY, and then it is not
 * held. */
efla_status efla_lock_take(efla_lock *lock, const char *path, bool wait, efla_message *why);

/* Does nothing for a lock that is not held. */
void efla_lock_release(efla_lock *lock);

#endif
