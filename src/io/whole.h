/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks that the chunks of a compressed dataset unpack to the size of a chunk; internal to io.
 *
 * HDF5 does not check it: it reads past the end of a chunk that unpacks to fewer bytes, and allocates whatever a longer
 * one needs.  Each chunk is therefore unpacked once, without being stored, before HDF5 reads from it. */
#ifndef EFLA_IO_WHOLE_H
#define EFLA_IO_WHOLE_H

#include "base/status.h"

#include <hdf5.h>
#include <stddef.h>

typedef struct efla_whole efla_whole; /* which chunks of a dataset have been checked; NULL: none */

/* Checks the chunks that intersect a box (start and count along each axis) and have not been checked.  Fails with
 * EFLA_INPUT and a message with path, name and chunk, and with EFLA_NO_MEMORY.  Gzip, checksums and chunks stored
 * unfiltered are measured; lzf checks the size itself (io/chunks.h); chunks with other filters are accepted.  *whole is
 * to be freed by free. */
efla_status efla_whole_check(efla_whole **whole, hid_t dataset, const size_t *start, const size_t *count,
                             const char *path, const char *name, efla_message *why);

#endif
