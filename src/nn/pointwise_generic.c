/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layers number by number with vectors of 16 bytes. */
#define VECTOR        16
#define TABLE(suffix) efla_pointwise_generic_##suffix
#include "nn/pointwise.inc"
