/* SPDX-License-Identifier: MIT */
#include "efla/reference/recurrence_backward.h"

#include "efla/reference/recurrence.h"

#include <string.h>

size_t efla_recurrence_backward_scratch(const efla_heads *heads) {
  return (heads->tokens + 2) * heads->dk * heads->dv + 2 * heads->dv;
}

#define REAL       double
#define NAME(stem) stem##_f64
#include "efla/reference/recurrence_backward.inc"
#undef REAL
#undef NAME

#define REAL       float
#define NAME(stem) stem##_f32
#include "efla/reference/recurrence_backward.inc"
