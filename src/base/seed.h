/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Seeds of independent random generators, derived from one seed. */
#ifndef EFLA_BASE_SEED_H
#define EFLA_BASE_SEED_H

#include <stdint.h>

/* The seed of the generator for one purpose. Consecutive seeds and purposes give unrelated generators. 32
 * bits, as many as gsl's mt19937 takes: among n purposes about n^2/2^33 pairs share a seed by chance. Nested
 * purposes: pass the outer purpose's result as the seed of the inner one. */
unsigned long efla_seed(uint64_t seed, uint64_t purpose);

/* The same in 64 bits, for efla_draw (base/draw.h); different purposes of one seed have different results. */
uint64_t efla_seed_64(uint64_t seed, uint64_t purpose);

#endif
