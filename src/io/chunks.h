/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chunks of HDF5 datasets: their filters, and the cache of unpacked ones; internal to io. */
#ifndef EFLA_IO_CHUNKS_H
#define EFLA_IO_CHUNKS_H

#include "base/status.h"

#include <hdf5.h>

/* Registers a filter for lzf in HDF5, unless one is registered. */
void efla_chunks_begin(void);

/* Checks that a dataset with this creation property list and numbers of `size` bytes can be streamed.  Fails with
 * EFLA_INPUT where a filter is not available, or where compressed chunks have more than EFLA_LARGEST_CHUNK bytes. */
efla_status efla_chunks_check(hid_t plist, size_t size, const char *path, const char *name, efla_message *why);

/* Shape and unpacked bytes of the chunks of a dataset with filters, which are always unpacked as a whole.  rank 0: the
 * dataset has no filter, any part of it can be read directly. */
typedef struct efla_chunks {
  size_t rank, bytes;
  hsize_t size[H5S_MAX_RANK];
} efla_chunks;
efla_chunks efla_chunks_of(hid_t dataset);

/* Access properties with a cache for all unpacked chunks of the dataset, at most EFLA_LARGEST_CHUNK bytes, which is at
 * least one chunk.  To be closed. */
hid_t efla_chunks_access(hid_t dataset);

#endif
