/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The linear system of a chunk of the delta rule (docs/derivations.md#e4; the paper's Eqs. 16-26), as an object of
 * study: with the coefficients on the diagonal of a,
 *
 *     (I + L) U = a (V - K S),  L = a tril(K K^T, -1).
 *
 * Its inverse T = (I + L)^-1 is harmless to form by forward substitution (docs/bounds.md#chunk), but not by
 * doubling. */
#ifndef EFLA_ODE_CHUNK_SYSTEM_H
#define EFLA_ODE_CHUNK_SYSTEM_H

#include <stddef.h>

/* L (C, C) of one chunk, with zeros on and above the diagonal. */
void efla_chunk_system_f64(size_t C, size_t dk, const double *k, const double *coefficient, double *L);
void efla_chunk_system_f32(size_t C, size_t dk, const float *k, const float *coefficient, float *L);

/* With decays: entry (i, j) of L is multiplied by d_{j+1} ... d_{i-1} own_i; decay, own (C).  L is that of
 * docs/derivations.md#e4 from the coefficients e and own = 1, or from e/d and own = d. */
void efla_chunk_fade_f64(size_t C, const double *decay, const double *own, double *L);
void efla_chunk_fade_f32(size_t C, const float *decay, const float *own, float *L);

/* T = (I + L)^-1 (C, C) by forward substitution, column after column. */
void efla_chunk_invert_f64(size_t C, const double *L, double *T);
void efla_chunk_invert_f32(size_t C, const float *L, float *T);

/* How tame the system of a chunk is, in f64: the largest entry of (I + L)^-1 and the condition number of I + L
 * (infinity norm), both in the scaled form diag(a)^(-1/2) (I + L) diag(a)^(1/2), in which rows x_i = sqrt(a_i) k_i take
 * the place of a and k.  For 0 <= a*lambda <= 1 they are at most 1 and C^2 (docs/bounds.md#chunk).  coefficient (C) >=
 * 0; L (C, C) as efla_chunk_system says, with decays or without; T (C, C): scratch.  inf where they overflow, nan in L
 * included. */
void efla_chunk_condition(size_t C, const double *L, const double *coefficient, double *T, double *largest,
                          double *condition);

/* The inverse by doubling, (I - L)(I + L^2)(I + L^4)..., log2 C products.  A trap: the powers of L grow like binomial
 * coefficients for correlated keys and cancel in the end.  scratch (2, C, C). */
void efla_chunk_invert_by_doubling_f64(size_t C, const double *L, double *T, double *scratch);
void efla_chunk_invert_by_doubling_f32(size_t C, const float *L, float *T, float *scratch);

#endif
