/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NumPy's files for tests, byte by byte: .npy and, as archives of those, .npz. */
#ifndef NUMPY_H
#define NUMPY_H

#include <stdbool.h>
#include <stddef.h>

enum { NUMPY_ROOM = 1 << 20 };

typedef struct numpy_bytes {
  size_t n;
  unsigned char bytes[NUMPY_ROOM];
} numpy_bytes;

/* A .npy file of version 1, 2 or 3: its dictionary as text, and data (n). */
void numpy_npy(numpy_bytes *file, int version, const char *dictionary, const void *data, size_t n);

/* One of these numbers (count) in an order of bytes and axes; descr is "<f4" or the like. */
void numpy_array(numpy_bytes *file, const char *descr, bool fortran, size_t rank, const size_t *size,
                 const double *values);

/* An archive, as Python's zipfile writes it, with a Zip64 field in local headers: empty; one more member; the directory.
 * No more than 32 members. */
typedef struct numpy_archive {
  size_t members, at[32];
  numpy_bytes file;
} numpy_archive;
void numpy_add(numpy_archive *archive, const char *name, const numpy_bytes *member, bool deflated);
void numpy_finish(numpy_archive *archive);

#endif
