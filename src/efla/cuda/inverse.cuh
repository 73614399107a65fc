/* SPDX-License-Identifier: MIT */
#ifndef EFLA_CUDA_INVERSE_CUH
#define EFLA_CUDA_INVERSE_CUH

#include "efla/cuda/chunk.cuh"

/* (I + L)^-1 in place of L: blocks of 16 on the diagonal by forward substitution, then T_ij = -T_ii sum L_ik T_kj,
 * first within each half of the chunk, then between them; all in f32. */
struct square {
  float (*x)[CHUNK + 4];
};

/* A block on the diagonal, by one warp: a column to each of 16 lanes. */
__device__ inline void invert_block(square L, int block, int lane) {
  const int first = 16 * block, column = lane % 16;
  float x[16];
#pragma unroll
  for (int i = 0; i < 16; i++) {
    float sum = i == column ? 1 : 0;
#pragma unroll
    for (int j = 0; j < i; j += 4) {
      const float4 row = *(const float4 *)&L.x[first + i][first + j];
      sum -= row.x * x[j];
      if (j + 1 < i) sum -= row.y * x[j + 1];
      if (j + 2 < i) sum -= row.z * x[j + 2];
      if (j + 3 < i) sum -= row.w * x[j + 3];
    }
    x[i] = sum;
  }
  __syncwarp();
  if (lane < 16)
#pragma unroll
    for (int i = 0; i < 16; i++) L.x[first + i][first + column] = x[i];
  __syncwarp();
}

/* y += sign a b for two blocks; a lane has 8 neighbouring numbers of a row. */
__device__ inline void add_product(float (&y)[8], float sign, square L, int ai, int aj, int bi, int bj, int lane) {
  const float *a = &L.x[16 * ai + lane / 2][16 * aj];
  const int column = 16 * bj + lane % 2 * 8;
#pragma unroll
  for (int k = 0; k < 16; k++) {
    const float4 four = *(const float4 *)&a[k / 4 * 4];
    const float factor = sign * (k % 4 == 0 ? four.x : k % 4 == 1 ? four.y : k % 4 == 2 ? four.z : four.w);
    const float4 low = *(const float4 *)&L.x[16 * bi + k][column],
                 high = *(const float4 *)&L.x[16 * bi + k][column + 4];
    y[0] += factor * low.x, y[1] += factor * low.y, y[2] += factor * low.z, y[3] += factor * low.w;
    y[4] += factor * high.x, y[5] += factor * high.y, y[6] += factor * high.z, y[7] += factor * high.w;
  }
}

__device__ inline void set_block(square L, int i, int j, const float (&y)[8], int lane) {
  float4 *to = (float4 *)&L.x[16 * i + lane / 2][16 * j + lane % 2 * 8];
  to[0] = make_float4(y[0], y[1], y[2], y[3]), to[1] = make_float4(y[4], y[5], y[6], y[7]);
}

/* By four warps. */
__device__ inline void invert(square L, int warp, int lane) {
  invert_block(L, warp, lane);
  __syncthreads();
  if (warp < 2) { /* blocks (1, 0) and (3, 2) */
    const int i = 2 * warp + 1;
    float y[8] = {};
    add_product(y, 1, L, i, i - 1, i - 1, i - 1, lane);
    __syncwarp();
    set_block(L, i, i - 1, y, lane);
    __syncwarp();
    float z[8] = {};
    add_product(z, -1, L, i, i, i, i - 1, lane);
    __syncwarp();
    set_block(L, i, i - 1, z, lane);
  }
  __syncthreads();
  const int i = 2 + warp / 2, j = warp % 2; /* the lower left quarter */
  float y[8] = {}, z[8] = {};
  for (int k = j; k < 2; k++) add_product(y, 1, L, i, k, k, j, lane);
  __syncthreads();
  set_block(L, i, j, y, lane);
  __syncthreads();
  for (int k = 2; k <= i; k++) add_product(z, -1, L, i, k, k, j, lane);
  __syncthreads();
  set_block(L, i, j, z, lane);
  __syncthreads();
}

#endif
