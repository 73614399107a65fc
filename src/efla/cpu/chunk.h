/* SPDX-License-Identifier: MIT */
/* The chunkwise (WY) form of the delta rule (docs/derivations.md#e4; the paper's Eqs. 16-26): C tokens at once, by
 * matrix products and one triangular solve.  With rows of K, Q (C, dk), V (C, dv) and the coefficients on the diagonal
 * of a,
 *
 *     (I + L) U = a (V - K S),  L = a tril(K K^T, -1),      O = Q S + tril(Q K^T) U,      S <- S + K^T U.
 *
 * With decay, and other coefficients of the state and of the value, both triangles have products of decays (wy.inc).
 *
 * The system is solved by forward substitution. */
#ifndef EFLA_CPU_CHUNK_H
#define EFLA_CPU_CHUNK_H

#include "efla/rule.h"

#include <stddef.h>

/* Numbers of scratch that a chunk of this length needs. */
size_t efla_chunk_scratch(size_t chunk, size_t dk, size_t dv);

/* The same meaning as efla_recurrence_*: q, k (tokens, dk), v (tokens, dv), c (tokens), S (dk, dv) in and out, o
 * (tokens, dv) out or NULL, and then q may be NULL.  chunk >= 1; the last chunk is as long as what is left.  16 is
 * fastest: longer ones spend more on the triangles, whose work per token grows with the chunk, than they save on the
 * state.  inf and nan propagate as data, and may show in the read-outs of up to 7 tokens before the one that they
 * belong to, whose sums have them times 0.  Always on the best instruction set of this processor, one thread.  Never
 * fails, never allocates; scratch as efla_chunk_scratch says; the arrays do not overlap. */
void efla_chunk_f64(size_t tokens, size_t dk, size_t dv, size_t chunk, const double *q, const double *k,
                    const double *v, const efla_coefficients *c, double *S, double *o, double *scratch);
void efla_chunk_f32(size_t tokens, size_t dk, size_t dv, size_t chunk, const float *q, const float *k, const float *v,
                    const efla_coefficients *c, float *S, float *o, float *scratch);

#endif
