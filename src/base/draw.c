/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/draw.h"

#include <assert.h>

efla_draw efla_draw_begin(uint64_t seed) { return (efla_draw){.seed = seed}; }

static uint64_t next(efla_draw *draw) { return efla_seed_64(draw->seed, draw->drawn++); }

/* The numbers below 2^64 mod n are refused, so that each remainder has as many numbers as any other. */
uint64_t efla_draw_below(efla_draw *draw, uint64_t n) {
  assert(n >= 1);
  uint64_t refused = -n % n, number;
  do number = next(draw);
  while (number < refused);
  return number % n;
}

double efla_draw_uniform(efla_draw *draw) { return (double)(next(draw) >> 11) * 0x1p-53; }
