/* SPDX-License-Identifier: MIT */
/* AVX-512 with vdpbf16ps: 16 sums of two products each, twice the operations of a multiply-add in f32. */
#ifdef __x86_64__
#include "efla/cpu/matrix.h"
#include "efla/cpu/registers.h"

#include <immintrin.h>
#include <string.h>

#include "efla/cpu/matrix_rows.inc"

extern const efla_isa efla_isa_x86_64_v4;

static bool supported(void) { return efla_isa_x86_64_v4.supported() && __builtin_cpu_supports("avx512bf16"); }

/* M x N vectors of C, in registers; M, N are constants where this is inlined. */
INLINE void multiply_tile(const size_t M, const size_t N, const efla_matrix_product *p, size_t row, size_t column) {
  const efla_pair16 *A = p->A + row * p->a_row, *B = p->B + column;
  float *C = p->C + row * p->c_row + column;
  __m512 sum[16][4];
  ALL_ROWS for (size_t m = 0; m < M; m++) ALL_ROWS for (size_t n = 0; n < N; n++) sum[m][n] =
      p->adds ? _mm512_load_ps(C + m * p->c_row + 16 * n) : _mm512_setzero_ps();
  if (p->adds && p->keep) ALL_ROWS for (size_t m = 0; m < M; m++) {
      const __m512 keep = _mm512_set1_ps(p->keep[(row + m) * p->keep_step]);
      ALL_ROWS for (size_t n = 0; n < N; n++) sum[m][n] = _mm512_mul_ps(sum[m][n], keep);
    }
  for (size_t l = 0; l < p->pairs; l++, B += p->b_row) {
    __m512bh b[4];
    ALL_ROWS for (size_t n = 0; n < N; n++) b[n] = (__m512bh)_mm512_load_si512(B + 16 * n);
    ALL_ROWS for (size_t m = 0; m < M; m++) {
      const __m512bh a = (__m512bh)_mm512_set1_epi32((int)A[m * p->a_row + l]);
      ALL_ROWS for (size_t n = 0; n < N; n++) sum[m][n] = _mm512_dpbf16_ps(sum[m][n], a, b[n]);
    }
  }
  ALL_ROWS for (size_t m = 0; m < M; m++) ALL_ROWS for (size_t n = 0; n < N; n++)
      _mm512_store_ps(C + m * p->c_row + 16 * n, sum[m][n]);
}

/* N vectors of columns, all rows: M at a time, then 4, then 1; 8 are twice 4 rather than 6 and 2. */
INLINE void multiply_panel(const size_t M, const size_t N, const efla_matrix_product *p, size_t column) {
  size_t row = 0;
  for (; row + M <= p->rows && (M != 6 || row + 8 != p->rows); row += M) multiply_tile(M, N, p, row, column);
  for (; row + 4 <= p->rows; row += 4) multiply_tile(4, N, p, row, column);
  for (; row < p->rows; row++) multiply_tile(1, N, p, row, column);
}

static void multiply(const efla_matrix_product *p) {
  size_t column = 0;
  for (; column + 64 <= p->columns; column += 64) multiply_panel(6, 4, p, column);
  const size_t left = (p->columns - column) / 16;
  if (left == 3) multiply_panel(8, 3, p, column);
  if (left == 2) multiply_panel(8, 2, p, column);
  if (left == 1) multiply_panel(16, 1, p, column);
}

#include "efla/cpu/matrix.inc"

const efla_matrix efla_matrix_avx512_bf16 = {.name = "avx512-bf16",
                                             .isa = &efla_isa_x86_64_v4,
                                             .supported = supported,
                                             .chunk = chunk,
                                             .product = multiply,
                                             .squares = squares};
#else
typedef int efla_matrix_unavailable; /* ISO C requires a declaration */
#endif
