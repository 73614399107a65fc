/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The exact GELU in f32, compiled once per instruction set as the kernels are (efla/cpu/isa.h). */
#ifndef EFLA_NN_GELU_H
#define EFLA_NN_GELU_H

#include "efla/cpu/isa.h"

#include <stddef.h>

/* y = x Phi(x) (Phi: the standard normal distribution) and its slope Phi(x) + x phi(x); n numbers each.  With Q = 1 -
 * Phi(|x|) the errors are at most u (|y| + 12 |x| Q) + 2^-126 and u (|slope| + 12 (|x| phi + Q)) + 2^-123.  slope NULL:
 * not computed; y or slope may be x itself. */
void efla_gelu_f32(const efla_isa *isa, size_t n, const float *x, float *y, float *slope);

/* The same with vectors of 16, 32 and 64 bytes, for processors that have them. */
void efla_gelu_generic_f32(size_t n, const float *x, float *y, float *slope);
#ifdef __x86_64__
void efla_gelu_x86_64_v3_f32(size_t n, const float *x, float *y, float *slope);
void efla_gelu_x86_64_v4_f32(size_t n, const float *x, float *y, float *slope);
#endif

#endif
