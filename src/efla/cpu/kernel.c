/* SPDX-License-Identifier: MIT */
#include "efla/cpu/kernel.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* The lanes, one per tile of every head of a sequence, are dealt out to the threads in their order by the work they
 * are: a token is one unit, a lane's start another.  Which of them belong to a thread: first ... last-1. */
typedef struct lanes {
  size_t first, last;
} lanes;

static lanes deal(const efla_heads *heads, size_t sequence, size_t tiles, size_t thread) {
  size_t per_sequence = heads->heads * tiles, sequences = efla_heads_sequences(heads),
         threads = efla_heads_threads(heads);
  size_t all = (heads->tokens * (heads->cu_seqlens ? 1 : heads->batch) + sequences) * per_sequence;
  size_t before = (heads->cu_seqlens ? heads->cu_seqlens[sequence] : sequence * heads->tokens) + sequence;
  size_t start = before * per_sequence, unit = efla_heads_rows(heads, sequence, 0).tokens + 1;
  size_t bound[2] = {all / threads * thread + all % threads * thread / threads,
                     all / threads * (thread + 1) + all % threads * (thread + 1) / threads};
  for (int i = 0; i < 2; i++)
    bound[i] = bound[i] <= start ? 0 : least(per_sequence, (bound[i] - start + unit - 1) / unit);
  return (lanes){bound[0], bound[1]};
}

#define REAL       float
#define NAME(stem) stem##_f32
#include "efla/cpu/kernel.inc"
#include "efla/cpu/decode.inc"
#undef REAL
#undef NAME

#define REAL       double
#define NAME(stem) stem##_f64
#include "efla/cpu/kernel.inc"
#include "efla/cpu/decode.inc"
