/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All narrow formats, exhaustively: every number of a format is listed by its definition, and rounding is held against
 * the list at every number, every midpoint between neighbours, and just beside it. */
#include "testing.h"

#include <gsl/gsl_rng.h>

typedef struct list {
  size_t n;
  double *value; /* rising, from 0 on; significand's last bit is even where the index is (a carry keeps that) */
} list;

/* significand * 2^(exponent - digits + 1): all significands for the least exponent, the normal ones for every other. */
static list list_of(const efla_format *f) {
  size_t half = (size_t)1 << (f->digits - 1), room = 2 * half + half * 300;
  list all = {0, malloc(room * sizeof *all.value)};
  ck_assert_ptr_nonnull(all.value);
  for (size_t m = 0; m < half; m++) all.value[all.n++] = ldexp((double)m, f->least - f->digits + 1);
  for (int e = f->least; ldexp(1, e) <= f->largest; e++)
    for (size_t m = half; m < 2 * half; m++) {
      double value = ldexp((double)m, e - f->digits + 1);
      if (value <= f->largest) all.value[all.n++] = value;
    }
  return all;
}

static bool same(double a, double b) { return (isnan(a) && isnan(b)) || (a == b && !signbit(a) == !signbit(b)); }

/* Both signs and both functions, the second where value is a float. */
static void check(const efla_format *f, double value, double expected) {
  for (int negative = 0; negative < 2; negative++) {
    double in = negative ? -value : value, out = negative ? -expected : expected;
    float single = (float)in;
    double got = efla_format_round(f, in);
    if (!same(got, out)) ck_abort_msg("%s: %a gives %a, expected %a", f->name, in, got, out);
    if ((double)single != in) continue;
    efla_format_round_f32(f, &single, 1);
    if (!same((double)single, out))
      ck_abort_msg("%s from f32: %a gives %a, expected %a", f->name, in, (double)single, out);
  }
}

static bool narrow(const efla_format *f) { return f->digits <= 11; }

START_TEST(every_number_and_every_gap) {
  size_t formats = 0;
  for (const efla_format *f = efla_formats; f->name; f++) {
    if (!narrow(f)) continue;
    list all = list_of(f);
    formats++;
    ck_assert_double_eq(all.value[all.n - 1], f->largest);
    double past = f->infinite ? INFINITY : NAN;
    for (size_t i = 0; i < all.n; i++) {
      bool last = i + 1 == all.n;
      double below = all.value[i], above = last ? 2 * below - all.value[i - 1] : all.value[i + 1];
      double middle = below / 2 + above / 2, rounded_up = last ? past : above;
      check(f, below, below);
      check(f, middle, i % 2 == 0 ? below : rounded_up);
      check(f, nextafter(middle, 0), below);
      check(f, nextafter(middle, INFINITY), rounded_up);
      check(f, (double)nextafterf((float)middle, INFINITY), rounded_up);
    }
    check(f, INFINITY, past);
    ck_assert(isnan(efla_format_round(f, NAN)));
    free(all.value);
  }
  ck_assert_uint_ge(formats, 5);
}
END_TEST

/* A number stays; in a gap the share of u that leads up is where the value lies in it, up to one of the N steps of
 * u. */
START_TEST(stochastic_rounding_is_unbiased) {
  enum { N = 1000 };
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (const efla_format *f = efla_formats; f->name; f++) {
    if (!narrow(f)) continue;
    list all = list_of(f);
    for (int trial = 0; trial < 200; trial++) {
      size_t i = gsl_rng_uniform_int(draw, all.n - 1), up = 0;
      double below = all.value[i], above = all.value[i + 1], part = gsl_rng_uniform(draw),
             value = below + part * (above - below);
      ck_assert_double_eq(efla_format_round_stochastic(f, -above, gsl_rng_uniform(draw)), -above);
      part = (value - below) / (above - below); /* as rounding left it */
      for (int u = 0; u < N; u++) {
        double rounded = efla_format_round_stochastic(f, value, (u + 0.5) / N);
        ck_assert(rounded == below || rounded == above);
        up += rounded == above;
      }
      CHECK_BOUND(fabs((double)up / N - part), 1. / N);
    }
    ck_assert(!isfinite(efla_format_round_stochastic(f, 2 * f->largest, 0)));
    free(all.value);
  }
  gsl_rng_free(draw);
}
END_TEST

/* Random bits are floats of all sizes, nan and inf among them.  Arrays of any length, anywhere in the stream: each
 * number is rounded as by the definitions, the stochastic one with its own draw, and nothing beyond the array is
 * touched. */
START_TEST(arrays_agree_with_the_definitions) {
  enum { MOST = 66 };
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  size_t compared = 0, formats = 0;
  for (const efla_format *f = efla_formats; f->name; f++) {
    if (f->digits > 24) continue;
    formats++;
    float value[MOST], nearest[MOST], stochastic[MOST];
    for (int pass = 0; pass < 4000; pass++) {
      size_t n = gsl_rng_uniform_int(draw, MOST);
      uint64_t seed = gsl_rng_get(draw), first = gsl_rng_get(draw);
      for (size_t i = 0; i < MOST; i++) {
        uint32_t bits = (uint32_t)gsl_rng_get(draw);
        memcpy(&value[i], &bits, sizeof bits);
        if (i % 2)
          value[i] =
              ldexpf((float)gsl_rng_uniform(draw) - 0.5F, f->least + 2 - (int)(bits % 16)); /* about the subnormals */
        nearest[i] = stochastic[i] = value[i];
      }
      efla_format_round_f32(f, nearest, n);
      efla_format_round_stochastic_f32(f, stochastic, n, seed, first);
      for (size_t i = 0; i < MOST; i++) {
        double in = (double)value[i], one = i < n ? efla_format_round(f, in) : in;
        double other = i < n ? efla_format_round_stochastic(f, in, efla_format_draw(seed, first + i)) : in;
        compared++;
        if (!same((double)nearest[i], one))
          ck_abort_msg("%s: %a gives %a, not %a", f->name, in, (double)nearest[i], one);
        if (!same((double)stochastic[i], other))
          ck_abort_msg("%s, stochastic: %a gives %a, not %a", f->name, in, (double)stochastic[i], other);
      }
    }
  }
  gsl_rng_free(draw);
  ck_assert_uint_ge(formats, 6); /* five narrow ones and f32 */
  ck_assert_uint_eq(compared, formats * 4000 * MOST);
}
END_TEST

