/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/pointwise.h"

#ifdef __x86_64__
#define CHOOSE(suffix)                                                                                                 \
  (isa->vector == 64   ? &efla_pointwise_x86_64_v4_##suffix                                                            \
   : isa->vector == 32 ? &efla_pointwise_x86_64_v3_##suffix                                                            \
                       : &efla_pointwise_generic_##suffix)
#else
#define CHOOSE(suffix) ((void)isa, &efla_pointwise_generic_##suffix)
#endif

const efla_pointwise_f32 *efla_pointwise_of_f32(const efla_isa *isa) { return CHOOSE(f32); }
const efla_pointwise_f64 *efla_pointwise_of_f64(const efla_isa *isa) { return CHOOSE(f64); }
