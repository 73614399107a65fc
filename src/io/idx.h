/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IDX files of bytes (the container of MNIST), plain or compressed (io/packed.h). */
#ifndef EFLA_IO_IDX_H
#define EFLA_IO_IDX_H

#include "base/status.h"

#include <stddef.h>

#define EFLA_IDX_DIMENSIONS 3
#define EFLA_IDX_MOST       1000000000 /* bytes of data; a gzip stream of 1 MB can unpack to so many */

typedef struct efla_idx {
  size_t dimensions;
  size_t size[EFLA_IDX_DIMENSIONS]; /* (images, rows, columns) or (labels) */
  unsigned char *data;              /* row-major */
} efla_idx;

/* Reads a file of unsigned bytes with the given number of dimensions.  Big-endian header: two zero bytes, type 8,
 * number of dimensions, then each size in 4 bytes.  Fails with EFLA_INPUT and a message with file, offset and
 * expectation where the file is missing, truncated, changed while it is read, longer than its header says, of another
 * type or shape, larger than EFLA_IDX_MOST, or a damaged stream; with EFLA_NO_MEMORY.  Offsets count unpacked bytes.
 * Memory grows with the data in the file, not with the sizes in its header. */
efla_status efla_idx_read(efla_idx *idx, const char *path, size_t dimensions, efla_message *why);
void efla_idx_clear(efla_idx *idx);

#endif
