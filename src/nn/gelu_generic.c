/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GELU with vectors of 16 bytes. */
#define VECTOR 16
#define GELU   efla_gelu_generic_f32
#include "nn/gelu.inc"
