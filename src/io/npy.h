/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header of a .npy file: a magic string, a version, a length, and a Python dictionary with type, order and shape,
 * as numpy.lib.format documents it; internal to io. */
#ifndef EFLA_IO_NPY_H
#define EFLA_IO_NPY_H

#include "io/stretch.h"

enum { EFLA_NPY_HEADER = 1 << 16 }; /* bytes of the longest header that is read; NumPy itself stops at 10000 */

typedef struct efla_npy {
  char kind[16]; /* of a number, with its bytes: "f4"; of a text "U" or "S", with its characters: "U4" */
  bool big;      /* byte order */
  bool fortran;  /* the first axis is the fastest */
  size_t rank, size[EFLA_DATASET_AXES];
  size_t header; /* bytes before the first number */
} efla_npy;

/* Whether bytes (n) begin as a .npy file does. */
bool efla_npy_begins(const unsigned char *bytes, size_t n);

/* Reads the header from the first n bytes of a file, which are all of it or EFLA_NPY_HEADER at least.  Fails with
 * EFLA_INPUT and a message with path and name. */
efla_status efla_npy_read(efla_npy *npy, const unsigned char *bytes, size_t n, const char *path, const char *name,
                          efla_message *why);

/* The place of the array in a file of `bytes` bytes, header included, whose first byte is at `at` of the descriptor.
 * Fails with EFLA_INPUT where the type is none that is read, or where the file has more bytes or less. */
efla_status efla_npy_stretch(efla_stretch *place, const efla_npy *npy, int descriptor, uint64_t at, uint64_t bytes,
                             const char *path, const char *name, efla_message *why);

/* The header of an array in C order with a type of that name ("<f4"), whose length is a multiple of 64; returns it. */
enum { EFLA_NPY_WRITTEN = 256, EFLA_NPY_WRITTEN_AXES = 4 };
size_t efla_npy_write(char text[EFLA_NPY_WRITTEN], const char *kind, size_t rank, const size_t *size);

#endif
