#include "flow/recurrence.h"

#define LINKAGE

#define REAL       double
#define NAME(stem) stem##_f64
#include "flow/recurrence.inc"
#undef REAL
#undef NAME

#define REAL       float
#define NAME(stem) stem##_f32
#include "flow/recurrence.inc"
#undef REAL
#undef NAME

#define REAL       long double
#define NAME(stem) stem##_long
#include "flow/recurrence.inc"
