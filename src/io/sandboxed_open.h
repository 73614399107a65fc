/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a library call on a file in a child process first, to find out whether it crashes.
 *
 * HDF5 trusts the metadata of a file: a damaged one can lead to invalid pointers, endless loops and unbounded memory
 * (fuzzing finds such files within a minute).  If the child dies, the file is reported as damaged. */
#ifndef EFLA_IO_SANDBOXED_OPEN_H
#define EFLA_IO_SANDBOXED_OPEN_H

#include "base/status.h"

enum {
  EFLA_SANDBOX_MEMORY = 1000000000, /* bytes that the child may have beyond those of this process */
  EFLA_SANDBOX_SECONDS = 10         /* of processor time */
};

/* The call to try; its process ends afterwards. */
typedef efla_status efla_sandboxed_call(const void *context, efla_message *why);

/* Returns the status and message of the call in the child; EFLA_INPUT and a message about path where the child dies.
 * EFLA_OK without a call where no child process can be created.  Forks: no other thread may be within malloc or the
 * library. */
efla_status efla_sandboxed_open(efla_sandboxed_call *attempt, const void *context, const char *path, efla_message *why);

#endif
