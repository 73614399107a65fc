/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/seed.h"

/* The finaliser of SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t efla_seed_64(uint64_t seed, uint64_t purpose) {
  uint64_t z = seed + UINT64_C(0x9e3779b97f4a7c15) * (purpose + 1);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

unsigned long efla_seed(uint64_t seed, uint64_t purpose) {
  return (unsigned long)(efla_seed_64(seed, purpose) & 0xffffffff);
}
