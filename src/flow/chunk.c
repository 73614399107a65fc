#include "flow/chunk.h"

#include "flow/level.h"

#include <gsl/gsl_cblas.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

size_t efla_chunk_scratch(size_t chunk, size_t dk, size_t dv) {
  return EFLA_PAD + dk * efla_row(dv) + efla_padded(chunk) + efla_wy_scratch(chunk, dk, dv);
}

#define REAL       double
#define NAME(stem) stem##_f64
#define GEMM       cblas_dgemm
#define EXP        exp
#include "flow/chunk.inc"
#undef REAL
#undef NAME
#undef GEMM
#undef EXP

#define REAL       float
#define NAME(stem) stem##_f32
#define GEMM       cblas_sgemm
#define EXP        expf
#include "flow/chunk.inc"
