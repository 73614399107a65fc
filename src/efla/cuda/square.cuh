/* SPDX-License-Identifier: MIT */
/* Products of a chunk's rows with each other, by one warp: squares of which the lower triangle is of use. */
#ifndef EFLA_CUDA_SQUARE_CUH
#define EFLA_CUDA_SQUARE_CUH

#include "efla/cuda/chunk.cuh"

/* x (16, 64) = rows 16 block ... of a times the rows of k up to the same block. */
template <typename T, int D>
__device__ inline void gram(float (&x)[8][4], const T (*a)[D + PAD], const T (*k)[D + PAD], int block, int lane) {
  const unsigned rows = shared_address(&a[block * 16 + lane % 16][lane / 16 * 8]),
                 columns = shared_address(&k[lane / 16 * 8 + lane % 8][lane / 8 % 2 * 8]);
#pragma unroll
  for (int n = 0; n < 8; n++) x[n][0] = x[n][1] = x[n][2] = x[n][3] = 0;
#pragma unroll
  for (int i = 0; i < D / 16; i++) {
    unsigned x4[4];
    load4(x4, rows + 32 * i);
    const uint4 row = make_uint4(x4[0], x4[1], x4[2], x4[3]);
#pragma unroll
    for (int n = 0; n < 4; n++) {
      if (n > block) break;
      unsigned column[4];
      load4(column, columns + 2 * (n * 16 * (D + PAD) + 16 * i));
      multiply<T>(x[2 * n], row, column[0], column[1]);
      multiply<T>(x[2 * n + 1], row, column[2], column[3]);
    }
  }
}

/* The sums of a warp's numbers up to each thread's. */
__device__ inline double running_sum(double x, int lane) {
  for (int i = 1; i < 32; i *= 2) {
    const double other = __shfl_up_sync(~0u, x, i);
    if (lane >= i) x += other;
  }
  return x;
}

/* Calls f(row, column, x, next column's x) for the products of a block of rows, over the norms of the columns' keys and
 * decayed from their tokens to the rows'. */
template <typename F>
__device__ inline void weigh(const float (&x)[8][4], int block, int lane, const double *until, const double *since,
                             const float *over_norm, bool decays, F f) {
#pragma unroll
  for (int n = 0; n < 8; n++) {
    if (n > 2 * block + 1) break;
    const int c = n * 8 + 2 * (lane % 4);
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int r = 16 * block + lane / 4 + 8 * i;
      const float low = decays ? expf((float)(until[r] - since[c])) : 1,
                  high = decays ? expf((float)(until[r] - since[c + 1])) : 1;
      f(r, c, over_norm[c] * low * x[n][2 * i], over_norm[c + 1] * high * x[n][2 * i + 1]);
    }
  }
}

#endif
