/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Short streams of random numbers: as many as are wanted, each from a seed of 64 bits and at no cost but its numbers.
 * Number i of a stream is efla_seed_64(seed, i), so a stream is SplitMix64 (Steele, Lea, Flood 2014). */
#ifndef EFLA_BASE_DRAW_H
#define EFLA_BASE_DRAW_H

#include "base/seed.h"

#include <stdint.h>

typedef struct efla_draw {
  uint64_t seed, drawn;
} efla_draw;

efla_draw efla_draw_begin(uint64_t seed);

/* Uniform in 0 ... n-1, n >= 1; without bias. */
uint64_t efla_draw_below(efla_draw *draw, uint64_t n);

/* Uniform in [0, 1), a multiple of 2^-53. */
double efla_draw_uniform(efla_draw *draw);

#endif
