/* SPDX-License-Identifier: MIT */
#include "efla/reference/recurrence_backward.h"

#include "efla/reference/recurrence.h"

#include <math.h>
#include <string.h>

size_t efla_recurrence_backward_scratch(const efla_heads *heads) {
  return (heads->tokens + 3) * heads->dk * heads->dv + heads->dv;
}

#define REAL       double
#define NAME(stem) stem##_f64
#define EXP        exp
#include "efla/reference/recurrence_backward.inc"
#undef REAL
#undef NAME
#undef EXP

#define REAL       float
#define NAME(stem) stem##_f32
#define EXP        expf
#include "efla/reference/recurrence_backward.inc"
