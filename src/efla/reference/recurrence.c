/* SPDX-License-Identifier: MIT */
#include "efla/reference/recurrence.h"

#define LINKAGE
#define COEFFICIENTS efla_coefficients

#define REAL       double
#define NAME(stem) stem##_f64
#include "efla/reference/recurrence.inc"
#include "efla/reference/recurrence_step.inc"
#undef REAL
#undef NAME

#define REAL       float
#define NAME(stem) stem##_f32
#include "efla/reference/recurrence.inc"
#include "efla/reference/recurrence_step.inc"
#undef REAL
#undef NAME

#undef COEFFICIENTS
#define COEFFICIENTS efla_coefficients_long
#define REAL         long double
#define NAME(stem)   stem##_long
#include "efla/reference/recurrence.inc"
#include "efla/reference/recurrence_step.inc"
