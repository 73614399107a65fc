/* All narrow formats, exhaustively: every number of a format is listed by its definition, and rounding is held against the list at
 * every number, every midpoint between neighbours, and just beside it. */
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
    if (!same((double)single, out)) ck_abort_msg("%s from f32: %a gives %a, expected %a", f->name, in, (double)single, out);
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

/* A number stays; in a gap the share of u that leads up is where the value lies in it, up to one of the N steps of u. */
START_TEST(stochastic_rounding_is_unbiased) {
  enum { N = 1000 };
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (const efla_format *f = efla_formats; f->name; f++) {
    if (!narrow(f)) continue;
    list all = list_of(f);
    for (int trial = 0; trial < 200; trial++) {
      size_t i = gsl_rng_uniform_int(draw, all.n - 1), up = 0;
      double below = all.value[i], above = all.value[i + 1], part = gsl_rng_uniform(draw), value = below + part * (above - below);
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

int main(void) {
  const TTest *const tests[] = {every_number_and_every_gap, stochastic_rounding_is_unbiased};
  return testing_main("format lists", tests, sizeof tests / sizeof *tests, 120);
}
