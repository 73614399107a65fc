/* SPDX-License-Identifier: MIT */
/* Any processor: registers of 16 bytes (SSE2, NEON), or what the compiler makes of them. */
#include <stdbool.h>

static bool supported(void) { return true; }

#define VECTOR 16
#define GROUP  1
#define ROWS   6
#define ISA    efla_isa_generic
#ifdef __x86_64__
#define ISA_NAME "x86-64"
#else
#define ISA_NAME "generic"
#endif
#include "efla/cpu/isa.inc"
