/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Arrays whose numbers lie one after another in a file, as all formats but HDF5 store them: .npy, stored members of
 * .npz, safetensors; internal to io.
 *
 * They are read and not mapped, so that a file that shrinks meanwhile gives an error and not a signal.  A box is read in
 * spans: where its numbers are in pieces of less than a few kilobytes, with what lies between them, up to a megabyte at
 * a time. */
#ifndef EFLA_IO_STRETCH_H
#define EFLA_IO_STRETCH_H

#include "io/container.h"

#include <stdint.h>

/* Where an array is, and how its numbers are stored. */
typedef struct efla_stretch {
  int descriptor;
  uint64_t at, bytes; /* offset of its first number in the file, and bytes in all */
  const efla_element *element;
  bool big;      /* byte order */
  bool reversed; /* Fortran's order: the first axis is the fastest */
  size_t rank, size[EFLA_DATASET_AXES];
} efla_stretch;

/* Reads n bytes at an offset; false where there are less. */
bool efla_stretch_bytes(int descriptor, uint64_t at, void *bytes, size_t n);

/* Sets bytes from the sizes; false where they exceed 2^62. */
bool efla_stretch_measure(efla_stretch *place);

/* Reads a box.  Returns NULL, or the reason why not. */
const char *efla_stretch_read(const efla_stretch *place, const efla_box *box, double *values);

/* Writes a box of an array in C order and little-endian; likewise. */
const char *efla_stretch_write(const efla_stretch *place, const efla_box *box, const double *values);

#endif
