/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header of a safetensors file: a length of 8 bytes, little-endian, and so much JSON, an object that gives each
 * array's dtype, shape and data_offsets (its first byte and the one after its last, counted from the header's end), and
 * under __metadata__ texts; as github.com/huggingface/safetensors documents it.  Internal to io. */
#ifndef EFLA_IO_SAFETENSORS_H
#define EFLA_IO_SAFETENSORS_H

#include "io/stretch.h"

#include <json.h>

enum { EFLA_SAFETENSORS_HEADER = 1 << 24 }; /* bytes of the longest header that is read */

typedef struct efla_safetensors_header {
  json_object *all;
  uint64_t start, bytes; /* of the arrays in the file: the header's end, and all of theirs */
} efla_safetensors_header;

/* Reads and checks it: one entry per name, and arrays that fill the file without gap or overlap.  Fails with EFLA_INPUT
 * and EFLA_NO_MEMORY.  `all` is to be put. */
efla_status efla_safetensors_read(efla_safetensors_header *header, int descriptor, uint64_t size, const char *path,
                                  efla_message *why);

/* The array of that name; *there is false where there is none.  Fails with EFLA_INPUT where it is no array of numbers
 * that are read, or where its bytes are not those of its shape. */
efla_status efla_safetensors_find(const efla_safetensors_header *header, const char *name, bool *there,
                                  efla_stretch *place, const char *path, efla_message *why);

/* The text of that name in __metadata__; NULL where there is none. */
const char *efla_safetensors_text(const efla_safetensors_header *header, const char *name);

#endif
