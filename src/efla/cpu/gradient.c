/* SPDX-License-Identifier: MIT */
#include "efla/cpu/gradient.h"

#include "efla/cpu/kernel.h"

#define REAL       float
#define NAME(stem) stem##_f32
#include "efla/cpu/gradient.inc"
#undef REAL
#undef NAME

#define REAL       double
#define NAME(stem) stem##_f64
#include "efla/cpu/gradient.inc"
