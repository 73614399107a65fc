/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A library that can be led astray by the file it reads, tried out in a child process first.
 *
 * HDF5 believes what a file says of itself: in a damaged one that leads to wild pointers, loops without end and memory
 * without bound (fuzzing finds such files within a minute).  What kills the child is then one more way for a file to be
 * damaged. */
#ifndef EFLA_IO_SANDBOXED_OPEN_H
#define EFLA_IO_SANDBOXED_OPEN_H

#include "base/status.h"

enum {
  EFLA_SANDBOX_MEMORY = 1000000000, /* bytes that the child may have beyond those of this process */
  EFLA_SANDBOX_SECONDS = 10         /* of processor time */
};

/* Does what is to be tried; the process that it does it in ends thereafter. */
typedef efla_status efla_sandboxed_call(const void *context, efla_message *why);

/* What the attempt returns and says in the child; EFLA_INPUT and a sentence about path where the child does not survive
 * it.  EFLA_OK without an attempt where no child can be had.  Forks: no other thread should be within malloc or what
 * the attempt uses. */
efla_status efla_sandboxed_open(efla_sandboxed_call *attempt, const void *context, const char *path, efla_message *why);

#endif
