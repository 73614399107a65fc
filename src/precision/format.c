#include "precision/format.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

const efla_format efla_formats[] = {
    {"f64", "IEEE binary64", 53, -1022, 1023},
    {"f32", "IEEE binary32", 24, -126, 127},
    {"bf16", "bfloat16: the upper half of binary32", 8, -126, 127},
    {.name = NULL},
};

const char *efla_format_name(size_t i) { return i < sizeof efla_formats / sizeof *efla_formats ? efla_formats[i].name : NULL; }

const efla_format *efla_format_find(const char *name) {
  for (const efla_format *f = efla_formats; f->name; f++)
    if (!strcmp(f->name, name)) return f;
  return NULL;
}

double efla_format_unit(const efla_format *format) { return ldexp(1, -format->digits); }

double efla_format_round(const efla_format *format, double value) {
  if (!isfinite(value) || value == 0) return value;
  int exponent = ilogb(value);
  if (exponent < format->least) exponent = format->least; /* subnormal: a fixed spacing */
  int spacing = exponent - format->digits + 1;
  double rounded = ldexp(nearbyint(ldexp(value, -spacing)), spacing);
  return fabs(rounded) >= ldexp(2, format->most) ? copysign(INFINITY, value) : rounded;
}

/* A float's bits order its magnitudes, so dropping low bits after adding just under half of the last kept one, and that
 * one itself where it is odd, rounds to nearest even, carries into the exponent included. */
void efla_format_round_f32(const efla_format *format, float *values, size_t n) {
  assert(format->least == -126 && format->most == 127);
  int drop = 24 - format->digits;
  if (drop == 0) return;
  uint32_t below_half = (UINT32_C(1) << (drop - 1)) - 1;
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, values + i, sizeof bits);
    uint32_t rounded = (bits + below_half + ((bits >> drop) & 1)) >> drop << drop;
    bits = (bits & UINT32_C(0x7fffffff)) > UINT32_C(0x7f800000) ? bits : rounded; /* a nan keeps its payload */
    memcpy(values + i, &bits, sizeof bits);
  }
}
