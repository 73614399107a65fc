/* SPDX-License-Identifier: MIT */
/* AVX2 with fused multiply-add: 16 registers of 32 bytes. */
#ifdef __x86_64__
#include <stdbool.h>

static bool supported(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2");
}

#define VECTOR   32
#define GROUP    1
#define ROWS     6
#define ISA      efla_isa_x86_64_v3
#define ISA_NAME "x86-64-v3"
#include "efla/cpu/isa.inc"
#else
typedef int efla_isa_unavailable; /* ISO C requires a declaration */
#endif
