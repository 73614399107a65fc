/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Types of numbers as formats other than HDF5 store them, and their conversion to f64. */
#ifndef EFLA_IO_ELEMENT_H
#define EFLA_IO_ELEMENT_H

#include "number/format.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct efla_element {
  const char *numpy;       /* NumPy's kind and bytes: "f4" */
  const char *safetensors; /* "F32" */
  const char *format;      /* of efla_formats; NULL: an integer */
  size_t bytes;
  /* To and from numbers in the byte order of this machine. */
  void (*widen)(const unsigned char *from, size_t n, double *to);
  void (*narrow)(const double *from, size_t n, unsigned char *to); /* of numbers of the type; NULL: it is not written */
} efla_element;

extern const efla_element efla_elements[]; /* ends with a row whose numpy is NULL */

const efla_element *efla_element_of_numpy(const char *name); /* NULL: none */
const efla_element *efla_element_of_safetensors(const char *name);
const efla_element *efla_element_of_format(const char *name);

/* As efla_stored_format gives it for the same type in HDF5. */
efla_format efla_element_format(const efla_element *element);

/* Converts n numbers; bytes are reversed in place first where the file is of the other byte order than `big` says of
 * this machine. */
void efla_element_read(const efla_element *element, bool big, unsigned char *bytes, size_t n, double *to);

/* Stores n numbers, little-endian, to `to` (n * element->bytes).  Numbers that are none of the type lose digits. */
void efla_element_write(const efla_element *element, const double *from, size_t n, unsigned char *to);

#endif
