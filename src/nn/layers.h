/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layers as forward and backward pairs, for float (f32) and double (f64).
 *
 * Rows are contiguous and padded with zeros: a row of n numbers takes efla_padded(n).  Arrays are aligned to
 * EFLA_LINE_BYTES.  Matrices W (out, in) are not padded; `in` is a multiple of EFLA_PAD.  d_x is the loss's derivative
 * by x; derivatives by parameters are accumulated.  inf and nan propagate as data. */
#ifndef EFLA_NN_LAYERS_H
#define EFLA_NN_LAYERS_H

#include "efla/cpu/isa.h"

#include <stddef.h>

#define EFLA_NORM_EPSILON 1e-5 /* added to the variance, as in PyTorch */

/* embed    x (tokens) -> h (tokens, width) = GELU(x W_in^T + P); slope (tokens, width): GELU' at its argument.
 *          Backward replaces d_h by the derivative by that argument.
 * linear   x (rows, in) -> y (rows, out) = x W^T; scratch (in, padded out).
 *          Backward adds to d_x (NULL: not computed) and d_W.
 * unit     k (rows, width) -> k/|k| in place, norm (rows) = |k|; a zero key stays zero, one whose norm overflows
 *          becomes zero.  Backward replaces the derivative by k/|k| in d_k by that by k.
 * beta     h (tokens, width) -> beta (tokens) = sigmoid(h w + b); scratch (width + tokens, EFLA_PAD).
 *          Backward replaces d_beta by the derivative by the sigmoid's argument and adds to d_h.
 * norm     LayerNorm, x (width) -> y = scale centred + shift, centred (width) = (x - mean) by,
 *          by = 1/sqrt(variance + EFLA_NORM_EPSILON).
 * entropy  logits (classes) -> -log softmax(logits)[label]; d_logits (classes), NULL: not computed, is its derivative
 *          times `weight`. */
#define EFLA_LAYERS(REAL, suffix)                                                                                      \
  void efla_embed_forward_##suffix(const efla_isa *isa, size_t tokens, size_t width, const REAL *x, const REAL *W_in,  \
                                   const REAL *P, REAL *h, REAL *slope);                                               \
  void efla_embed_backward_##suffix(const efla_isa *isa, size_t tokens, size_t width, const REAL *x,                   \
                                    const REAL *slope, REAL *d_h, REAL *d_W_in, REAL *d_P);                            \
  void efla_linear_forward_##suffix(const efla_isa *isa, size_t rows, size_t in, size_t out, const REAL *x,            \
                                    const REAL *W, REAL *y, REAL *scratch);                                            \
  void efla_linear_backward_##suffix(const efla_isa *isa, size_t rows, size_t in, size_t out, const REAL *x,           \
                                     const REAL *W, const REAL *d_y, REAL *d_x, REAL *d_W);                            \
  void efla_unit_forward_##suffix(size_t rows, size_t width, REAL *k, REAL *norm);                                     \
  void efla_unit_backward_##suffix(size_t rows, size_t width, const REAL *k, const REAL *norm, REAL *d_k);             \
  void efla_beta_forward_##suffix(const efla_isa *isa, size_t tokens, size_t width, const REAL *h, const REAL *w,      \
                                  REAL b, REAL *beta, REAL *scratch);                                                  \
  void efla_beta_backward_##suffix(const efla_isa *isa, size_t tokens, size_t width, const REAL *h, const REAL *w,     \
                                   const REAL *beta, REAL *d_beta, REAL *d_h, REAL *d_w, REAL *d_b);                   \
  void efla_norm_forward_##suffix(size_t width, const REAL *x, const REAL *scale, const REAL *shift, REAL *y,          \
                                  REAL *centred, REAL *by);                                                            \
  void efla_norm_backward_##suffix(size_t width, const REAL *centred, REAL by, const REAL *scale, const REAL *d_y,     \
                                   REAL *d_x, REAL *d_scale, REAL *d_shift);                                           \
  REAL efla_entropy_##suffix(size_t classes, const REAL *logits, size_t label, REAL weight, REAL *d_logits);
EFLA_LAYERS(float, f32)
EFLA_LAYERS(double, f64)

#endif
