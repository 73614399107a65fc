#include "learn/classifier.h"

#include "flow/gradient.h"
#include "flow/kernel.h"
#include "learn/layers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REAL       float
#define NAME(stem) stem##_f32
#include "learn/classifier.inc"
#undef REAL
#undef NAME

#define REAL       double
#define NAME(stem) stem##_f64
#include "learn/classifier.inc"