/* The mean of N stochastic roundings of one value is that value: each is off by at most one gap, with variance p(1-p)
 * gap^2 for the part p of the gap covered, so the mean is within 5 of its standard errors, and draws' 24 bits add 2^-24
 * of a gap. */
START_TEST(draws_give_the_value_as_mean) {
  enum { N = 1 << 16 };
  static float rounded[N];
  gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(random, testing_seed());
  for (const efla_format *f = efla_formats; f->name; f++) {
    if (!narrow(f)) continue;
    for (int trial = 0; trial < 24; trial++) {
      double sign = trial % 2 ? -1 : 1, below = ldexp(1, f->least + trial / 4),
             gap = ldexp(1, f->least + trial / 4 - f->digits + 1);
      float value = (float)(sign * (below + gap * gsl_rng_uniform(random)));
      double part = (fabs((double)value) - below) / gap, sum = 0;
      for (size_t i = 0; i < N; i++) rounded[i] = value;
      efla_format_round_stochastic_f32(f, rounded, N, testing_seed(), (size_t)trial * N);
      for (size_t i = 0; i < N; i++) sum += ((double)rounded[i] - (double)value) / gap;
      CHECK_BOUND(fabs(sum / N), 5 * sqrt(part * (1 - part) / N) + 0x1p-24);
    }
  }
  gsl_rng_free(random);
}
END_TEST

/* The number that a pattern of bits encodes: sign, exponent (biased; its lowest value: subnormal), fraction.  The
 * highest exponent is inf and nan in IEEE 754's formats; in OCP's E4M3 only the pattern of all ones is no number. */
static double decode(unsigned bits, int exponent_bits, int fraction_bits, bool ieee) {
  int bias = (1 << (exponent_bits - 1)) - 1, top = (1 << exponent_bits) - 1;
  int exponent = (int)(bits >> fraction_bits) & top, fraction = (int)bits & ((1 << fraction_bits) - 1);
  double sign = bits >> (exponent_bits + fraction_bits) & 1 ? -1 : 1;
  if (exponent == top && ieee) return fraction ? NAN : sign * INFINITY;
  if (exponent == top && fraction == (1 << fraction_bits) - 1) return NAN;
  if (exponent == 0) return sign * ldexp(fraction, 1 - bias - fraction_bits);
  return sign * ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

/* Every pattern of bits is a number that stays, and there are no others: as many as the list by the table's row has. */
START_TEST(patterns_of_bits_are_the_numbers) {
  static const struct {
    const char *name;
    int exponent_bits, fraction_bits;
    bool ieee;
  } codes[] = {
      {"tf32", 8, 10, true}, {"bf16", 8, 7, true}, {"fp16", 5, 10, true}, {"e4m3", 4, 3, false}, {"e5m2", 5, 2, true}};
  for (size_t c = 0; c < sizeof codes / sizeof *codes; c++) {
    const efla_format *f = efla_format_find(codes[c].name);
    list all = list_of(f);
    size_t numbers = 0;
    for (unsigned bits = 0; bits < 2U << (codes[c].exponent_bits + codes[c].fraction_bits); bits++) {
      double value = decode(bits, codes[c].exponent_bits, codes[c].fraction_bits, codes[c].ieee);
      if (!isfinite(value)) continue;
      numbers++;
      check(f, value, value);
      if (!same(efla_format_round_stochastic(f, value, 0), value)) ck_abort_msg("%s: %a moves", f->name, value);
    }
    ck_assert_uint_eq(numbers, 2 * all.n);
    free(all.value);
  }
}
END_TEST

#ifdef __FLT16_MAX__
/* The compiler's binary16, on random bits of a double and about the format's own range. */
START_TEST(fp16_is_the_compilers) {
  const efla_format *fp16 = efla_format_find("fp16");
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  size_t compared = 0;
  for (int pass = 0; pass < 200000; pass++) {
    float value = ldexpf((float)gsl_rng_uniform(draw) - 0.5F, 18 - (int)gsl_rng_uniform_int(draw, 46));
    if (pass % 3 == 0) value = (float)(_Float16)value * (1 + 0x1p-11F); /* about a midpoint */
    if (!same(efla_format_round(fp16, (double)value), (double)(_Float16)value)) ck_abort_msg("%a", (double)value);
    compared++;
  }
  ck_assert_uint_eq(compared, 200000);
  gsl_rng_free(draw);
}
END_TEST
#endif

int main(void) {
  const TTest *const tests[] = {
      every_number_and_every_gap,   stochastic_rounding_is_unbiased,  arrays_agree_with_the_definitions,
      draws_give_the_value_as_mean, patterns_of_bits_are_the_numbers,
#ifdef __FLT16_MAX__
      fp16_is_the_compilers,
#endif
  };
  return testing_main("format lists", tests, sizeof tests / sizeof *tests, 120);
}
