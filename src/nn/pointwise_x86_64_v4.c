/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layers number by number with vectors of 64 bytes. */
#ifdef __x86_64__
#define VECTOR        64
#define TABLE(suffix) efla_pointwise_x86_64_v4_##suffix
#include "nn/pointwise.inc"
#endif
