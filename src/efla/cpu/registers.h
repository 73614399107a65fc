/* SPDX-License-Identifier: MIT */
/* Loops that are unrolled, and vectors of 16 bytes: what the hot loops of one instruction set are written with. Included
 * by isa.inc and by layers that are compiled the same way. */
#ifndef EFLA_CPU_REGISTERS_H
#define EFLA_CPU_REGISTERS_H

#include <stddef.h>

#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll_count(2)")
#define ALL_ROWS _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 2")
#define ALL_ROWS _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))
#define APART  static __attribute__((noinline))

/* Transposes of 16 bytes by 16 in registers: the order of numbers from two vectors. */
typedef float quad __attribute__((vector_size(16), may_alias));
typedef double pair __attribute__((vector_size(16), may_alias));
typedef quad unaligned_quad __attribute__((aligned(sizeof(float))));
typedef pair unaligned_pair __attribute__((aligned(sizeof(double))));
#ifdef __clang__
#define QUAD(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define PAIR(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define QUAD(a, b, ...) __builtin_shuffle(a, b, (int __attribute__((vector_size(16)))){__VA_ARGS__})
#define PAIR(a, b, ...) __builtin_shuffle(a, b, (long long __attribute__((vector_size(16)))){__VA_ARGS__})
#endif

/* to (4, 4) = from^T; rows of `to` aligned to 16 bytes. */
INLINE void transpose_small_f32(const float *from, size_t from_row, float *to, size_t to_row) {
  quad r[4], half[4];
  for (size_t i = 0; i < 4; i++) r[i] = *(const unaligned_quad *)(from + i * from_row);
  half[0] = QUAD(r[0], r[1], 0, 4, 1, 5), half[1] = QUAD(r[2], r[3], 0, 4, 1, 5);
  half[2] = QUAD(r[0], r[1], 2, 6, 3, 7), half[3] = QUAD(r[2], r[3], 2, 6, 3, 7);
  for (size_t i = 0; i < 4; i += 2) {
    *(quad *)(to + i * to_row) = QUAD(half[i], half[i + 1], 0, 1, 4, 5);
    *(quad *)(to + (i + 1) * to_row) = QUAD(half[i], half[i + 1], 2, 3, 6, 7);
  }
}

/* to (2, 2) = from^T. */
INLINE void transpose_small_f64(const double *from, size_t from_row, double *to, size_t to_row) {
  pair a = *(const unaligned_pair *)from, b = *(const unaligned_pair *)(from + from_row);
  *(pair *)to = PAIR(a, b, 0, 2);
  *(pair *)(to + to_row) = PAIR(a, b, 1, 3);
}

/* The sums of 4 vectors' lanes, and of 2, side by side. */
INLINE quad sum_small_f32(const quad *x) {
  quad ab = QUAD(x[0], x[1], 0, 4, 1, 5) + QUAD(x[0], x[1], 2, 6, 3, 7),
       cd = QUAD(x[2], x[3], 0, 4, 1, 5) + QUAD(x[2], x[3], 2, 6, 3, 7);
  return QUAD(ab, cd, 0, 1, 4, 5) + QUAD(ab, cd, 2, 3, 6, 7);
}
INLINE pair sum_small_f64(const pair *x) { return PAIR(x[0], x[1], 0, 2) + PAIR(x[0], x[1], 1, 3); }

typedef quad small_f32;
typedef pair small_f64;
typedef unaligned_quad unaligned_small_f32;
typedef unaligned_pair unaligned_small_f64;

#endif
