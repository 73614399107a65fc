/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensor files for tests, written with HDF5 itself and not with the toolkit's writer. */
#ifndef H5_H
#define H5_H

#include "laboratory.h"

#include <hdf5.h>

/* What a file is to hold; sizes of 0 in batch and heads leave that axis out (heads only together with batch). */
typedef struct h5_sizes {
  size_t batch, tokens, heads, dk, dv;
} h5_sizes;

hid_t h5_create(const char *path);
void h5_close(hid_t file);

/* A dataset of doubles, stored as `type`. */
void h5_put(hid_t file, const char *name, hid_t type, size_t rank, const hsize_t *size, const double *values);
/* The same with sizes as arguments. */
#define H5_PUT(file, name, type, values, ...)                                                                          \
  h5_put(file, name, type, sizeof((hsize_t[]){__VA_ARGS__}) / sizeof(hsize_t), (const hsize_t[]){__VA_ARGS__}, values)

/* Room for a dataset, set aside at once but not written to: zeros, in a file that has holes there and takes hardly any
 * space on the disk. chunk NULL: contiguous. */
void h5_room(hid_t file, const char *name, hid_t type, size_t rank, const hsize_t *size, const hsize_t *chunk);

void h5_number(hid_t file, const char *name, double value); /* attributes of the root */
void h5_text(hid_t file, const char *name, const char *text);

/* A float type of its own: bits in all, of the exponent, of the mantissa; to be closed. */
hid_t h5_float(size_t bits, size_t exponent, size_t mantissa);

/* A dataset of tokens, of rank 4, 3 or 2 as sizes say, with width numbers each (0: none, as in beta), "BTHD". */
void h5_put_tokens(hid_t file, const char *name, hid_t type, const h5_sizes *sizes, size_t width, const double *values);

/* A whole file: q, k, v, beta, all drawn from testing_seed() and rounded to f32, keys of norm about `norm`. */
void h5_inputs(hid_t file, const h5_sizes *sizes, double norm);
/* The same numbers again, (B,T,H,width) for q, k, v, beta; to be freed. */
double *h5_numbers(const h5_sizes *sizes, char what, double norm);

/* The numbers of a dataset; n is how many there must be.  To be freed. */
double *h5_get(const char *path, const char *name, size_t n);

/* A fresh file in a directory of the test's own, by h5_path; and the same opened, once it has been closed. */
extern char h5_path[256];
hid_t h5_fresh(const char *name);
efla_tensors h5_open_fresh(void);

#endif
