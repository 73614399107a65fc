/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/element.h"

#include <float.h>
#include <stdint.h>
#include <string.h>

#define WIDEN(name, type)                                                                                              \
  static void name(const unsigned char *from, size_t n, double *to) {                                                  \
    for (size_t i = 0; i < n; i++) {                                                                                   \
      type x;                                                                                                          \
      memcpy(&x, from + i * sizeof x, sizeof x);                                                                       \
      to[i] = (double)x;                                                                                               \
    }                                                                                                                  \
  }
WIDEN(widen_f8, double)
WIDEN(widen_f4, float)
WIDEN(widen_i1, int8_t)
WIDEN(widen_i2, int16_t)
WIDEN(widen_i4, int32_t)
WIDEN(widen_i8, int64_t)
WIDEN(widen_u1, uint8_t)
WIDEN(widen_u2, uint16_t)
WIDEN(widen_u4, uint32_t)
WIDEN(widen_u8, uint64_t)

static double float_of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return (double)x;
}

/* bfloat16 is the upper half of a float. */
static void widen_bf16(const unsigned char *from, size_t n, double *to) {
  for (size_t i = 0; i < n; i++) {
    uint16_t x;
    memcpy(&x, from + 2 * i, sizeof x);
    to[i] = float_of_bits((uint32_t)x << 16);
  }
}

/* Exponent and mantissa of IEEE half, moved to their places in a float, are the number times 2^-112, since the bias is
 * 15 there and 127 here; subnormals come out right as well.  The largest exponent means inf and nan in both. */
static void widen_f2(const unsigned char *from, size_t n, double *to) {
  for (size_t i = 0; i < n; i++) {
    uint16_t x;
    memcpy(&x, from + 2 * i, sizeof x);
    const uint32_t sign = (uint32_t)(x & 0x8000) << 16, rest = (uint32_t)(x & 0x7fff) << 13;
    to[i] = rest >= 0x0f800000 ? float_of_bits(sign | rest | 0x7f800000) : float_of_bits(sign | rest) * 0x1p112;
  }
}

#define NARROW(name, type)                                                                                             \
  static void name(const double *from, size_t n, unsigned char *to) {                                                  \
    for (size_t i = 0; i < n; i++) {                                                                                   \
      const type x = (type)from[i];                                                                                    \
      memcpy(to + i * sizeof x, &x, sizeof x);                                                                         \
    }                                                                                                                  \
  }
NARROW(narrow_f8, double)
NARROW(narrow_f4, float)
NARROW(narrow_i4, int32_t)

static uint32_t bits_of_float(double value) {
  const float x = (float)value;
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static void narrow_bf16(const double *from, size_t n, unsigned char *to) {
  for (size_t i = 0; i < n; i++) {
    const uint16_t x = (uint16_t)(bits_of_float(from[i]) >> 16);
    memcpy(to + 2 * i, &x, sizeof x);
  }
}

/* The reverse of widen_f2, of finite numbers. */
static void narrow_f2(const double *from, size_t n, unsigned char *to) {
  for (size_t i = 0; i < n; i++) {
    const uint32_t bits = bits_of_float(from[i] * 0x1p-112);
    const uint16_t x = (uint16_t)((bits >> 16 & 0x8000) | (bits >> 13 & 0x7fff));
    memcpy(to + 2 * i, &x, sizeof x);
  }
}

const efla_element efla_elements[] = {
    {"f8", "F64", "f64", 8, widen_f8, narrow_f8},
    {"f4", "F32", "f32", 4, widen_f4, narrow_f4},
    {"f2", "F16", "fp16", 2, widen_f2, narrow_f2},
    {"V2", "BF16", "bf16", 2, widen_bf16,
     narrow_bf16}, /* the ml_dtypes package writes bfloat16 as two bytes without a meaning */
    {"i1", "I8", NULL, 1, widen_i1, NULL},
    {"i2", "I16", NULL, 2, widen_i2, NULL},
    {"i4", "I32", NULL, 4, widen_i4, narrow_i4},
    {"i8", "I64", NULL, 8, widen_i8, NULL},
    {"u1", "U8", NULL, 1, widen_u1, NULL},
    {"u2", "U16", NULL, 2, widen_u2, NULL},
    {"u4", "U32", NULL, 4, widen_u4, NULL},
    {"u8", "U64", NULL, 8, widen_u8, NULL},
    {.numpy = NULL},
};

const efla_element *efla_element_of_numpy(const char *name) {
  for (const efla_element *e = efla_elements; e->numpy; e++)
    if (!strcmp(e->numpy, name)) return e;
  return NULL;
}

const efla_element *efla_element_of_safetensors(const char *name) {
  for (const efla_element *e = efla_elements; e->numpy; e++)
    if (!strcmp(e->safetensors, name)) return e;
  return NULL;
}

const efla_element *efla_element_of_format(const char *name) {
  for (const efla_element *e = efla_elements; e->numpy; e++)
    if (e->format && !strcmp(e->format, name)) return e;
  return NULL;
}

efla_format efla_element_format(const efla_element *element) {
  if (element->format) return *efla_format_find(element->format);
  efla_format format = *efla_format_find("f64");
  const int bits = 8 * (int)element->bytes;
  format.name = "an integer", format.what = "an integer type";
  if (bits < DBL_MANT_DIG) format.digits = bits;
  return format;
}

static bool machine_is_big(void) {
  const uint16_t one = 1;
  unsigned char first;
  memcpy(&first, &one, 1);
  return first == 0;
}

static void reverse(unsigned char *bytes, size_t n, size_t size) {
  for (size_t i = 0; i < n; i++, bytes += size)
    for (size_t a = 0, b = size - 1; a < b; a++, b--) {
      unsigned char byte = bytes[a];
      bytes[a] = bytes[b], bytes[b] = byte;
    }
}

void efla_element_read(const efla_element *element, bool big, unsigned char *bytes, size_t n, double *to) {
  if (big != machine_is_big()) reverse(bytes, n, element->bytes);
  element->widen(bytes, n, to);
}

void efla_element_write(const efla_element *element, const double *from, size_t n, unsigned char *to) {
  element->narrow(from, n, to);
  if (machine_is_big()) reverse(to, n, element->bytes);
}
