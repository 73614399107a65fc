/* SPDX-License-Identifier: MIT */
/* Products of whole chunks by D / 16 warps, each with 32 rows and 32 of the D columns. */
#ifndef EFLA_CUDA_TILE_CUH
#define EFLA_CUDA_TILE_CUH

#include "efla/cuda/chunk.cuh"

/* Rows row ... row + 31, columns column ... column + 31 as accumulators. */
template <int D> struct tile {
  enum { COLUMNS = 32, EIGHTS = COLUMNS / 8, SLICES = D / COLUMNS };
  int row, column, lane;
  float x[2][EIGHTS][4];

  __device__ tile(int warp, int l) : row(warp / SLICES * 32), column(warp % SLICES * COLUMNS), lane(l) { clear(); }
  __device__ void clear() {
    each([&](int, int, float(&y)[4]) { y[0] = y[1] = y[2] = y[3] = 0; });
  }
  /* Calls f(m, n, accumulators of rows 16 m ... and columns 8 n ...). */
  template <typename F> __device__ void each(F f) {
#pragma unroll
    for (int m = 0; m < 2; m++)
#pragma unroll
      for (int n = 0; n < EIGHTS; n++) f(m, n, x[m][n]);
  }
  /* The row of accumulators 2 half, 2 half + 1 of rows 16 m ..., and the column of the first of them. */
  __device__ int row_at(int m, int half) const { return row + 16 * m + 8 * half + lane / 4; }
  __device__ int column_at(int n) const { return column + 8 * n + 2 * (lane % 4); }

  /* Each row times its factor. */
  template <typename F> __device__ void scale_rows(F factor) {
#pragma unroll
    for (int m = 0; m < 2; m++) {
      const float low = factor(row_at(m, 0)), high = factor(row_at(m, 1));
#pragma unroll
      for (int n = 0; n < EIGHTS; n++) x[m][n][0] *= low, x[m][n][1] *= low, x[m][n][2] *= high, x[m][n][3] *= high;
    }
  }

  /* Operands of rows 16 m ... and 16 columns from 16 i on. */
  template <typename T, int ROW> __device__ uint4 left(const T (*a)[ROW], int m, int i) const {
    unsigned r[4];
    load4(r, shared_address(&a[row + 16 * m + lane % 16][16 * i + lane / 16 * 8]));
    return make_uint4(r[0], r[1], r[2], r[3]);
  }
  /* The same of a matrix that is stored transposed. */
  template <typename T, int ROW> __device__ uint4 left_transposed(const T (*a)[ROW], int m, int i) const {
    unsigned r[4];
    load4_transposed(r, shared_address(&a[16 * i + lane / 16 * 8 + lane % 8][row + 16 * m + lane / 8 % 2 * 8]));
    return make_uint4(r[0], r[1], r[2], r[3]);
  }
  /* += a b in 16 of what is summed over, with rows 16 i ... of b (.., D); `there`: which halves of the rows take part. */
  template <typename T, int ROW>
  __device__ void add(const uint4 (&a)[2], const bool (&there)[2], const T (*b)[ROW], int i) {
    const unsigned base = shared_address(&b[16 * i + lane / 8 % 2 * 8 + lane % 8][column + lane / 16 * 8]);
#pragma unroll
    for (int j = 0; j < EIGHTS / 2; j++) {
      unsigned y[4];
      load4_transposed(y, base + 32 * j);
#pragma unroll
      for (int m = 0; m < 2; m++) {
        if (!there[m]) continue;
        multiply<T>(x[m][2 * j], a[m], y[0], y[1]);
        multiply<T>(x[m][2 * j + 1], a[m], y[2], y[3]);
      }
    }
  }
  /* += a (64, 16 N) b (16 N, D) */
  template <int N, typename T, int A_ROW, int B_ROW>
  __device__ void add_product(const T (*a)[A_ROW], const T (*b)[B_ROW]) {
#pragma unroll 4
    for (int i = 0; i < N; i++) {
      const uint4 l[2] = {left<T, A_ROW>(a, 0, i), left<T, A_ROW>(a, 1, i)};
      const bool there[2] = {true, true};
      add<T, B_ROW>(l, there, b, i);
    }
  }
  /* += a b, of a lower triangle (64, 64) */
  template <typename T, int B_ROW> __device__ void add_triangle(const T (*a)[SQUARE_ROW], const T (*b)[B_ROW]) {
#pragma unroll 1
    for (int i = 0; i < 4 && 16 * i <= row + 16; i++) {
      const bool there[2] = {16 * i <= row, true};
      const uint4 l[2] = {left<T, SQUARE_ROW>(a, 0, i), left<T, SQUARE_ROW>(a, 1, i)};
      add<T, B_ROW>(l, there, b, i);
    }
  }
  /* += (factors a)^T b, of a lower triangle whose row t has the factor factors[t]; NULL: 1. */
  template <typename T, int B_ROW>
  __device__ void add_triangle_transposed(const T (*a)[SQUARE_ROW], const float *factors, const T (*b)[B_ROW]) {
#pragma unroll 1
    for (int i = row / 16; i < 4; i++) {
      const bool there[2] = {true, 16 * i > row};
      uint4 l[2] = {left_transposed<T, SQUARE_ROW>(a, 0, i), left_transposed<T, SQUARE_ROW>(a, 1, i)};
      if (factors) scale_steps<T>(l[0], factors + 16 * i), scale_steps<T>(l[1], factors + 16 * i);
      add<T, B_ROW>(l, there, b, i);
    }
  }
  /* Operands times the factors of what is summed over. */
  template <typename T> __device__ void scale_steps(uint4 &a, const float *factors) const {
    const float2 low = *(const float2 *)&factors[2 * (lane % 4)], high = *(const float2 *)&factors[8 + 2 * (lane % 4)];
    a.x = scaled<T>(a.x, low), a.y = scaled<T>(a.y, low), a.z = scaled<T>(a.z, high), a.w = scaled<T>(a.w, high);
  }

  /* The products of each row with the same row of y: over these columns, in lanes that divide by 4. */
  template <typename T, int ROW> __device__ void dots(const T (*y)[ROW], float (&sum)[2][2]) {
#pragma unroll
    for (int m = 0; m < 2; m++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        float s = 0;
#pragma unroll
        for (int n = 0; n < EIGHTS; n++) {
          const float2 pair = unpack<T>(*(const unsigned *)&y[row_at(m, half)][column_at(n)]);
          s += x[m][n][2 * half] * pair.x + x[m][n][2 * half + 1] * pair.y;
        }
        s += __shfl_xor_sync(~0u, s, 1), s += __shfl_xor_sync(~0u, s, 2);
        sum[m][half] = s;
      }
  }
};

#endif
