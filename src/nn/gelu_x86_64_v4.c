/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GELU with vectors of 64 bytes. */
#ifdef __x86_64__
#define VECTOR 64
#define GELU   efla_gelu_x86_64_v4_f32
#include "nn/gelu.inc"
#endif
