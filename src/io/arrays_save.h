/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes arrays from memory as a tensor file of any types, in the format that its name says. */
#ifndef EFLA_IO_ARRAYS_SAVE_H
#define EFLA_IO_ARRAYS_SAVE_H

#include "base/status.h"

#include <stddef.h>

typedef struct efla_saved_array {
  const char *name;
  const char *type; /* as NumPy names it: f8, f4, f2, i4, and V2 for bfloat16 (io/element.h) */
  size_t rank, size[4];
  const double *values; /* contiguous, numbers of the type */
} efla_saved_array;

typedef struct efla_saved_text {
  const char *name, *text;
} efla_saved_text;

/* With the attribute scale, and texts as further ones.  The file is complete or not there at all (io/output.h).  Fails
 * with EFLA_OUTPUT and EFLA_NO_MEMORY. */
efla_status efla_arrays_save(const char *path, const efla_saved_array *arrays, size_t n, double scale,
                             const efla_saved_text *texts, size_t texts_n, efla_message *why);

#endif
