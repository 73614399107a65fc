/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of bytes, read from their beginning to their end: plain, compressed by gzip, or by xz.
 *
 * A file whose name ends in .gz must hold gzip streams and one whose name ends in .xz must hold xz streams; under any
 * other name its first bytes tell.  Several streams in a row are one file.  As in gzip and in xz, bytes after the last
 * stream that begin no further one are ignored in the former and refused in the latter. */
#ifndef EFLA_IO_PACKED_H
#define EFLA_IO_PACKED_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct efla_packed efla_packed;

/* The path must stay valid until the file is closed.  Fails with EFLA_INPUT and a message with the path where the file
 * cannot be opened, and with EFLA_NO_MEMORY; *file is then NULL. */
efla_status efla_packed_open(efla_packed **file, const char *path, efla_message *why);

/* The next `wanted` <= INT_MAX unpacked bytes; fewer only where the file ends.  Fails with EFLA_INPUT and a message
 * with path, offset (unpacked bytes) and expectation where the file cannot be read or its stream is damaged; with
 * EFLA_NO_MEMORY, also where an xz stream asks for more than 256 MB.  A stream that is cut within ends the file here;
 * efla_packed_end tells. */
efla_status efla_packed_read(efla_packed *file, void *bytes, size_t wanted, size_t *got, efla_message *why);

/* Once a read has come to the end: fails with EFLA_INPUT where the file ends within a stream, whose data may be
 * complete and whose checksum is missing. */
efla_status efla_packed_end(efla_packed *file, efla_message *why);

/* Closes a file, NULL too, and returns `status` with its message, or EFLA_INPUT and another message where the file has
 * changed since it was opened (io/watch.h). */
efla_status efla_packed_close(efla_packed *file, efla_status status, efla_message *why);

/* A whole file: *bytes (*count), to be freed by free; NULL where it is empty.  Fails as the functions above do, and
 * with EFLA_INPUT where there are more than `most` bytes; *bytes is then NULL and *count 0.  Memory grows with what is
 * read. */
efla_status efla_packed_whole(unsigned char **bytes, size_t *count, size_t most, const char *path, efla_message *why);

/* Sets path (room) to the first file that exists of NAME, NAME.gz and NAME.xz in a directory; to "" where there is none
 * and none is `needed`. Fails with EFLA_INPUT where one is, or where the path is too long. */
efla_status efla_packed_find(char *path, size_t room, const char *directory, const char *name, bool needed,
                             efla_message *why);

#endif
