/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/gelu.h"

void efla_gelu_f32(const efla_isa *isa, size_t n, const float *x, float *y, float *slope) {
#ifdef __x86_64__
  if (isa->vector == 64) {
    efla_gelu_x86_64_v4_f32(n, x, y, slope);
    return;
  }
  if (isa->vector == 32) {
    efla_gelu_x86_64_v3_f32(n, x, y, slope);
    return;
  }
#else
  (void)isa;
#endif
  efla_gelu_generic_f32(n, x, y, slope);
}
