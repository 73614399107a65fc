/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checkpoints: arrays of numbers and the settings that they belong to, in an HDF5 file.
 *
 * Written beside its place and renamed (io/output.h): whatever stops the program leaves the old checkpoint or the new
 * one. */
#ifndef EFLA_TRAIN_CHECKPOINT_H
#define EFLA_TRAIN_CHECKPOINT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct efla_checkpoint_array {
  const char *name;
  size_t
      /* numbers, as many as the file has or, read with `most`, at most that many: then n is set to how many they are */
      n;
  bool most;
  float *f32; /* one of the two; written and read bit for bit */
  double *f64;
} efla_checkpoint_array;

/* settings: one line that says what was computed.  The commit and the processor's level that wrote it are noted beside
 * it.  Fails with EFLA_OUTPUT or EFLA_NO_MEMORY; an older checkpoint is then still there. */
efla_status efla_checkpoint_write(const char *path, const char *settings, const efla_checkpoint_array *arrays, size_t n,
                                  efla_message *why);

/* Reads all arrays, whose numbers are undefined where it fails: with EFLA_INPUT where the file is missing, damaged or
 * changed while it is read, lacks numbers (never written), holds an array of another type or size, or other settings,
 * which the message then names both; with EFLA_NO_MEMORY.  The file is tried in a child process first, see
 * io/sandboxed_open.h. */
efla_status efla_checkpoint_read(const char *path, const char *settings, efla_checkpoint_array *arrays, size_t n,
                                 efla_message *why);

#endif
