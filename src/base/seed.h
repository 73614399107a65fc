/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Seeds of generators that have nothing to do with each other. */
#ifndef EFLA_BASE_SEED_H
#define EFLA_BASE_SEED_H

#include <stdint.h>

/* Neighbouring seeds and purposes give unrelated generators.  32 bits, as many as gsl's mt19937 takes: of n purposes,
 * n^2/2^33 pairs can be expected to share a seed by chance.  For one purpose within another the seed made for the outer
 * one is the seed given for the inner. */
unsigned long efla_seed(uint64_t seed, uint64_t purpose);

#endif
