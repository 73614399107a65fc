/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checkpoints: arrays of numbers and the settings that they belong to, in an HDF5 file.
 *
 * A checkpoint is written to a temporary file that is renamed at the end (io/output.h): whatever stops the program, the
 * old checkpoint or the new one is there. */
#ifndef EFLA_TRAIN_CHECKPOINT_H
#define EFLA_TRAIN_CHECKPOINT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct efla_checkpoint_array {
  const char *name;
  size_t n;   /* numbers in the array */
  bool most;  /* when reading: the file may have fewer than n, and n is set to how many it has */
  float *f32; /* the numbers, in one of the two; written and read bit for bit */
  double *f64;
} efla_checkpoint_array;

/* settings: one line that says what was computed.  The attributes `commit` and `level` (isa) of the file say what wrote
 * it.  Fails with EFLA_OUTPUT or EFLA_NO_MEMORY; an older checkpoint is then kept. */
efla_status efla_checkpoint_write(const char *path, const char *settings, const efla_checkpoint_array *arrays, size_t n,
                                  efla_message *why);

/* Reads all arrays; their numbers are undefined on failure.  Fails with EFLA_INPUT where the file is missing, damaged,
 * changed while it is read, or has an array of another type or size, an array that was never written, or other settings
 * (the message names both); with EFLA_NO_MEMORY.  The file is first read in a child process (io/sandboxed_open.h). */
efla_status efla_checkpoint_read(const char *path, const char *settings, efla_checkpoint_array *arrays, size_t n,
                                 efla_message *why);

#endif
