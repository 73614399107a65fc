/* SPDX-License-Identifier: MIT */
/* The chunkwise form (docs/derivations.md#e4) on tensor cores, for bf16 and f16.  With G_t the sum of the logarithms of
 * the decays of a chunk's tokens up to t, S_0 the state before it and u_t = w_t v_t - e_t S_{t-1}^T k_t,
 *
 *     u_t + sum_{s<t} L_ts u_s = w_t v_t - f_t S_0^T k_t,      L_ts = e_t exp(G_{t-1} - G_s) k_t.k_s,
 *                                                              f_t = e_t exp(G_{t-1}),
 *     o_t = scale exp(G_t) S_0^T q_t + sum_{s<=t} A_ts u_s,    A_ts = scale exp(G_t - G_s) q_t.k_s,
 *     S_C = exp(G_C) S_0 + sum_s k_s exp(G_C - G_s) u_s^T.
 *
 * First, all chunks at once: (I + L)^-1 by forward substitution in f32, A, and the scalars of each token.  Then one
 * pass over the chunks of each head: a warp holds 16 columns of the state as the transposed accumulators of its
 * products, S^T (16, dk), which are the operands of the next ones as they are.  Keys of norm 1 are divided by their
 * norms through the scalars. */
#ifndef EFLA_CUDA_CHUNK_CUH
#define EFLA_CUDA_CHUNK_CUH

#include "efla/cuda/tensor.cuh"

enum { CHUNK = EFLA_CUDA_CHUNK, SQUARE = CHUNK * CHUNK, SQUARE_ROW = CHUNK + 8, PAD = 8 };

/* Of one chunk and head, in EFLA_CUDA_SCALARS numbers. */
struct scalars {
  float write[CHUNK];           /* w_t */
  float erase[CHUNK];           /* f_t */
  float read[CHUNK];            /* scale exp(G_t) */
  float keep[CHUNK];            /* exp(G_C - G_t) */
  float all, unused[CHUNK - 1]; /* exp(G_C) */
};
static_assert(sizeof(scalars) == EFLA_CUDA_SCALARS * sizeof(float), "as job.h says");

/* ---- where chunks are ---- */

struct place {
  size_t sequence, entry, first; /* first token */
  int tokens;                    /* in this chunk */
};

/* Of chunk number i of all. */
__device__ inline place place_of(const efla_sequence &x, const size_t *first, unsigned i) {
  unsigned s = 0;
  if (!first) {
    const unsigned each = (unsigned)((x.tokens + CHUNK - 1) / CHUNK);
    s = i / each, i -= s * each;
  } else {
    unsigned end = (unsigned)x.sequences; /* s: the last sequence whose first chunk is not past i */
    while (s + 1 < end) {
      const unsigned middle = (s + end) / 2;
      if (first[middle] <= i)
        s = middle;
      else
        end = middle;
    }
    i -= (unsigned)first[s];
  }
  const efla_span span = efla_sequence_span(&x, s);
  const size_t begin = (size_t)i * CHUNK, left = begin < span.tokens ? span.tokens - begin : 0;
  return {s, span.entry, span.begin + begin, left < CHUNK ? (int)left : CHUNK};
}

/* Rows of WIDTH numbers, by THREADS threads, to rows STRIDE numbers apart in shared memory; zeros past the last
 * token. */
template <typename T, int WIDTH, int STRIDE, int THREADS>
__device__ inline void copy_rows(T *to, const efla_array &a, const place &at, size_t h, size_t column, int thread) {
  constexpr int EACH = WIDTH / 8, ROWS = THREADS / EACH, STEPS = CHUNK / ROWS;
  static_assert(THREADS % EACH == 0 && CHUNK % ROWS == 0, "each thread copies the same part of some rows");
  const int row = thread / EACH, part = thread % EACH * 8;
  const T *from = (const T *)a.data + efla_array_row(&a, at.entry, h, at.first) + column + row * a.token + part;
  const ptrdiff_t step = ROWS * a.token;
  const unsigned base = shared_address(to) + 2 * (row * STRIDE + part);
  if (at.tokens == CHUNK) {
#pragma unroll
    for (int i = 0; i < STEPS; i++, from += step) copy16(base + 2 * i * ROWS * STRIDE, from, true);
  } else {
#pragma unroll
    for (int i = 0; i < STEPS; i++, from += step) {
      const bool there = row + i * ROWS < at.tokens;
      copy16(base + 2 * i * ROWS * STRIDE, there ? from : (const T *)a.data, there);
    }
  }
}

#endif
