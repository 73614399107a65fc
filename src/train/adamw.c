/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/adamw.h"

#include <math.h>

efla_adamw efla_adamw_default(double lr) {
  return (efla_adamw){.lr = lr, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay = 0.01, .clip = 1};
}

#define REAL       float
#define NAME(stem) stem##_f32
#define SQRT       sqrtf
#include "train/adamw.inc"
#undef REAL
#undef NAME
#undef SQRT

#define REAL       double
#define NAME(stem) stem##_f64
#define SQRT       sqrt
#include "train/adamw.inc"
