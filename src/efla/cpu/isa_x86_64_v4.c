/* SPDX-License-Identifier: MIT */
/* AVX-512: 32 registers of 64 bytes, enough for the sums of two tokens. */
#ifdef __x86_64__
#include <stdbool.h>

static bool supported(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd");
}

#define VECTOR   64
#define GROUP    2
#define ROWS     8
#define ISA      efla_isa_x86_64_v4
#define ISA_NAME "x86-64-v4"
#include "efla/cpu/isa.inc"
#else
typedef int efla_isa_unavailable; /* ISO C requires a declaration */
#endif
