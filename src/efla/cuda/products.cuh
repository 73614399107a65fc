/* SPDX-License-Identifier: MIT */
/* The products of the pass from chunk to chunk, by one warp: transposed, with accumulators as operands. */
#ifndef EFLA_CUDA_PRODUCTS_CUH
#define EFLA_CUDA_PRODUCTS_CUH

#include "efla/cuda/chunk.cuh"

/* An operand from accumulators: columns 16 i ... 16 i + 15. */
template <typename T> __device__ inline uint4 operand(const float (&low)[4], const float (&high)[4]) {
  return make_uint4(pack<T>(low[0], low[1]), pack<T>(low[2], low[3]), pack<T>(high[0], high[1]),
                    pack<T>(high[2], high[3]));
}

/* x^T (16, 64) += a (16, 16 N) rows^T, rows (64, 16 N) in shared memory from a lane's address on; of a triangular
 * square up to the diagonal.  What the next step needs is loaded before this one's products. */
template <typename T, int N, int ROW, bool TRIANGLE>
__device__ inline void times_rows(float (&x)[8][4], const uint4 (&a)[N], unsigned rows) {
  unsigned b[2][4][4];
#pragma unroll
  for (int n = 0; n < 4; n++) load4(b[0][n], rows + 2 * (n * 16 * ROW));
#pragma unroll
  for (int i = 0; i < N; i++) {
#pragma unroll
    for (int n = 0; n < 4 && i + 1 < N; n++)
      if (!TRIANGLE || i + 1 <= n) load4(b[(i + 1) % 2][n], rows + 2 * (n * 16 * ROW + 16 * (i + 1)));
#pragma unroll
    for (int n = 0; n < 4; n++) {
      if (TRIANGLE && i > n) continue;
      multiply<T>(x[2 * n], a[i], b[i % 2][n][0], b[i % 2][n][1]);
      multiply<T>(x[2 * n + 1], a[i], b[i % 2][n][2], b[i % 2][n][3]);
    }
  }
}

/* S^T (16, D) += a (16, 64) k, k (64, D) in shared memory from a lane's address on. */
template <typename T, int D>
__device__ inline void times_keys(float (&S)[D / 8][4], const uint4 (&a)[4], unsigned keys) {
  constexpr int STEPS = 4 * (D / 32); /* of 16 tokens and 32 columns */
  unsigned b[2][2][4];
#pragma unroll
  for (int j = 0; j < 2; j++) load4_transposed(b[0][j], keys + 32 * j);
#pragma unroll
  for (int i = 0; i < STEPS; i++) {
    const int next = i + 1, t = i / (D / 32), column = i % (D / 32) * 4;
#pragma unroll
    for (int j = 0; j < 2 && next < STEPS; j++)
      load4_transposed(b[next % 2][j], keys + 2 * (next / (D / 32) * 16 * (D + PAD)) + 64 * (next % (D / 32)) + 32 * j);
#pragma unroll
    for (int j = 0; j < 2; j++) {
      multiply<T>(S[column + 2 * j], a[t], b[i % 2][j][0], b[i % 2][j][1]);
      multiply<T>(S[column + 2 * j + 1], a[t], b[i % 2][j][2], b[i % 2][j][3]);
    }
  }
}

/* x^T (16, 64) += a (16, 64) square, a lower triangle (64, 64) in shared memory from a lane's address on. */
template <typename T, int ROW>
__device__ inline void times_square(float (&x)[8][4], const uint4 (&a)[4], unsigned square) {
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int j = 0; j <= i; j++) {
      unsigned b[4];
      load4_transposed(b, square + 2 * (16 * i * ROW + 16 * j));
      multiply<T>(x[2 * j], a[i], b[0], b[1]);
      multiply<T>(x[2 * j + 1], a[i], b[2], b[3]);
    }
}

/* A transposed state's 16 columns, as operands, to rows of dk numbers in memory. */
template <typename T, int D> __device__ inline void store_transposed(T *rows, const uint4 (&state)[D / 16], int lane) {
  T *to = rows + lane / 4 * D + 8 * (lane % 4);
#pragma unroll
  for (int n = 0; n < D / 16; n += 2, to += 32) {
    *(uint4 *)to = exchanged(state[n].x, state[n].z, state[n + 1].x, state[n + 1].z, lane);
    *(uint4 *)(to + 8 * D) = exchanged(state[n].y, state[n].w, state[n + 1].y, state[n + 1].w, lane);
  }
}

/* 16 columns of x^T (16, 64), as operands, to a row for each token in memory. */
template <typename T, int D> __device__ inline void store_rows(T *rows, const uint4 (&x)[4], int lane) {
  T *to = rows + (lane / 4 + lane % 4 / 2 * 8) * D + lane % 2 * 8;
#pragma unroll
  for (int n = 0; n < 4; n++, to += 16 * D)
    *(uint4 *)to = exchanged(transposed(x[n].x), transposed(x[n].y), transposed(x[n].z), transposed(x[n].w), lane);
}

/* w v - f S^T k, in place of S^T k. */
template <typename T, int ROW>
__device__ inline void subtract_known(float (&u)[8][4], const scalars &c, const T (*v)[ROW], int column, int lane) {
  const int matrix = lane / 8, line = lane % 8, pair = 2 * (lane % 4);
#pragma unroll
  for (int i = 0; i < 4; i++) {
    unsigned x[4];
    load4_transposed(x, shared_address(&v[16 * i + matrix / 2 * 8 + line][column + matrix % 2 * 8]));
#pragma unroll
    for (int j = 0; j < 2; j++) {
      const int t = 16 * i + 8 * j + pair;
      const float2 w = *(const float2 *)&c.write[t], f = *(const float2 *)&c.erase[t];
      const float2 low = unpack<T>(x[2 * j]), high = unpack<T>(x[2 * j + 1]);
      float(&y)[4] = u[2 * i + j];
      y[0] = w.x * low.x - f.x * y[0], y[1] = w.y * low.y - f.y * y[1];
      y[2] = w.x * high.x - f.x * y[2], y[3] = w.y * high.y - f.y * y[3];
    }
  }
}

/* Columns of numbers (16, 64), each of a token, times the token's factor. */
__device__ inline void scale_tokens(float (&x)[8][4], const float *factors, int lane) {
#pragma unroll
  for (int i = 0; i < 8; i++) {
    const float2 f = *(const float2 *)&factors[8 * i + 2 * (lane % 4)];
    x[i][0] *= f.x, x[i][1] *= f.y, x[i][2] *= f.x, x[i][3] *= f.y;
  }
}

#endif
