/* SPDX-License-Identifier: MIT */
#include "efla/array.h"

#include <stdint.h>
#include <stdlib.h>

size_t efla_type_size(efla_type type) {
  switch (type) {
  case EFLA_F64:
    return 8;
  case EFLA_F32:
    return 4;
  case EFLA_BF16:
  case EFLA_F16:
    return 2;
  }
  return 0;
}

const char *efla_type_name(efla_type type) {
  switch (type) {
  case EFLA_F64:
    return "f64";
  case EFLA_F32:
    return "f32";
  case EFLA_BF16:
    return "bf16";
  case EFLA_F16:
    return "f16";
  }
  return "unknown type";
}

/* Unsigned arithmetic wraps where sizes are absurd; the sizes themselves are checked where a sequence is (check.c). */
static efla_array describe(void *data, efla_type type, size_t batch, size_t head, size_t token) {
  return (efla_array){
      .data = data, .type = type, .batch = (ptrdiff_t)batch, .head = (ptrdiff_t)head, .token = (ptrdiff_t)token};
}

efla_array efla_array_token_major(void *data, efla_type type, size_t tokens, size_t heads, size_t features) {
  return describe(data, type, tokens * heads * features, features, heads * features);
}

efla_array efla_array_head_major(void *data, efla_type type, size_t tokens, size_t heads, size_t features) {
  return describe(data, type, heads * tokens * features, tokens * features, features);
}

efla_array efla_array_states(void *data, efla_type type, size_t heads, size_t dk, size_t dv) {
  return describe(data, type, heads * dk * dv, dk * dv, dv);
}

void *efla_alloc(size_t bytes) {
  enum { ALIGNMENT = 128 };
  if (bytes == 0 || bytes > PTRDIFF_MAX - ALIGNMENT) return NULL;
  return aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

void efla_free(void *memory) { free(memory); }
