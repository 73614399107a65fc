/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What layers do number by number and row by row, compiled once per instruction set as the kernels are
 * (efla/cpu/isa.h): exponentials are within 2 u, sums of a row have one order. inf and nan propagate as data. */
#ifndef EFLA_NN_POINTWISE_H
#define EFLA_NN_POINTWISE_H

#include "efla/cpu/isa.h"

#include <stddef.h>

enum { EFLA_CONVOLUTION = 4 }; /* tokens that a causal convolution reads: its own and those before it */

#define EFLA_RMS_EPSILON 1e-6 /* added to the mean square */

/* silu         y = x sigmoid(x), n numbers. Backward: d_x = d_y times its slope at x.
 * swiglu       y = silu(a) b, n numbers. Backward: d_a, d_b.
 * rms          y = scale x by, by = 1/sqrt(mean x^2 + EFLA_RMS_EPSILON), n numbers; returns by. scale NULL: ones.
 *              Backward adds to d_x, and to d_scale (NULL: none).
 * convolution  z_t = sum over j of w_j x_{t-j}, channel by channel, x before the first token zero; x, z (tokens, n),
 *              w (EFLA_CONVOLUTION, n). Backward adds to d_x and d_w. convolution_at: z (n) of token t alone.
 * softmax      x (n) -> exp(x)/sum in place.
 * entropy      logits (n) -> -log softmax(logits)[label]; d (n; may be logits; NULL: not computed) is its derivative
 *              times weight.
 * matrix       y (rows) = W x + keep y, W (rows, n), x (n): reads W once, from its first number to its last.
 * total        the sum of n numbers: as fast as memory is read. */
#define EFLA_POINTWISE(REAL, suffix)                                                                                   \
  typedef struct efla_pointwise_##suffix {                                                                             \
    void (*silu)(size_t n, const REAL *x, REAL *y);                                                                    \
    void (*silu_backward)(size_t n, const REAL *x, const REAL *d_y, REAL *d_x);                                        \
    void (*swiglu)(size_t n, const REAL *a, const REAL *b, REAL *y);                                                   \
    void (*swiglu_backward)(size_t n, const REAL *a, const REAL *b, const REAL *d_y, REAL *d_a, REAL *d_b);            \
    REAL (*rms)(size_t n, const REAL *x, const REAL *scale, REAL *y);                                                  \
    void (*rms_backward)(size_t n, const REAL *x, const REAL *scale, REAL by, const REAL *d_y, REAL *d_x,              \
                         REAL *d_scale);                                                                               \
    void (*convolution)(size_t tokens, size_t n, const REAL *x, const REAL *w, REAL *z);                               \
    void (*convolution_at)(size_t t, size_t n, const REAL *x, const REAL *w, REAL *z);                                 \
    void (*convolution_backward)(size_t tokens, size_t n, const REAL *x, const REAL *w, const REAL *d_z, REAL *d_x,    \
                                 REAL *d_w);                                                                           \
    void (*softmax)(size_t n, REAL *x);                                                                                \
    double (*entropy)(size_t n, const REAL *logits, size_t label, REAL weight, REAL *d);                               \
    void (*matrix)(size_t rows, size_t n, const REAL *W, const REAL *x, REAL keep, REAL *y);                           \
    REAL (*total)(size_t n, const REAL *x);                                                                            \
  } efla_pointwise_##suffix;                                                                                           \
  extern const efla_pointwise_##suffix efla_pointwise_generic_##suffix, efla_pointwise_x86_64_v3_##suffix,             \
      efla_pointwise_x86_64_v4_##suffix;                                                                               \
  const efla_pointwise_##suffix *efla_pointwise_of_##suffix(const efla_isa *isa);
EFLA_POINTWISE(float, f32)
EFLA_POINTWISE(double, f64)

#endif
