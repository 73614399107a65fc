/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Arrays at a place in a file: boxes of them, against the formula for a number's place; and the types of numbers,
 * against the definitions of their bits. */
#include "files.h"
#include "io/stretch.h"
#include "testing.h"

#include <fcntl.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <unistd.h>

static char path[300];

static int file_of(const void *bytes, size_t n) {
  snprintf(path, sizeof path, "%s/bytes", files_directory("stretch"));
  files_write(path, bytes, n);
  int descriptor = open(path, O_RDONLY);
  ck_assert_int_ge(descriptor, 0);
  return descriptor;
}

/* The number at an index is its place in C order, whatever the order in the file. */
static double place_in_c(const efla_stretch *place, const size_t *index) {
  size_t n = 0;
  for (size_t i = 0; i < place->rank; i++) n = n * place->size[i] + index[i];
  return (double)n;
}

static void check_box(const efla_stretch *place, const efla_box *box) {
  double *values = testing_poison(box->n);
  ck_assert_ptr_null(efla_stretch_read(place, box, values));
  size_t wrong = 0;
  for (size_t e = 0; e < box->n; e++) {
    size_t index[4], at = e;
    for (size_t i = box->rank; i-- > 0; at /= box->count[i]) index[i] = box->start[i] + at % box->count[i];
    wrong += values[e] != place_in_c(place, index);
  }
  ck_assert_msg(wrong == 0, "rank %zu, reversed %d: %zu of %zu numbers", box->rank, place->reversed, wrong, box->n);
  free(values);
}

/* Arrays of every rank, some with rows longer than what is read at once. */
START_TEST(boxes) {
  static const struct {
    size_t rank, size[4];
  } shapes[] = {{0, {0}},         {1, {7}}, {2, {3, 400000}}, {2, {100000, 3}}, {3, {5, 6, 7}}, {4, {2, 300, 9, 64}},
                {4, {3, 5, 1, 4}}};
  static const size_t at = 37;
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (int reversed = 0; reversed < 2; reversed++) {
      efla_stretch place = {
          .at = at, .element = efla_element_of_numpy("i4"), .reversed = reversed, .rank = shapes[s].rank};
      memcpy(place.size, shapes[s].size, sizeof shapes[s].size);
      ck_assert(efla_stretch_measure(&place));
      unsigned char *bytes = calloc(1, at + place.bytes);
      ck_assert_ptr_nonnull(bytes);
      for (size_t e = 0; e < place.bytes / 4; e++) {
        size_t rest = e, there = 0, stride = place.bytes / 4;
        for (size_t i = place.rank; i-- > 0; rest /= place.size[i])
          stride /= place.size[i], there += rest % place.size[i] * stride;
        const int32_t value = (int32_t)e;
        memcpy(bytes + at + 4 * (reversed ? there : e), &value, sizeof value);
      }
      place.descriptor = file_of(bytes, at + place.bytes);
      free(bytes);
      for (int trial = 0; trial < 12; trial++) {
        efla_box box = {.rank = place.rank, .n = 1};
        for (size_t i = 0; i < box.rank; i++) {
          const bool all = trial == 0 || gsl_rng_uniform_int(draw, 3) == 0;
          box.start[i] = all ? 0 : gsl_rng_uniform_int(draw, place.size[i]);
          box.count[i] = all ? place.size[i] : 1 + gsl_rng_uniform_int(draw, place.size[i] - box.start[i]);
          box.n *= box.count[i];
        }
        check_box(&place, &box);
      }
      place.at++;
      efla_box last = {.rank = place.rank, .n = 1};
      for (size_t i = 0; i < last.rank; i++) last.start[i] = place.size[i] - 1, last.count[i] = 1;
      double value;
      ck_assert_str_eq(efla_stretch_read(&place, &last, &value), "the file ends before the numbers do");
      close(place.descriptor);
    }
  gsl_rng_free(draw);
}
END_TEST

START_TEST(sizes_that_overflow) {
  efla_stretch place = {.element = efla_element_of_numpy("f8"), .rank = 3, .size = {(size_t)1 << 30, 1 << 20, 1 << 9}};
  ck_assert(efla_stretch_measure(&place)); /* 2^62 bytes */
  place.size[2] *= 2;
  ck_assert(!efla_stretch_measure(&place));
  place.size[2] = (size_t)1 << 40;
  ck_assert(!efla_stretch_measure(&place));
}
END_TEST

/* What the bits of a float mean, by definition. */
static double meaning(unsigned bits, int exponents, int mantissas) {
  const int bias = (1 << (exponents - 1)) - 1, e = (int)(bits >> mantissas) & ((1 << exponents) - 1);
  const unsigned m = bits & ((1u << mantissas) - 1);
  const double sign = bits >> (exponents + mantissas) ? -1 : 1;
  if (e == (1 << exponents) - 1) return m ? NAN : sign * INFINITY;
  return sign * ldexp(m + (e ? ldexp(1, mantissas) : 0), (e ? e : 1) - bias - mantissas);
}

/* All numbers of two bytes, in both byte orders. */
START_TEST(halves) {
  static const struct {
    const char *name;
    int exponents, mantissas;
  } types[] = {{"f2", 5, 10}, {"V2", 8, 7}};
  for (size_t t = 0; t < 2; t++)
    for (int big = 0; big < 2; big++)
      for (unsigned bits = 0; bits < 1 << 16; bits++) {
        unsigned char bytes[2] = {(unsigned char)(big ? bits >> 8 : bits), (unsigned char)(big ? bits : bits >> 8)};
        double value, expected = meaning(bits, types[t].exponents, types[t].mantissas);
        efla_element_read(efla_element_of_numpy(types[t].name), big, bytes, 1, &value);
        ck_assert_msg(value == expected || (isnan(value) && isnan(expected)), "%s %04x: %g, expected %g", types[t].name,
                      bits, value, expected);
        ck_assert(isnan(value) || !signbit(value) == !signbit(expected));
      }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {boxes, sizes_that_overflow, halves};
  return testing_main("stretch", tests, sizeof tests / sizeof *tests, 60);
}
