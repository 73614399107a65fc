/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Number formats: rounding against what nearest even means, on every bf16 number and every gap between two of them. */
#include "testing.h"

#include <gsl/gsl_rng.h>
#include <stdint.h>

static const efla_format *f64, *f32, *bf16;

static void set_up(void) {
  f64 = efla_format_find("f64"), f32 = efla_format_find("f32"), bf16 = efla_format_find("bf16");
  ck_assert(f64 && f32 && bf16);
}

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static double double_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Equal, the sign of zero included; any nan equals any other. */
static bool same(double a, double b) { return (isnan(a) && isnan(b)) || (a == b && !signbit(a) == !signbit(b)); }

/* Millions of numbers: Check hears of those that are wrong only, since each assertion costs a system call. */
static void check_same(double got, double expected, double value, const char *what) {
  if (!same(got, expected)) ck_abort_msg("%s: %a gives %a, expected %a", what, value, got, expected);
}

/* Both ways of rounding give what is expected; value must be a float for the second to have the same input. */
static void check_bf16(double value, double expected) {
  check_same(efla_format_round(bf16, value), expected, value, "bf16");
  float single = (float)value;
  if ((double)single != value) return;
  efla_format_round_f32(bf16, &single, 1);
  check_same((double)single, expected, value, "bf16 from f32");
}

/* bf16 is the upper half of f32, so its numbers, zeros, subnormals, infinities and nans are those bits. */
START_TEST(every_bf16_number_stays) {
  set_up();
  for (uint32_t upper = 0; upper < 65536; upper++) {
    double value = (double)float_of(upper << 16);
    check_bf16(value, value);
  }
}
END_TEST

/* Between neighbours: the midpoint goes to the one with an even last bit, whatever is beside it to the nearer one,
 * however close.  Behind the largest number stands the infinity. */
START_TEST(every_gap_of_bf16) {
  set_up();
  for (int negative = 0; negative < 2; negative++)
    for (uint32_t upper = 0; upper < 0x7f80; upper++) {
      double sign = negative ? -1 : 1;
      double below = (double)float_of(upper << 16), above = (double)float_of((upper + 1) << 16);
      double middle = (double)float_of(upper << 16 | 0x8000);
      check_bf16(sign * middle, sign * (upper % 2 ? above : below));
      check_bf16(sign * nextafter(middle, 0), sign * below);
      check_bf16(sign * nextafter(middle, INFINITY), sign * above);
      check_bf16(sign * (double)float_of(upper << 16 | 0x7fff), sign * below);
      check_bf16(sign * (double)float_of(upper << 16 | 0x8001), sign * above);
      check_bf16(sign * (double)float_of(upper << 16 | 1), sign * below);
      check_bf16(sign * (double)float_of(upper << 16 | 0xffff), sign * above);
    }
}
END_TEST

START_TEST(the_ends_of_bf16) {
  set_up();
  double largest = 0x1.fep127, smallest = 0x1p-133;
  for (double sign = -1; sign <= 1; sign += 2) {
    check_bf16(sign * largest, sign * largest);
    check_bf16(sign * 0x1.fefffep127, sign * largest);
    check_bf16(sign * 0x1.ffp127, sign * INFINITY); /* halfway to 2^128: even is up */
    check_bf16(sign * DBL_MAX, sign * INFINITY);
    check_bf16(sign * smallest / 2, sign * 0.);
    check_bf16(sign * nextafter(smallest / 2, 1), sign * smallest);
    check_bf16(sign * DBL_TRUE_MIN, sign * 0.);
    check_bf16(sign * 0., sign * 0.);
  }
}
END_TEST

/* All kinds of nan stay nan; as floats that means that no carry turns one into an infinity or a number. */
START_TEST(nan_stays_nan) {
  static const uint32_t nans[] = {0x7f800001, 0x7f807fff, 0x7f808001, 0x7fc00000, 0x7fffffff, 0xff800001, 0xffffffff};
  set_up();
  for (size_t i = 0; i < sizeof nans / sizeof *nans; i++) {
    float value = float_of(nans[i]);
    efla_format_round_f32(bf16, &value, 1);
    ck_assert_msg(isnan(value), "%#x", nans[i]);
    for (const efla_format *f = efla_formats; f->name; f++) ck_assert(isnan(efla_format_round(f, NAN)));
  }
}
END_TEST

