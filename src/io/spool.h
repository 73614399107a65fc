/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Temporary files without a name, which are gone when they are closed, however the program ends; internal to io. */
#ifndef EFLA_IO_SPOOL_H
#define EFLA_IO_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens one in the directory of the file `beside`; NULL: in that of the variable TMPDIR, or /tmp.  Returns its
 * descriptor, or -1 with errno. */
int efla_spool_open(const char *beside);

/* False, with errno, where not all bytes could be written. */
bool efla_spool_append(int descriptor, const void *bytes, size_t n);
bool efla_spool_put(int descriptor, uint64_t at, const void *bytes, size_t n);

#endif
