/* Whether the chunks of a compressed dataset unpack to as many bytes as a chunk has; not for users.
 *
 * HDF5 does not ask: where a chunk unpacks to less it reads on beyond its memory, where to more it takes all the memory that it
 * needs.  So each chunk is unpacked without being kept, once, before HDF5 is asked for numbers in it. */
#ifndef EFLA_IO_WHOLE_H
#define EFLA_IO_WHOLE_H

#include "base/status.h"

#include <hdf5.h>

typedef struct efla_whole efla_whole; /* the chunks of a dataset for which this is known; NULL: none */

/* Looks at the chunks that a box (of the dataset's rank) touches and that have not been looked at.  Fails with EFLA_INPUT and a sentence with
 * path, name and chunk, and with EFLA_MEMORY.  Of filters it measures gzip and checksums, and what a chunk says it was stored without;
 * lzf is ours and sees to it itself (io/chunks.h), other filters are taken at their word.  *whole is to be freed by free. */
efla_status efla_whole_check(efla_whole **whole, hid_t dataset, const hsize_t *start, const hsize_t *count, const char *path,
                             const char *name, efla_message *why);

#endif
