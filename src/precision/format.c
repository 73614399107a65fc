#include "precision/format.h"

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

const char *efla_format_name(size_t i) { return i < sizeof efla_formats / sizeof *efla_formats ? efla_formats[i].name : NULL; }

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

static double overflow(const efla_format *format, double value) { return copysign(format->infinite ? INFINITY : NAN, value); }

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
  double scaled = ldexp(value, -gap), below = floor(scaled);
  return checked(format, copysign(ldexp(below + (scaled - below > u), gap), value));
}

/* A float's bits order its magnitudes, so dropping low bits after adding just under half of the last kept one, and that one
 * itself where it is odd, rounds to nearest even, carries into the exponent included.  Below the least normal number the gap is
 * fixed, and adding and taking away 3/2 * 2^23 gaps rounds to it. */
void efla_format_round_f32(const efla_format *format, float *values, size_t n) {
  int drop = 24 - format->digits;
  assert(drop >= 0);
  if (drop == 0) return;
  uint32_t below_half = (UINT32_C(1) << (drop - 1)) - 1;
  float normal = ldexpf(1, format->least), magic = ldexpf(1.5F, format->least - format->digits + 24);
  float largest = (float)format->largest, past = format->infinite ? INFINITY : NAN;
  for (size_t i = 0; i < n; i++) {
    float value = values[i], rounded;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = (bits + below_half + ((bits >> drop) & 1)) >> drop << drop;
    memcpy(&rounded, &bits, sizeof rounded);
    if (fabsf(value) < normal) rounded = copysignf(fabsf(value) + magic - magic, value);
    if (fabsf(rounded) > largest) rounded = copysignf(past, value);
    values[i] = isnan(value) ? value : rounded;
  }
}
