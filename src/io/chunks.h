/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chunks of HDF5 datasets: the filters that they have to pass, and the room for unpacked ones; not for users. */
#ifndef EFLA_IO_CHUNKS_H
#define EFLA_IO_CHUNKS_H

#include "base/status.h"

#include <hdf5.h>

/* From now on HDF5 unpacks lzf: unless it can already, by a filter of that number from elsewhere. */
void efla_chunks_begin(void);

/* Whether a dataset of that creation property list, its numbers of `size` bytes, can be read in parts: EFLA_INPUT where
 * a filter of its is not available, or where chunks are to be unpacked that have more than EFLA_LARGEST_CHUNK bytes. */
efla_status efla_chunks_check(hid_t plist, size_t size, const char *path, const char *name, efla_message *why);

/* The chunks of a dataset that are unpacked as a whole, whatever part of them is read: their sizes, and bytes of one in
 * memory. rank 0: it has none, its numbers can be read where they are. */
typedef struct efla_chunks {
  size_t rank, bytes;
  hsize_t size[H5S_MAX_RANK];
} efla_chunks;
efla_chunks efla_chunks_of(hid_t dataset);

/* How a dataset is to be opened, so that what was unpacked stays: all of its chunks, or as many as have
 * EFLA_LARGEST_CHUNK bytes, which is at least one.  To be closed. */
hid_t efla_chunks_access(hid_t dataset);

#endif
