/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Detects input files that change while they are read.
 *
 * A file that is truncated or written to while it is read gives a mixture of old and new bytes, which its reader may
 * not notice: past the end HDF5 reads zeros.  A reader therefore records the file's status when it opens it, and checks
 * after reading, before it uses the data, that the status is the same: size, time of the last write (mtime) and time of
 * the last change of the inode (ctime).  mtime can be set back by whoever writes, ctime cannot; ctime changes also when
 * a file is renamed, which is refused too.  Not detected is a write within the same clock tick (some milliseconds) as
 * the last one before the opening, or to a mapped page that was already dirty.  The open file is checked, not its name,
 * which another file may take. */
#ifndef EFLA_IO_WATCH_H
#define EFLA_IO_WATCH_H

#include "base/status.h"

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

typedef struct efla_watch {
  bool watched;   /* a regular file; pipes and devices are not checked */
  int descriptor; /* of the reader */
  off_t size;
  nlink_t names; /* hard links; a change of their number changes ctime but not the data, and is accepted */
  struct timespec written, changed; /* mtime, ctime */
} efla_watch;

/* Records the status of an open file; the descriptor must stay open until the check. */
efla_watch efla_watch_begin(int descriptor);

/* Fails with EFLA_INPUT and a message about path where the file has changed since; EFLA_OK for a zeroed watch. */
efla_status efla_watch_check(const efla_watch *watch, const char *path, efla_message *why);

#endif
