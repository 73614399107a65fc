/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Quantiles in bounded memory: exact for few numbers, within the stated factor for many. */
#include "testing.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

static const double orders[] = {0, 1e-4, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.9999, 1};

/* n numbers spread over `decades` about 1, and their quantiles by sorting. */
static double *draw_numbers(size_t n, double decades) {
  double *values = testing_poison(n);
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (size_t i = 0; i < n; i++) values[i] = pow(10, decades * (gsl_rng_uniform(draw) - 0.5));
  gsl_rng_free(draw);
  return values;
}

static void fill(efla_quantiles *q, size_t n, const double *values) {
  ck_assert_int_eq(efla_quantiles_init(q), EFLA_OK);
  for (size_t i = 0; i < n; i++) efla_quantiles_add(q, values[i]);
}

/* Up to EFLA_QUANTILES_EXACT numbers: those of GSL from the sorted numbers, bit for bit; one more, and within the
 * factor 2^(1/256) of them, interpolation included, as the weights add up to one (and 4u for the edges' own
 * rounding). */
START_TEST(against_sorting) {
  static const size_t sizes[] = {1, 2, 3, 64, EFLA_QUANTILES_EXACT, EFLA_QUANTILES_EXACT + 1, 100000};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    size_t n = sizes[s];
    double *values = draw_numbers(n, 12);
    efla_quantiles q;
    fill(&q, n, values);
    gsl_sort(values, 1, n);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
      double expected = gsl_stats_quantile_from_sorted_data(values, 1, n, orders[i]),
             found = efla_quantiles_at(&q, orders[i]);
      if (n <= EFLA_QUANTILES_EXACT)
        ck_assert_double_eq(found, expected);
      else
        CHECK_BOUND(fabs(log2(found / expected)), 1. / 256 + 4 * U);
    }
    efla_quantiles_clear(&q);
    free(values);
  }
}
END_TEST

/* No numbers, zeros, numbers outside the bins, inf. */
START_TEST(ends_of_the_range) {
  efla_quantiles q;
  fill(&q, 0, NULL);
  ck_assert(isnan(efla_quantiles_at(&q, 0.5)));
  for (size_t i = 0; i < 2 * EFLA_QUANTILES_EXACT; i++) efla_quantiles_add(&q, i % 2 ? 0 : INFINITY);
  ck_assert_double_eq(efla_quantiles_at(&q, 0.25), 0);
  ck_assert_double_eq(efla_quantiles_at(&q, 0.75), INFINITY);
  ck_assert_uint_eq(q.bins[0], EFLA_QUANTILES_EXACT);
  ck_assert_uint_eq(q.bins[EFLA_QUANTILES_BINS - 1], EFLA_QUANTILES_EXACT);
  efla_quantiles_clear(&q);
  for (int e = -40; e <= 40; e++) { /* powers of two open their bin */
    double value = ldexp(1, e);
    fill(&q, 1, &value);
    size_t bin = 0;
    while (q.bins[bin] == 0) bin++;
    ck_assert(efla_quantiles_edge(bin) <= value && value < efla_quantiles_edge(bin + 1));
    if (e >= -32 && e < 32) ck_assert_double_eq(efla_quantiles_edge(bin), value);
    efla_quantiles_clear(&q);
  }
}
END_TEST

/* In parts and merged, in either order: what the whole gives; also where one part alone is past what is kept. */
START_TEST(merging_is_adding) {
  static const size_t sizes[] = {1000, 12000};
  for (size_t s = 0; s < 4; s++) {
    size_t n = sizes[s % 2], part = s < 2 ? n / 3 : n - 1;
    double *values = draw_numbers(n, 6);
    efla_quantiles whole, first, second;
    fill(&whole, n, values), fill(&first, part, values), fill(&second, n - part, values + part);
    efla_quantiles_merge(s < 2 ? &first : &second, s < 2 ? &second : &first);
    efla_quantiles *merged = s < 2 ? &first : &second;
    ck_assert_uint_eq(merged->n, n);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
      ck_assert_double_eq(efla_quantiles_at(merged, orders[i]), efla_quantiles_at(&whole, orders[i]));
    ck_assert_mem_eq(merged->bins, whole.bins, EFLA_QUANTILES_BINS * sizeof *whole.bins);
    efla_quantiles_clear(&whole), efla_quantiles_clear(&first), efla_quantiles_clear(&second);
    free(values);
  }
}
END_TEST

/* Bars of any width hold every number once, between their edges. */
START_TEST(bars_hold_all) {
  enum { N = 20000 };
  double *values = draw_numbers(N, 30);
  efla_quantiles q;
  fill(&q, N, values);
  gsl_sort(values, 1, N);
  for (size_t per_octave = 1; per_octave <= EFLA_QUANTILES_PER_OCTAVE; per_octave *= 2) {
    size_t seen = 0;
    double from, to, before = 0;
    for (size_t i = 0; i < efla_quantiles_bars(per_octave); i++) {
      size_t count = efla_quantiles_bar(&q, per_octave, i, &from, &to);
      ck_assert_double_eq(from, before);
      ck_assert(count == 0 || (values[seen] >= from * (1 - 4 * U) && values[seen + count - 1] <= to * (1 + 4 * U)));
      seen += count, before = to;
    }
    ck_assert_uint_eq(seen, N);
    ck_assert_double_eq(before, INFINITY);
  }
  efla_quantiles_clear(&q);
  free(values);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {against_sorting, ends_of_the_range, merging_is_adding, bars_hold_all};
  return testing_main("quantiles", tests, sizeof tests / sizeof *tests, 60);
}
