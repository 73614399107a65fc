/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing of .npz and safetensors, whose numbers come in any order and whose headers are known last: arrays are kept in a
 * temporary file beside the one that is written, and brought together when it is closed; internal to io. */
#ifndef EFLA_IO_FLAT_WRITE_H
#define EFLA_IO_FLAT_WRITE_H

#include "io/container.h"
#include "io/stretch.h"

enum { EFLA_FLAT_ARRAYS = 32, EFLA_FLAT_ATTRIBUTES = 256 };

typedef struct efla_flat_array {
  const char *name;
  efla_stretch place; /* in the temporary file */
} efla_flat_array;

typedef struct efla_flat_attribute {
  char *name, *text; /* text NULL: a number */
  double number;
} efla_flat_attribute;

typedef struct efla_flat_writing efla_flat_writing;

/* Writes the file from what is kept; NULL, or the reason why not. */
typedef const char *efla_flat_finish(const efla_flat_writing *w, int descriptor);

struct efla_flat_writing {
  efla_container base;
  efla_flat_finish *finish;
  int spool;
  uint64_t end; /* of the temporary file */
  size_t arrays, attributes;
  efla_flat_array array[EFLA_FLAT_ARRAYS];
  efla_flat_attribute attribute[EFLA_FLAT_ATTRIBUTES];
};

/* A file that is written by `finish` when it is closed. */
efla_status efla_flat_create(efla_container **made, efla_flat_finish *finish, const char *path, efla_message *why);

/* Calls append(to, bytes, n) until all bytes of an array have been given to it, in pieces; NULL, or the reason. */
typedef bool efla_flat_append(void *to, const void *bytes, size_t n);
const char *efla_flat_copy(const efla_flat_array *array, efla_flat_append *append, void *to);

/* The member `create` of their rows. */
efla_status efla_npz_create(efla_container **made, const char *path, efla_message *why);
efla_status efla_safetensors_create(efla_container **made, const char *path, efla_message *why);

#endif
