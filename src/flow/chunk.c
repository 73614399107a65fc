#include "flow/chunk.h"

#include <gsl/gsl_cblas.h>
#include <string.h>

size_t efla_chunk_scratch(size_t chunk, size_t dk, size_t dv) {
  (void)dk;
  return chunk * chunk + chunk * dv;
}

#define REAL       double
#define NAME(stem) stem##_f64
#define GEMM       cblas_dgemm
#define TRSM       cblas_dtrsm
#include "flow/chunk.inc"
#undef REAL
#undef NAME
#undef GEMM
#undef TRSM

#define REAL       float
#define NAME(stem) stem##_f32
#define GEMM       cblas_sgemm
#define TRSM       cblas_strsm
#include "flow/chunk.inc"
