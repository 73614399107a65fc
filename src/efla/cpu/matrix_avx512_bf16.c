/* SPDX-License-Identifier: MIT */
/* AVX-512 with vdpbf16ps: 16 sums of two products each, twice the operations of a multiply-add in f32. */
#ifdef __x86_64__
#include "efla/cpu/matrix.h"

#include "efla/cpu/registers.h"

#include <immintrin.h>
#include <string.h>

static bool supported(void) { return __builtin_cpu_supports("avx512bf16") && efla_isa_best()->vector == 64; }

/* ---- products: M x N vectors of sums in registers ---- */

INLINE void multiply_tile(const size_t M, const size_t N, const efla_matrix_product *p, size_t row, size_t column) {
  const efla_pair16 *A = p->A + row * p->a_row, *B = p->B + column;
  float *C = p->C + row * p->c_row + column;
  __m512 sum[16][4];
  const __m512 keep = _mm512_set1_ps(p->keep);
  ALL_ROWS for (size_t m = 0; m < M; m++) ALL_ROWS for (size_t n = 0; n < N; n++) sum[m][n] =
      p->keep == 0 ? _mm512_setzero_ps() : _mm512_mul_ps(keep, _mm512_load_ps(C + m * p->c_row + 16 * n));
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

/* ---- conversions ---- */

/* Numbers 0, 16, 1, 17, ...; and 0, 2, 4, ... */
static const uint16_t mixed[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                   8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
static const uint16_t even[32] = {0,  2,  4,  6,  8,  10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,
                                  32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62};

INLINE void pair_rows(size_t n, const float *low, const float *high, efla_pair16 *to) {
  const __m512i order = _mm512_loadu_si512(mixed);
  for (size_t j = 0; j < n; j += 16) {
    const __m512 second = high ? _mm512_load_ps(high + j) : _mm512_setzero_ps();
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(second, _mm512_load_ps(low + j));
    _mm512_store_si512(to + j, _mm512_permutexvar_epi16(order, both));
  }
}

INLINE void pair_up(size_t n, const float *row, efla_pair16 *to) {
  for (size_t j = 0; j < n; j += 16)
    _mm256_store_si256((__m256i *)(to + j / 2), (__m256i)_mm512_cvtneps_pbh(_mm512_load_ps(row + j)));
}

INLINE void split_pairs(size_t n, const efla_pair16 *row, efla_pair16 *low, efla_pair16 *high) {
  const __m512i first = _mm512_loadu_si512(even), second = _mm512_add_epi16(first, _mm512_set1_epi16(1));
  for (size_t j = 0; j < n; j += 32) {
    const __m512i a = _mm512_load_si512(row + j), b = _mm512_load_si512(row + j + 16);
    _mm512_store_si512(low + j / 2, _mm512_permutex2var_epi16(a, first, b));
    _mm512_store_si512(high + j / 2, _mm512_permutex2var_epi16(a, second, b));
  }
}

INLINE void widen_row(size_t n, const void *row, float *to) {
  const uint16_t *from = row;
  for (size_t j = 0; j < n; j += 16) {
    const __mmask16 there = n - j < 16 ? (__mmask16)((1u << (n - j)) - 1) : 0xffff;
    const __m512i x = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, from + j));
    _mm512_mask_storeu_ps(to + j, there, _mm512_castsi512_ps(_mm512_slli_epi32(x, 16)));
  }
}

INLINE void narrow_row(size_t n, const float *row, void *to) {
  uint16_t *out = to;
  for (size_t j = 0; j < n; j += 16) {
    const __mmask16 there = n - j < 16 ? (__mmask16)((1u << (n - j)) - 1) : 0xffff;
    const __m512 x = _mm512_maskz_loadu_ps(there, row + j);
    _mm256_mask_storeu_epi16(out + j, there, (__m256i)_mm512_cvtneps_pbh(x));
  }
}

#include "efla/cpu/matrix.inc"

const efla_matrix efla_matrix_avx512_bf16 = {
    .name = "avx512-bf16", .supported = supported, .chunk = chunk, .product = multiply};
#else
typedef int efla_matrix_unavailable; /* ISO C requires a declaration */
#endif
