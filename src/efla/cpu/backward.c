/* SPDX-License-Identifier: MIT */
#include "efla/cpu/backward.h"

#include "efla/internal/threads.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { CHUNK = EFLA_ADJOINT_TOKENS, CHUNKS = EFLA_SEGMENT / CHUNK };

/* Where the rows of an array are for the head of a task. */
#define NUMBERS(name, width) efla_heads_numbers(heads, EFLA_HEADS_ARRAY(heads, name), task->sequence, task->head, width)

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

#define REAL       float
#define NAME(stem) stem##_f32
#include "efla/cpu/backward.inc"
#undef REAL
#undef NAME

#define REAL       double
#define NAME(stem) stem##_f64
#include "efla/cpu/backward.inc"
