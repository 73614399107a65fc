/* SPDX-License-Identifier: MIT */
#include "efla/cpu/chunk.h"

#include "efla/cpu/isa.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

size_t efla_chunk_scratch(size_t chunk, size_t dk, size_t dv) {
  return EFLA_PAD + dk * efla_row(dv) + 3 * efla_padded(chunk) + efla_wy_scratch(chunk, dk, dv);
}

#define REAL       double
#define NAME(stem) stem##_f64
#include "efla/cpu/chunk.inc"
#undef REAL
#undef NAME

#define REAL       float
#define NAME(stem) stem##_f32
#include "efla/cpu/chunk.inc"
