/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nn/classifier.h"

#include "efla/cpu/gradient.h"
#include "efla/cpu/kernel.h"
#include "nn/layers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REAL       float
#define NAME(stem) stem##_f32
#include "nn/classifier.inc"
#undef REAL
#undef NAME

#define REAL       double
#define NAME(stem) stem##_f64
#include "nn/classifier.inc"
