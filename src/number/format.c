/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "number/format.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

const efla_format efla_formats[] = {
    {"f64", "IEEE binary64", 53, -1022, DBL_MAX, true},
    {"f32", "IEEE binary32", 24, -126, FLT_MAX, true},
    {"tf32", "TensorFloat-32: binary32's range, 11 digits", 11, -126, 0x1.ffcp127, true},
    {"bf16", "bfloat16: the upper half of binary32", 8, -126, 0x1.fep127, true},
    {"fp16", "IEEE binary16", 11, -14, 65504, true},
    {"e4m3", "OCP 8-bit E4M3", 4, -6, 448, false},
    {"e5m2", "OCP 8-bit E5M2", 3, -14, 57344, true},
    {.name = NULL},
};

const char *efla_format_name(size_t i) {
  return i < sizeof efla_formats / sizeof *efla_formats ? efla_formats[i].name : NULL;
}

const efla_format *efla_format_find(const char *name) {
  for (const efla_format *f = efla_formats; f->name; f++)
    if (!strcmp(f->name, name)) return f;
  return NULL;
}

double efla_format_unit(const efla_format *format) { return ldexp(1, -format->digits); }

/* The exponent of the gap between neighbours about a number that is neither zero, inf nor nan. */
static int spacing(const efla_format *format, double value) {
  int exponent = ilogb(value);
  return (exponent > format->least ? exponent : format->least) - format->digits + 1; /* subnormals: a fixed gap */
}

double efla_format_gap(const efla_format *format, double value) {
  return ldexp(1, value == 0 ? format->least - format->digits + 1 : spacing(format, value));
}

static double overflow(const efla_format *format, double value) {
  return copysign(format->infinite ? INFINITY : NAN, value);
}

static double checked(const efla_format *format, double value) {
  return fabs(value) > format->largest ? overflow(format, value) : value;
}

double efla_format_round(const efla_format *format, double value) {
  if (isinf(value)) return overflow(format, value);
  if (isnan(value) || value == 0) return value;
  int gap = spacing(format, value);
  return checked(format, ldexp(nearbyint(ldexp(value, -gap)), gap));
}

double efla_format_round_stochastic(const efla_format *format, double value, double u) {
  if (isinf(value)) return overflow(format, value);
  if (isnan(value) || value == 0) return value;
  int gap = spacing(format, value);
  double scaled = ldexp(fabs(value), -gap), below = floor(scaled);
  return checked(format, copysign(ldexp(below + (scaled - below > u), gap), value));
}

/* SplitMix64 (Steele, Lea, Flood 2014): its state only counts, so that any draw can be had without those before it. */
static uint32_t draw(uint64_t seed, uint64_t i) {
  uint64_t z = seed + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (uint32_t)((z ^ (z >> 31)) >> 40);
}

double efla_format_draw(uint64_t seed, uint64_t i) { return draw(seed, i) * 0x1p-24; }

static int32_t bits_of(float value) {
  int32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float float_of(int32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* What both ways of rounding floats need.  The bits of a positive float, as an integer, order as the floats do. */
typedef struct edges {
  int drop;                      /* low bits to lose */
  int32_t normal, largest, past; /* bits of the least normal and the largest number, and of what comes past it */
} edges;

static edges edges_of(const efla_format *format) {
  assert(format->digits <= 24);
  return (edges){24 - format->digits, bits_of(ldexpf(1, format->least)), bits_of((float)format->largest),
                 bits_of(format->infinite ? INFINITY : NAN)};
}

enum { SIGN = INT32_MIN, INFINITE = 0x7f800000 };

/* yes ? a : b without a branch, which would keep the loops from running several numbers at a time. */
static int32_t pick(int yes, int32_t a, int32_t b) { return b ^ ((a ^ b) & -yes); }

/* The result for a float: rounded is that of its magnitude if normal, small if not. */
static float choose(edges e, int32_t bits, int32_t magnitude, int32_t rounded, int32_t small) {
  int32_t result = pick(magnitude < e.normal, small, rounded);
  result = pick(result > e.largest, e.past, result);
  result = pick(magnitude > INFINITE, magnitude, result); /* a nan keeps its payload */
  return float_of(result | (bits & SIGN));
}

/* Dropping low bits after adding just under half of the last kept one, and that one itself where it is odd, rounds to
 * nearest even, carries into the exponent included.  Below the least normal number the gap is fixed, and adding and
 * taking away 3/2 * 2^23 gaps rounds to it. */
void efla_format_round_f32(const efla_format *format, float *values, size_t n) {
  edges e = edges_of(format);
  if (e.drop == 0) return;
  int32_t below_half = (INT32_C(1) << (e.drop - 1)) - 1;
  float magic = ldexpf(1.5F, format->least - format->digits + 24);
  for (size_t i = 0; i < n; i++) {
    int32_t bits = bits_of(values[i]), magnitude = bits & ~SIGN;
    uint32_t rounded = ((uint32_t)magnitude + (uint32_t)(below_half + ((magnitude >> e.drop) & 1))) >> e.drop << e.drop;
    values[i] = choose(e, bits, magnitude, (int32_t)rounded, bits_of(float_of(magnitude) + magic - magic));
  }
}

/* A normal number's dropped bits m go up where m/2^drop > u, that is m > floor(2^drop u): where adding 2^drop - 1 -
 * floor(2^drop u) carries. */
void efla_format_round_stochastic_f32(const efla_format *format, float *values, size_t n, uint64_t seed,
                                      uint64_t first) {
  edges e = edges_of(format);
  if (e.drop == 0) return;
  uint32_t dropped = (UINT32_C(1) << e.drop) - 1;
  int gap = format->least - format->digits + 1;
  double shrink = ldexp(1, gap), enlarge = ldexp(1, -gap); /* as floats, these would overflow */
  for (size_t i = 0; i < n; i++) {
    int32_t bits = bits_of(values[i]), magnitude = bits & ~SIGN;
    uint32_t u = draw(seed, first + i);
    uint32_t rounded = ((uint32_t)magnitude + (dropped - (u >> (24 - e.drop)))) & ~dropped;
    double scaled = enlarge * (double)float_of(magnitude < e.normal ? magnitude : e.normal),
           below = (double)(int32_t)scaled;
    float small = (float)(shrink * (below + (scaled - below > u * 0x1p-24)));
    values[i] = choose(e, bits, magnitude, (int32_t)rounded, bits_of(small));
  }
}
