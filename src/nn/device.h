/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices: where the arrays of a model are, and the operations on them. A model is written once, in terms of a row of
 * this table, and runs on every device.
 *
 * Arrays are void pointers to numbers of the device's type, rows one after another without gaps. d_x is the loss's
 * derivative by x. Where a function "adds to" an array, the others are overwritten. A device is used by one thread at a
 * time; operations run in that thread. inf and nan propagate as data. */
#ifndef EFLA_NN_DEVICE_H
#define EFLA_NN_DEVICE_H

#include "base/status.h"
#include "efla/backend.h"
#include "nn/pointwise.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct efla_device efla_device;

/* Maps of one number, y = f(x). */
typedef enum efla_map {
  EFLA_MAP_SIGMOID,
  EFLA_MAP_TWICE_SIGMOID,
  EFLA_MAP_SOFTPLUS,
  EFLA_MAP_MINUS_SOFTPLUS,
  EFLA_MAP_GELU
} efla_map;

typedef struct efla_device_row {
  const char *name;
  efla_type type;
  /* n numbers, aligned to EFLA_TILE_BYTES, zero; NULL where there is no memory. release accepts NULL. */
  void *(*allocate)(size_t n);
  void (*release)(void *x);
  void (*write)(size_t n, const double *from, void *to); /* rounded to the device's type */
  void (*read)(size_t n, const void *from, double *to);
  void (*add)(size_t n, const void *x, void *y); /* y += x */
  void (*copy)(size_t n, const void *x, void *y);
  void (*zero)(size_t rows, size_t n, void *x, size_t x_row);                 /* rows of n numbers, x_row apart */
  void (*scale)(size_t rows, size_t n, double factor, void *x, size_t x_row); /* the same times a factor */
  /* C (rows, columns) = A B + keep C; A (rows, inner), with `left` stored as its transpose; B (inner, columns), with
   * `right` stored as its transpose; rows of A, B, C are a, b, c numbers apart. */
  void (*product)(bool left, bool right, size_t rows, size_t columns, size_t inner, const void *A, size_t a,
                  const void *B, size_t b, double keep, void *C, size_t c);
  /* y (rows) = W x + keep y; W (rows, n), x (n). */
  void (*matrix)(const efla_device *device, size_t rows, size_t n, const void *W, const void *x, double keep, void *y);
  /* y (rows, n) = E (vocabulary, n) at the tokens. Backward adds to d_E. */
  void (*embed)(size_t rows, size_t n, const uint32_t *tokens, const void *E, void *y);
  void (*embed_backward)(size_t rows, size_t n, const uint32_t *tokens, const void *d_y, void *d_E);
  /* RMSNorm (pointwise.h) of `parts` parts of n numbers in each row of x, x_row numbers apart; scale (n), NULL: ones;
   * y (rows, parts, n), by (rows, parts). Backward adds to d_x, x_row apart too, and d_scale. */
  void (*norm)(const efla_device *device, size_t rows, size_t parts, size_t n, const void *x, size_t x_row,
               const void *scale, void *y, void *by);
  void (*norm_backward)(const efla_device *device, size_t rows, size_t parts, size_t n, const void *x, size_t x_row,
                        const void *scale, const void *by, const void *d_y, void *d_x, void *d_scale);
  /* z: causal convolution of each sequence of x (sequences, tokens, n), y = silu(z). Backward: d_z (as z, and may
   * be z) is scratch; adds to d_w, overwrites d_x. */
  void (*convolve)(const efla_device *device, size_t sequences, size_t tokens, size_t n, const void *x, const void *w,
                   void *z, void *y);
  /* z and y (n) of the last token of one sequence x (tokens, n). */
  void (*convolve_last)(const efla_device *device, size_t tokens, size_t n, const void *x, const void *w, void *z,
                        void *y);
  void (*convolve_backward)(const efla_device *device, size_t sequences, size_t tokens, size_t n, const void *x,
                            const void *w, const void *z, const void *d_y, void *d_z, void *d_x, void *d_w);
  /* y (rows, n) = silu(a) b, rows of ab are a (n), b (n). */
  void (*swiglu)(const efla_device *device, size_t rows, size_t n, const void *ab, void *y);
  void (*swiglu_backward)(const efla_device *device, size_t rows, size_t n, const void *ab, const void *d_y,
                          void *d_ab);
  /* y (rows, n) = f(x + bias), bias (n). Backward adds to d_bias; d_x may be d_y. */
  void (*map)(efla_map map, size_t rows, size_t n, const void *x, const void *bias, void *y);
  void (*map_backward)(efla_map map, size_t rows, size_t n, const void *x, const void *bias, const void *d_y, void *d_x,
                       void *d_bias);
  /* Causal softmax attention of one head of one sequence: q, k, v (tokens, n), rows `row` apart, o (tokens, n) o_row
   * apart, P (tokens, tokens) the weights, 0 above the diagonal. Backward: d_P (as P) is scratch; d_q, d_k, d_v, rows
   * d_row apart, are overwritten. */
  void (*attend)(const efla_device *device, size_t tokens, size_t n, const void *q, const void *k, const void *v,
                 size_t q_row, size_t row, void *P, void *o, size_t o_row);
  void (*attend_backward)(const efla_device *device, size_t tokens, size_t n, const void *q, const void *k,
                          const void *v, size_t q_row, size_t row, const void *P, const void *d_o, size_t o_row,
                          void *d_P, void *d_q, size_t d_q_row, void *d_k, void *d_v, size_t d_row);
  /* Cross-entropy of rows (rows, n) with labels, of which negative ones do not count: losses (rows), 0 there. Where
   * weight is not 0 the logits become its derivative times weight. */
  void (*entropy)(const efla_device *device, size_t rows, size_t n, void *logits, const int32_t *labels, double weight,
                  double *losses);
} efla_device_row;

struct efla_device {
  const efla_device_row *row;
  size_t size; /* bytes of a number */
  const efla_isa *isa;
  efla_backend *backend; /* of the delta rule */
};

/* The rows: "cpu" in f32, and in f64 for tests; ends with a row whose name is NULL. */
extern const efla_device_row efla_devices[];
/* The row of that name and type, NULL if there is none. */
const efla_device_row *efla_device_find(const char *name, efla_type type);

/* isa NULL: the best of this processor. Fails as efla_backend_open does; device is then zeroed. */
efla_status efla_device_open(efla_device *device, const efla_device_row *row, const char *isa, efla_message *why);
void efla_device_close(efla_device *device); /* accepts a zeroed struct */

/* Number n of an array of the device. */
static inline void *efla_device_at(const efla_device *device, const void *array, size_t n) {
  return (char *)array + n * device->size;
}

#endif
