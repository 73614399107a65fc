/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts that are written into memory. */
#ifndef EFLA_BASE_MEMORY_STREAM_H
#define EFLA_BASE_MEMORY_STREAM_H

#include <stdbool.h>
#include <stdio.h>

/* As open_memstream, but a write for which there is no memory is an error of the stream, which glibc's own stream
 * forgets: ferror, fflush and efla_memory_stream_close tell it.  *text (NULL at first) and *length are what has been
 * written, with a zero after it, once fflush or close have succeeded; *text is to be freed in any case.  NULL: no
 * memory. */
FILE *efla_memory_stream(char **text, size_t *length);

/* Closes it; false where the text is not whole, and where file is NULL. */
bool efla_memory_stream_close(FILE *file);

#endif
