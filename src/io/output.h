/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Output files that are complete or absent.
 *
 * A file is written as FILE.part and renamed when it is complete.  Its bytes reach the disk (fsync) before the rename,
 * so that whatever stops the program or the machine, the old file or the new one is there, never a part of it.  SIGINT,
 * SIGTERM and SIGHUP remove the unfinished file and then end the program as by default. */
#ifndef EFLA_IO_OUTPUT_H
#define EFLA_IO_OUTPUT_H

#include "base/status.h"

#include <stddef.h>
#include <sys/types.h>

typedef struct efla_output {
  char *path;   /* as the user gave it, for messages */
  char *target; /* the file to replace, with symbolic links resolved */
  char *part;   /* the temporary file; NULL where path is a device or a pipe, which is written to directly */
  dev_t device; /* device and inode of part, to notice another program that writes the same path */
  ino_t inode;
} efla_output;

/* Creates an empty file efla_output_name(output), for the caller to open and fill, with the permissions of the file
 * that it will replace.  Fails with EFLA_OUTPUT (a directory, an empty name, a place that cannot be written to) or
 * EFLA_NO_MEMORY; output is then zeroed. */
efla_status efla_output_begin(efla_output *output, const char *path, efla_message *why);

/* The file to write: valid until finish or abandon. */
const char *efla_output_name(const efla_output *output);

/* Writes bytes (length) to the file and closes it.  Fails with EFLA_OUTPUT; the caller then abandons output. */
efla_status efla_output_write(const efla_output *output, const void *bytes, size_t length, efla_message *why);

/* Fails with EFLA_OUTPUT and a message with both sizes where `bytes` exceed the free space of the file system.  To be
 * called before writing a large file, since a full disk is otherwise noticed only late. */
efla_status efla_output_fits(const efla_output *output, double bytes, efla_message *why);

/* Renames the file, which the caller has closed, to its final name.  Fails with EFLA_OUTPUT, also where another program
 * has begun to write the same path since; the file is then removed and an older one kept.  output is zeroed. */
efla_status efla_output_finish(efla_output *output, efla_message *why);

/* Removes an unfinished file; no effect on a zeroed output. */
void efla_output_abandon(efla_output *output);

/* Fails with EFLA_OUTPUT and a message where writing path would overwrite `input`, a file that this run reads: they are
 * the same file, or input is path's temporary file.  To be called before efla_output_begin. */
efla_status efla_output_spares(const char *path, const char *input, efla_message *why);

/* Fails with EFLA_OUTPUT and a message where two outputs of one run, existing or not, conflict: they are the same file,
 * or one is the temporary file of the other.  Devices and pipes may be written to twice. */
efla_status efla_output_apart(const char *path, const char *other, efla_message *why);

/* Between guard and unguard SIGINT, SIGTERM and SIGHUP remove the file.  path belongs to the caller and is identified
 * by its address.  At most eight files at once, outputs included. */
void efla_output_guard(char *path);
void efla_output_unguard(const char *path);

/* Between hold and resume these signals are delayed, for creating a file before it is guarded. */
void efla_output_hold(void);
void efla_output_resume(void);

#endif
