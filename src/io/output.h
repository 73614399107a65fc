/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Output files that are there whole or not at all.
 *
 * A file is written beside its place, as FILE.part, and takes it when complete: its bytes reach the disk (fsync) before
 * the name does (rename), so that whatever stops the program or the machine leaves the old file or the new one, never
 * half of it.  SIGINT, SIGTERM and SIGHUP remove the unfinished file and then end the program as they would have
 * done. */
#ifndef EFLA_IO_OUTPUT_H
#define EFLA_IO_OUTPUT_H

#include "base/status.h"

#include <stddef.h>
#include <sys/types.h>

typedef struct efla_output {
  char *path;   /* as the user called it: for messages */
  char *target; /* the file itself, links followed */
  char *
      /* what to write to until then; NULL where path is a device or a pipe, which is written to, never replaced */
      part;
  dev_t device; /* of part, as it was made: another program may be about to write the same path */
  ino_t inode;
} efla_output;

/* Takes charge of path and makes an empty efla_output_name(output), for the caller to open and fill.  It gets the
 * permissions of the file that it will replace.  Fails with EFLA_OUTPUT (a directory, an empty name, a place that
 * cannot be written to) or EFLA_NO_MEMORY, and then output is zeroed. */
efla_status efla_output_begin(efla_output *output, const char *path, efla_message *why);

/* The file to write: valid until finish or abandon. */
const char *efla_output_name(const efla_output *output);

/* Fills the file with these bytes (length) and closes it.  Fails with EFLA_OUTPUT, and then output is to be
 * abandoned. */
efla_status efla_output_write(const efla_output *output, const void *bytes, size_t length, efla_message *why);

/* EFLA_OUTPUT and a sentence with both sizes where so many bytes are more than is free on the file's disk.  To be asked
 * before writing much: a full disk is noticed in any case, but late, and not by this program alone. */
efla_status efla_output_fits(const efla_output *output, double bytes, efla_message *why);

/* The caller has closed the file: puts it in its place.  Fails with EFLA_OUTPUT, and then nothing is left of it and an
 * older file stays; also where another program has begun to write the same path since, whose file then stays in the
 * making.  output is zeroed. */
efla_status efla_output_finish(efla_output *output, efla_message *why);

/* Removes what there is of an unfinished file; does nothing for a zeroed output. */
void efla_output_abandon(efla_output *output);

/* EFLA_OUTPUT and a sentence where writing path would harm `input`, a file that this run reads: they are one file, or
 * input is what path is written to in the meantime.  To be asked before efla_output_begin. */
efla_status efla_output_spares(const char *path, const char *input, efla_message *why);

/* EFLA_OUTPUT and a sentence where two outputs of one run get in each other's way, whether they exist or not: they are
 * one file, or one is what the other is written to in the meantime.  Devices and pipes may be written to twice. */
efla_status efla_output_apart(const char *path, const char *other, efla_message *why);

/* From now on SIGINT, SIGTERM and SIGHUP remove that file as well, until it is told otherwise; path stays the caller's,
 * and is told apart by its address.  Eight files at once, outputs included. */
void efla_output_guard(char *path);
void efla_output_unguard(const char *path);

/* In between, these signals wait: for making a file that is to be guarded once it is known to be ours. */
void efla_output_hold(void);
void efla_output_resume(void);

#endif