/* Random bits are numbers of all sizes.  The two ways agree for arrays of any length and touch nothing beyond. */
START_TEST(floats_agree_with_the_definition) {
  set_up();
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  float values[66], rounded[66];
  for (int pass = 0; pass < 20000; pass++) {
    size_t n = gsl_rng_uniform_int(draw, 66);
    for (size_t i = 0; i < 66; i++) rounded[i] = values[i] = float_of((uint32_t)gsl_rng_get(draw));
    efla_format_round_f32(bf16, rounded, n);
    for (size_t i = 0; i < 66; i++) {
      double expected = i < n ? efla_format_round(bf16, (double)values[i]) : (double)values[i];
      check_same((double)rounded[i], expected, (double)values[i], "bf16 from f32");
    }
    memcpy(rounded, values, sizeof values);
    efla_format_round_f32(f32, rounded, n);
    for (size_t i = 0; i < 66; i++) check_same((double)rounded[i], (double)values[i], (double)values[i], "f32 of f32");
  }
  gsl_rng_free(draw);
}
END_TEST

/* The processor rounds a double to a float as the definition says; every double is its own f64. */
START_TEST(f32_is_the_cast_and_f64_nothing) {
  set_up();
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (int pass = 0; pass < 200000; pass++) {
    uint64_t bits = (uint64_t)gsl_rng_get(draw) << 32 | gsl_rng_get(draw);
    double any = double_of(bits);
    double below = (double)float_of((uint32_t)bits), middle = (below + (double)float_of((uint32_t)bits + 1)) / 2;
    double values[] = {any, middle, nextafter(middle, 0), nextafter(middle, INFINITY), below + (middle - below) / 3};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
      check_same(efla_format_round(f32, values[i]), (double)(float)values[i], values[i], "f32");
      check_same(efla_format_round(f64, values[i]), values[i], values[i], "f64");
    }
  }
  gsl_rng_free(draw);
  double ends[] = {0., -0., DBL_TRUE_MIN, DBL_MIN, DBL_MAX, INFINITY, FLT_MAX, FLT_TRUE_MIN / 2., 0x1.ffffffp127};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    for (double sign = -1; sign <= 1; sign += 2) {
      ck_assert(same(efla_format_round(f32, sign * ends[i]), (double)(float)(sign * ends[i])));
      ck_assert(same(efla_format_round(f64, sign * ends[i]), sign * ends[i]));
    }
}
END_TEST

/* 1 + u is the midpoint between 1 and its neighbour, for every format of the table. */
START_TEST(unit_roundoff) {
  set_up();
  ck_assert_double_eq(efla_format_unit(f64), U);
  ck_assert_double_eq(efla_format_unit(f32), U32);
  ck_assert_double_eq(efla_format_unit(bf16), 0x1p-8);
  for (const efla_format *f = efla_formats; f->name; f++) {
    double u = efla_format_unit(f), next = 1 + 2 * u;
    ck_assert_double_eq(efla_format_round(f, next), next);
    ck_assert_double_eq(efla_format_round(f, 1 + u), 1);
    ck_assert(f == f64 || efla_format_round(f, 1 + u * (1 + 1e-6)) == next);
    ck_assert_double_eq(efla_format_round(f, 1 - u), 1 - u);
    ck_assert_double_eq(efla_format_round(f, f->largest), f->largest);
    ck_assert(!isfinite(efla_format_round(f, 2 * f->largest)));
    ck_assert_double_eq(efla_format_round(f, ldexp(u, f->least)), 0); /* half the least subnormal */
    ck_assert_double_eq(efla_format_round(f, ldexp(2 * u, f->least)), ldexp(2 * u, f->least));
  }
}
END_TEST

START_TEST(names_find_their_rows) {
  for (size_t i = 0; efla_formats[i].name; i++) {
    ck_assert_ptr_eq(efla_format_find(efla_formats[i].name), efla_formats + i);
    ck_assert_str_eq(efla_format_name(i), efla_formats[i].name);
  }
  ck_assert_ptr_null(efla_format_name(1000));
  ck_assert_ptr_null(efla_format_find("f31"));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_bf16_number_stays,
                                every_gap_of_bf16,
                                the_ends_of_bf16,
                                nan_stays_nan,
                                floats_agree_with_the_definition,
                                f32_is_the_cast_and_f64_nothing,
                                unit_roundoff,
                                names_find_their_rows};
  return testing_main("format", tests, sizeof tests / sizeof *tests, 60);
}
