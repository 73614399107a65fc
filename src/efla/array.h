/* SPDX-License-Identifier: MIT */
/* Array descriptions. An array is described by pointer, type and strides, and owned by the caller: the same
 * description serves every type and layout, slices, packed projections and grouped heads. */
#ifndef EFLA_ARRAY_H
#define EFLA_ARRAY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The type of an array's elements. */
typedef enum efla_type {
  EFLA_F64,  /* double */
  EFLA_F32,  /* float */
  EFLA_BF16, /* backend cuda; forward passes of cpu */
  EFLA_F16   /* backend cuda only */
} efla_type;

/* Bytes of one element; 0 for a number that is not a type. */
size_t efla_type_size(efla_type type);
/* "f64", ...; "unknown type" for a number that is not a type. */
const char *efla_type_name(efla_type type);

/* Feature i of token t, head h, batch entry b is element
 *
 *     b*batch + (h/repeat)*head + t*token + i     (h/repeat rounded down)
 *
 * of data: strides count elements, features are contiguous. A scalar per token (beta, g) has one feature.
 * `repeat` consecutive heads share the same elements, as groups of queries share keys; 0 means 1, and it
 * divides the number of heads.
 *
 * Inputs: strides are 0 (shared) or at least the number of features. Outputs: no two elements may have the
 * same address, so repeat is 1, and each stride is at least the span of the dimensions with smaller strides.
 * The stride of a dimension with one entry is not used. data must have the alignment of its type, no more. */
typedef struct efla_array {
  void *data; /* NULL: absent. Written by the library only where the array is an output */
  efla_type type;
  ptrdiff_t batch, head, token;
  size_t repeat;
} efla_array;

/* (batch, tokens, heads, features), contiguous. */
efla_array efla_array_token_major(void *data, efla_type type, size_t tokens, size_t heads, size_t features);
/* (batch, heads, tokens, features), contiguous. */
efla_array efla_array_head_major(void *data, efla_type type, size_t tokens, size_t heads, size_t features);
/* States (sequences, heads, dk, dv), contiguous: `batch` counts sequences and `token` rows of a state. */
efla_array efla_array_states(void *data, efla_type type, size_t heads, size_t dk, size_t dv);

/* Allocates memory aligned to 128 bytes, the alignment at which the kernels are fastest; NULL where the
 * allocation fails, or for 0 bytes. efla_free accepts NULL. */
void *efla_alloc(size_t bytes);
void efla_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif
