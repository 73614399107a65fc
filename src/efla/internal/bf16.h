/* SPDX-License-Identifier: MIT */
/* bf16, the upper half of an f32. */
#ifndef EFLA_INTERNAL_BF16_H
#define EFLA_INTERNAL_BF16_H

#include <stdint.h>
#include <string.h>

static inline float efla_bf16_widen(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float y;
  memcpy(&y, &bits, sizeof y);
  return y;
}

/* Round to nearest, ties to even; a nan stays one. */
static inline uint16_t efla_bf16_narrow(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (x != x) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#endif
