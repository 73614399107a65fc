/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "numpy.h"

#include "testing.h"

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

static void put(numpy_bytes *to, const void *bytes, size_t n) {
  ck_assert_uint_le(to->n + n, NUMPY_ROOM);
  memcpy(to->bytes + to->n, bytes, n);
  to->n += n;
}

static void put_number(numpy_bytes *to, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) put(to, &(unsigned char){(unsigned char)(value >> 8 * i)}, 1);
}

void numpy_npy(numpy_bytes *file, int version, const char *dictionary, const void *data, size_t n) {
  const size_t length = strlen(dictionary) + 1;
  file->n = 0;
  put(file, "\x93NUMPY", 6);
  put_number(file, (uint64_t)version, 2);
  put_number(file, length, version == 1 ? 2 : 4);
  put(file, dictionary, length - 1);
  put(file, "\n", 1);
  put(file, data, n);
}

/* The bits of an IEEE number with so many of exponent and mantissa, by definition; the value is one of the format. */
static uint64_t bits_of(double value, int exponents, int mantissas) {
  int exponent;
  const double fraction = frexp(fabs(value), &exponent);
  const int bias = (1 << (exponents - 1)) - 1;
  if (value == 0) return 0;
  return (uint64_t)signbit(value) << (exponents + mantissas) ^ (uint64_t)(exponent - 1 + bias) << mantissas ^
         (uint64_t)ldexp(2 * fraction - 1, mantissas);
}

static uint64_t encode(const char *kind, double value) {
  static const struct {
    const char *kind;
    int exponents, mantissas;
  } floats[] = {{"f2", 5, 10}, {"f4", 8, 23}, {"f8", 11, 52}, {"V2", 8, 7}};
  for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
    if (!strcmp(kind, floats[i].kind)) return bits_of(value, floats[i].exponents, floats[i].mantissas);
  return (uint64_t)(int64_t)value;
}

void numpy_array(numpy_bytes *file, const char *descr, bool fortran, size_t rank, const size_t *size,
                 const double *values) {
  static unsigned char data[NUMPY_ROOM];
  char text[200];
  const size_t width = (size_t)(descr[2] - '0');
  size_t n = 1;
  int length =
      snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': %s, 'shape': (", descr, fortran ? "True" : "False");
  for (size_t i = 0; i < rank; n *= size[i++])
    length +=
        snprintf(text + length, sizeof text - (size_t)length, rank > 1 && i + 1 == rank ? "%zu" : "%zu, ", size[i]);
  snprintf(text + length, sizeof text - (size_t)length, "), }");
  ck_assert_uint_le(n * width, NUMPY_ROOM);
  for (size_t e = 0; e < n; e++) {
    size_t at = e, place = 0, stride = n;
    for (size_t i = rank; fortran && i-- > 0; at /= size[i]) stride /= size[i], place += at % size[i] * stride;
    const uint64_t bits = encode(descr + 1, values[e]);
    for (size_t i = 0; i < width; i++)
      data[(fortran ? place : e) * width + (*descr == '>' ? width - 1 - i : i)] = (unsigned char)(bits >> 8 * i);
  }
  numpy_npy(file, 1, text, data, n * width);
}

/* What local header and directory have in common; sizes in the former are in its Zip64 field. */
static void put_fields(numpy_bytes *to, bool deflated, uint32_t checksum, size_t packed, size_t n, size_t name) {
  put_number(to, 45, 2);
  put_number(to, 0, 2);
  put_number(to, deflated ? 8 : 0, 2);
  put_number(to, 0x00210000, 4);
  put_number(to, checksum, 4);
  put_number(to, packed, 4);
  put_number(to, n, 4);
  put_number(to, name, 2);
}

void numpy_add(numpy_archive *archive, const char *name, const numpy_bytes *member, bool deflated) {
  static unsigned char packed[NUMPY_ROOM];
  numpy_bytes *file = &archive->file;
  z_stream z = {.next_in = (unsigned char *)member->bytes,
                .avail_in = (uInt)member->n,
                .next_out = packed,
                .avail_out = NUMPY_ROOM};
  ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
  const size_t n = deflated ? z.total_out : member->n;
  deflateEnd(&z);
  archive->at[archive->members++] = file->n;
  put_number(file, 0x04034b50, 4);
  put_fields(file, deflated, (uint32_t)crc32(0, member->bytes, (uInt)member->n), UINT32_MAX, UINT32_MAX, strlen(name));
  put_number(file, 20, 2);
  put(file, name, strlen(name));
  put_number(file, 1, 2), put_number(file, 16, 2);
  put_number(file, member->n, 8), put_number(file, n, 8);
  put(file, deflated ? packed : member->bytes, n);
}

void numpy_finish(numpy_archive *archive) {
  numpy_bytes *file = &archive->file;
  const size_t start = file->n;
  for (size_t i = 0; i < archive->members; i++) {
    const unsigned char *local = file->bytes + archive->at[i];
    const size_t name = local[26];
    uint64_t n = 0, packed = 0;
    for (size_t b = 8; b-- > 0;) n = n << 8 | local[34 + name + b], packed = packed << 8 | local[42 + name + b];
    put_number(file, 0x02014b50, 4), put_number(file, 45, 2);
    put_fields(file, local[8], (uint32_t)(local[14] | local[15] << 8 | local[16] << 16) | (uint32_t)local[17] << 24,
               packed, n, name);
    put_number(file, 0, 2 + 2 + 2 + 2), put_number(file, 0, 4);
    put_number(file, archive->at[i], 4);
    put(file, file->bytes + archive->at[i] + 30, name);
  }
  const size_t length = file->n - start;
  put_number(file, 0x06054b50, 4), put_number(file, 0, 4);
  put_number(file, archive->members, 2), put_number(file, archive->members, 2);
  put_number(file, length, 4), put_number(file, start, 4), put_number(file, 0, 2);
}
