/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The GELU and its slope against erfc in f64, over all of f32, and at its ends. */
#include "testing.h"

#include <gsl/gsl_math.h>
#include <stdint.h>

static float from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* The bounds that gelu.h states and gelu.inc counts: the result's own rounding, and 12 u.  f64's own errors are 1e-8 of
 * them. Measured on a finer sweep: of the 12 u at most .45 for y and .3 for the slope. */
static void check_values(size_t n, const float *x, const float *y, const float *slope, const char *isa) {
  for (size_t i = 0; i < n; i++) {
    double at = (double)x[i], Phi = erfc(-at / M_SQRT2) / 2, Q = erfc(fabs(at) / M_SQRT2) / 2,
           phi = exp(-at * at / 2) / sqrt(2 * M_PI);
    double truth = at * Phi, by_x = Phi + at * phi;
    double bound = U32 * (fabs(truth) + 12 * fabs(at) * Q) + 0x1p-126,
           bound_slope = U32 * (fabs(by_x) + 12 * (fabs(at) * phi + Q)) + 0x1p-123;
    ck_assert_msg(fabs((double)y[i] - truth) <= bound, "y(%.9g) = %.9g, not %.9g: isa %s", at, (double)y[i], truth,
                  isa);
    ck_assert_msg(fabs((double)slope[i] - by_x) <= bound_slope, "slope(%.9g) = %.9g, not %.9g: isa %s", at,
                  (double)slope[i], by_x, isa);
  }
}

enum { N = 4096 };

/* Every 16001st number of f32, of both signs, more of those that matter, and every one around 1 and 13.2 where other
 * formulas take over. */
START_TEST(all_of_f32) {
  static const struct {
    uint32_t first, last, step;
  } ranges[] = {
      {0, 0x7f7fffff, 16001}, {0x3c000000, 0x41800000, 997}, {0x3f7ff000, 0x3f801000, 1}, {0x41532000, 0x41534000, 1}};
  static float x[N], y[N], slope[N];
  FOR_EACH_ISA(isa) for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
    size_t n = 0;
    for (uint32_t bits = ranges[r].first; bits <= ranges[r].last; bits += ranges[r].step) {
      x[n] = from_bits(bits), x[n + 1] = -x[n], n += 2;
      if (n < N && bits + ranges[r].step <= ranges[r].last) continue;
      memset(y, 255, sizeof y), memset(slope, 255, sizeof slope);
      efla_gelu_f32(isa, n, x, y, slope);
      check_values(n, x, y, slope, isa->name);
      n = 0;
    }
  }
}
END_TEST

START_TEST(ends) {
  const float x[] = {0, -0.F, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, NAN, 0x1p-149F};
  FOR_EACH_ISA(isa) {
    float y[8], slope[8];
    efla_gelu_f32(isa, 8, x, y, slope);
    ck_assert(y[0] == 0 && !signbit(y[0]) && y[1] == 0 && signbit(y[1]));
    ck_assert(slope[0] == 0.5F && slope[1] == 0.5F && slope[7] == 0.5F);
    ck_assert(y[2] == INFINITY && slope[2] == 1 && y[3] == 0 && slope[3] == 0);
    ck_assert(y[4] == FLT_MAX && slope[4] == 1 && y[5] == 0 && slope[5] == 0);
    ck_assert(isnan(y[6]) && isnan(slope[6]));
  }
}
END_TEST

/* Any number of them, at any place, with or without the slope, and in place: a number's result does not depend on its
 * neighbours. Outputs end where their memory does. */
START_TEST(any_length_and_place) {
  enum { MOST = 70 };
  float x[MOST], all[MOST], by_x[MOST];
  for (int i = 0; i < MOST; i++) x[i] = 0.3F * (float)(i - MOST / 2);
  FOR_EACH_ISA(isa) {
    efla_gelu_f32(isa, MOST, x, all, by_x);
    for (size_t n = 0; n <= MOST; n++) {
      size_t from = MOST - n;
      float *at = (float *)malloc((n + 1) * sizeof *at) + 1, *slope = (float *)malloc((n + 1) * sizeof *slope) + 1;
      memcpy(at, x + from, n * sizeof *at);
      efla_gelu_f32(isa, n, at, at, slope);
      ck_assert(n == 0 || !memcmp(at, all + from, n * sizeof *at));
      ck_assert(n == 0 || !memcmp(slope, by_x + from, n * sizeof *at));
      efla_gelu_f32(isa, n, x + from, at, NULL);
      ck_assert(n == 0 || !memcmp(at, all + from, n * sizeof *at));
      free(at - 1), free(slope - 1);
    }
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {all_of_f32, ends, any_length_and_place};
  return testing_main("gelu", tests, sizeof tests / sizeof *tests, 120);
}
