/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ZIP archives to read, by the minizip library; internal to io.
 *
 * A member that was stored as it is can be read anywhere in the archive's file; a deflated one is unpacked to a
 * temporary file.  Members that are encrypted, or packed in another way, are refused. */
#ifndef EFLA_IO_ZIP_H
#define EFLA_IO_ZIP_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct efla_zip efla_zip;

typedef struct efla_zip_member {
  uint64_t entry[2];      /* where the directory lists it, for minizip */
  uint64_t at;            /* of its bytes in the file, as they are packed */
  uint64_t packed, bytes; /* how many those are, and how many unpacked */
  bool deflated;
} efla_zip_member;

/* Reads from a descriptor, which stays the caller's.  Path is for messages, and stays valid.  Fails with EFLA_INPUT
 * where the directory of the archive is damaged, and with EFLA_NO_MEMORY. */
efla_status efla_zip_open(efla_zip **opened, int descriptor, const char *path, efla_message *why);
void efla_zip_close(efla_zip *zip); /* NULL too */

/* *there: whether the archive has a member NAME.npy.  Fails with EFLA_INPUT where it has several, or one that is not
 * within the file, or claims more bytes than deflate can pack into so few. */
efla_status efla_zip_find(efla_zip *zip, const char *name, bool *there, efla_zip_member *member, efla_message *why);

/* The first bytes of a member, at most n. */
efla_status efla_zip_begin(efla_zip *zip, const char *name, const efla_zip_member *member, void *bytes, size_t n,
                           size_t *got, efla_message *why);

/* Reads the whole member and checks its checksum; a deflated one to a temporary file, which has no name and whose
 * descriptor is *unpacked, to be closed.  Fails with EFLA_INPUT, also where there is no room for that file. */
efla_status efla_zip_check(efla_zip *zip, const char *name, const efla_zip_member *member, int *unpacked,
                           efla_message *why);

#endif
