/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/layers.h"

#include "nn/gelu.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* y = x Phi(x) and its derivative, by the C library's erf: the definition of gelu.h. */
static void gelu_f64(const efla_isa *isa, size_t n, const double *x, double *y, double *slope) {
  (void)isa;
  for (size_t i = 0; i < n; i++) {
    double z = x[i], below = erfc(-z * M_SQRT1_2) / 2, density = exp(-z * z / 2) * (M_2_SQRTPI * M_SQRT1_2 / 2);
    slope[i] = below + (density > 0 ? z * density : 0);
    y[i] = below > 0 ? z * below : 0;
  }
}

static void gelu_f32(const efla_isa *isa, size_t n, const float *x, float *y, float *slope) {
  efla_gelu_f32(isa, n, x, y, slope);
}

#define REAL       float
#define NAME(stem) stem##_f32
#define EXP        expf
#define LOG        logf
#define SQRT       sqrtf
#include "nn/layers.inc"
#undef REAL
#undef NAME
#undef EXP
#undef LOG
#undef SQRT

#define REAL       double
#define NAME(stem) stem##_f64
#define EXP        exp
#define LOG        log
#define SQRT       sqrt
#include "nn/layers.inc"
