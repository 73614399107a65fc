/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Input files that must stay as they are while they are read.
 *
 * What is read from a file that is cut or written to meanwhile is a mixture, and its reader need not notice: past the
 * end HDF5 reads zeros.  So a reader notes how the file was when it was opened, and asks after reading, before it uses
 * anything, whether that is still so.  Seen are another size, another time of the last write, and another time of the
 * last change of the file's entry (somebody who writes can set the former time back, not the latter); that of a renamed
 * file changes as well, and is refused too. Not seen is a write within the same tick of the clock (some milliseconds)
 * as the last one before the opening, or to a mapped page that had been written to already.  The file that is open
 * counts, not its name: another one may take that. */
#ifndef EFLA_IO_WATCH_H
#define EFLA_IO_WATCH_H

#include "base/status.h"

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

typedef struct efla_watch {
  bool watched;   /* a regular file; pipes and devices are nothing that could stay as it is */
  int descriptor; /* the reader's, not ours */
  off_t size;
  nlink_t
      names; /* a name more or less (a link made, another file put in its place) changes the entry, not what is read */
  struct timespec written, changed;
} efla_watch;

/* From now on, for as long as the descriptor is open. */
efla_watch efla_watch_begin(int descriptor);

/* EFLA_INPUT and a sentence about path where the file has changed since; EFLA_OK for a zeroed watch. */
efla_status efla_watch_check(const efla_watch *watch, const char *path, efla_message *why);

#endif
