/* SPDX-License-Identifier: MIT */
/* An array is described, never owned: one description for every type and layout, for slices, packed projections and
 * grouped heads. */
#ifndef EFLA_ARRAY_H
#define EFLA_ARRAY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum efla_type {
  EFLA_F64,
  EFLA_F32,
  EFLA_BF16, /* in no backend yet */
  EFLA_F16   /* in no backend yet */
} efla_type;

/* Bytes of one element; 0 for a number that is no type. */
size_t efla_type_size(efla_type type);
/* "f64", ...; "unknown type" for a number that is no type. */
const char *efla_type_name(efla_type type);

/* Feature i of token t, head h, batch entry b is element
 *
 *     b*batch + (h/repeat)*head + t*token + i     (h/repeat rounded down)
 *
 * of data: strides count elements, features lie one after another.  A scalar per token (beta, g) has one feature.
 * `repeat` many consecutive heads share what lies there, as groups of queries share keys; 0 means 1, and it divides the
 * number of heads.
 *
 * Inputs: strides are 0 (shared) or at least the number of features.  Outputs: no two elements may lie in one place, so
 * repeat is 1, and each stride is at least what the smaller ones span.  The stride of a dimension that has one entry is
 * not used.  data has the alignment of its type, no more. */
typedef struct efla_array {
  void *data; /* NULL: absent.  The library writes through it only where the array is an output */
  efla_type type;
  ptrdiff_t batch, head, token;
  size_t repeat;
} efla_array;

/* (batch, tokens, heads, features), one after another. */
efla_array efla_array_token_major(void *data, efla_type type, size_t tokens, size_t heads, size_t features);
/* (batch, heads, tokens, features), one after another. */
efla_array efla_array_head_major(void *data, efla_type type, size_t tokens, size_t heads, size_t features);
/* States (sequences, heads, dk, dv), one after another: `batch` counts sequences and `token` rows of a state. */
efla_array efla_array_states(void *data, efla_type type, size_t heads, size_t dk, size_t dv);

/* Memory aligned to 128 bytes, on which the kernels are fastest; NULL where there is none, or for 0 bytes.  efla_free
 * takes NULL. */
void *efla_alloc(size_t bytes);
void efla_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif
