/* Chunks of HDF5 datasets: the filters that they have to pass, and the room for unpacked ones; not for users. */
#ifndef EFLA_IO_CHUNKS_H
#define EFLA_IO_CHUNKS_H

#include "base/status.h"

#include <hdf5.h>

/* From now on HDF5 unpacks lzf: unless it can already, by a filter of that number from elsewhere. */
void efla_chunks_begin(void);

/* Whether a dataset of that creation property list, its numbers of `size` bytes, can be read in parts: EFLA_INPUT where a filter
 * of its is not available, or where chunks are to be unpacked that have more than EFLA_LARGEST_CHUNK bytes. */
efla_status efla_chunks_check(hid_t plist, size_t size, const char *path, const char *name, efla_message *why);

#endif
