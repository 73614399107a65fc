#include "flow/gradient.h"

#include "flow/kernel.h"

#define REAL       float
#define NAME(stem) stem##_f32
#include "flow/gradient.inc"
#undef REAL
#undef NAME

#define REAL       double
#define NAME(stem) stem##_f64
#include "flow/gradient.inc"
