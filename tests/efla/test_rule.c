/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The library's rule: psi as a divided difference, the stability function, names, the norm of keys. */
#include "testing.h"

#include <gsl/gsl_cblas.h>
#include <gsl/gsl_randist.h>

static long double power_sum(const double *c, long double x) {
  long double sum = 0;
  for (int i = EFLA_PHI_TERMS - 1; i >= 0; i--) sum = sum * x + fabsl(c[i]);
  return sum;
}

/* R(-x) in long double, by its own definition. */
static long double R(const efla_method *m, long double x) {
  return m->closed ? expl(-x) : 1 - efla_coefficient_long(m, 1, x) * x;
}

/* The quotient of differences in long double errs by some 20 units of long double of what R is summed from, over z - y.
 * Where that is below u/4 of psi the quotient is a reference, and psi may be off by 16 u: the compensated sums round
 * once, as do two denominators, four quotients and, for the exact flow, y's rounding does not enter but z - y rounds (u
 * of it, at most 1 u of phi's value), exp and expm1. */
START_TEST(psi_against_quotients) {
  size_t compared = 0;
  for (const efla_method *m = efla_methods; m->name; m++)
    for (double y = 1e-3; y < 1e4; y *= 3.3)
      for (double z = 1e-3; z < 1e4; z *= 2.9) {
        if (y == z) continue;
        long double size = 1;
        if (!m->closed)
          for (int i = 0; i < 2; i++) {
            long double x = i ? y : z;
            size += x * power_sum(m->numerator, x) / power_sum(m->denominator, x);
          }
        long double quotient = (R(m, y) - R(m, z)) / ((long double)z - y);
        long double noise = 20 * (LDBL_EPSILON / 2) * size / fabsl((long double)z - y);
        if (!(noise < U / 4 * fabsl(quotient))) continue;
        compared++;
        double psi = efla_psi(m, y, z);
        ck_assert_msg(fabsl(psi - quotient) <= 16 * U * fabsl(quotient), "%s: psi(%g, %g) = %.17g, expected %.17Lg",
                      m->name, y, z, psi, quotient);
        ck_assert_msg(fabsl(efla_psi_long(m, y, z) - quotient) <= U * fabsl(quotient) + 16 * LDBL_EPSILON * size, "%s",
                      m->name);
      }
  ck_assert_uint_gt(compared, 500);
}
END_TEST

/* As y comes near z, psi(y, z) tends to F'(z), F = x phi(x), which is phi + x phi': at y = z 9 u of each part, and next
 * to it one term of Taylor's series, F''(z) (y - z)/2, whose size a difference of F' in the step 1e-3 gives within a
 * tenth. */
START_TEST(psi_near_the_diagonal) {
  for (const efla_method *m = efla_methods; m->name; m++)
    for (double z = 1e-3; z < 3; z *= 1.7) {
      double slope = efla_phi(m, z) + z * efla_phi_slope(m, z),
             size = fabs(efla_phi(m, z)) + z * fabs(efla_phi_slope(m, z));
      CHECK_BOUND(fabs(efla_psi(m, z, z) - slope), 25 * U * size);
      double far = z * (1 + 1e-3), bent = (efla_phi(m, far) + far * efla_phi_slope(m, far) - slope) / (far - z);
      for (double h = 1e-15; h < 1e-8; h *= 10) {
        double y = z * (1 + h);
        CHECK_BOUND(fabs(efla_psi(m, y, z) - slope), 25 * U * size + (y - z) * (fabs(bent) + size));
      }
    }
}
END_TEST

START_TEST(psi_at_its_ends) {
  for (const efla_method *m = efla_methods; m->name; m++)
    for (double x = 1e-300; x < 1e300; x *= 1e7) {
      double phi = efla_phi(m, x);
      ck_assert_msg(efla_psi(m, 0, x) == phi && efla_psi(m, x, 0) == phi, "%s at %g", m->name, x);
      ck_assert(efla_psi(m, x, 2 * x) == efla_psi(m, 2 * x, x));
      double huge = efla_psi(m, x, 1e300);
      ck_assert_msg(!isnan(huge), "%s: psi(%g, 1e300)", m->name, x);
      if (m->stable == INFINITY) ck_assert_msg(fabs(huge) <= 1, "%s: psi(%g, 1e300) = %g", m->name, x, huge);
      if (m->order > 1 && m->stable < INFINITY)
        ck_assert_msg(fabs(huge) > 1e100, "%s: psi(%g, 1e300) = %g", m->name, x, huge);
    }
}
END_TEST

/* The reference errs by 20 units of long double of the terms' sizes, or not at all where they are two, of 53 bits and
 * the few of an integer each: such are the numerators that have zeros. */
static void check_stability(const efla_method *m, double x) {
  long double value = 0, size = 0, bottom = 0;
  int degree = 0;
  for (int i = EFLA_PHI_TERMS; i >= 0; i--) {
    long double term = i > 0 ? -m->numerator[i - 1] : 0, below = i < EFLA_PHI_TERMS ? m->denominator[i] : 0;
    if (degree == 0 && term + below != 0) degree = i;
    value = value * x + term + below, size = size * x + fabsl(term + below), bottom = bottom * x + below;
  }
  long double R = m->closed ? expl(-x) : value / bottom,
              noise = m->closed || degree < 2 ? 0 : 20 * LDBL_EPSILON * size / bottom;
  double found = efla_stability_ratio(m, x);
  bool overflows = m->denominator[1] == 0 && fabsl(value) > DBL_MAX && isinf(found) && (found > 0) == (value > 0);
  ck_assert_msg(overflows || fabsl(found - R) <= 5 * U * fabsl(R) + noise + DBL_TRUE_MIN,
                "%s: R(-%.17g) = %.17g, expected %.17Lg", m->name, x, found, R);
}

/* docs/bounds.md#rates: 3 u, and one for each of up to 2 divisions by x, also next to the zeros of R (1, 2 and 3), and
 * without overflow of a true ratio. */
START_TEST(stability_to_a_few_ulp) {
  for (const efla_method *m = efla_methods; m->name; m++) {
    for (double power = -60; power < 999; power += .25) check_stability(m, exp2(power));
    for (double zero = 1; zero < 4; zero++)
      for (int power = 0; power < 53; power++) {
        check_stability(m, zero * (1 + exp2(-power)));
        check_stability(m, zero * (1 - exp2(-power)));
      }
  }
}
END_TEST

START_TEST(rules_by_name) {
  efla_rule rule = {0}, untouched = {0};
  ck_assert_int_eq(efla_rule_find("euler", "split", "unit", &rule), EFLA_OK);
  ck_assert_str_eq(rule.method->name, "euler");
  ck_assert(!strcmp(rule.decay->name, "split") && rule.keys->unit);
  ck_assert_int_eq(efla_rule_find(NULL, NULL, NULL, &rule), EFLA_OK);
  ck_assert(!strcmp(rule.method->name, "exact") && !strcmp(rule.decay->name, "none") && !rule.keys->unit);
  ck_assert_int_eq(efla_rule_find("exakt", NULL, NULL, &untouched), EFLA_INVALID);
  ck_assert_int_eq(efla_rule_find(NULL, "spilt", NULL, &untouched), EFLA_INVALID);
  ck_assert_int_eq(efla_rule_find(NULL, NULL, "rwa", &untouched), EFLA_INVALID);
  ck_assert_ptr_null(untouched.method);
  efla_coefficients c;
  ck_assert_int_eq(efla_rule_coefficients(&untouched, 1, 1, 0, &c), EFLA_INVALID);
  ck_assert_int_eq(efla_rule_coefficients(&rule, 1, 1, 0, NULL), EFLA_INVALID);
}
END_TEST

/* Unit keys have had the bits of OpenBLAS's dnrm2 on x86-64 since their first results were published. */
START_TEST(norm_has_the_bits_of_blas) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  double x[300];
  for (int trial = 0; trial < 40000; trial++) {
    size_t n = 1 + gsl_rng_uniform_int(draw, 300);
    long double sum = 0;
    for (size_t i = 0; i < n; i++) x[i] = gsl_ran_gaussian(draw, 1), sum += (long double)x[i] * x[i];
    double norm = efla_two_norm(n, x);
    CHECK_BOUND(fabs(norm - (double)sqrtl(sum)), (LDBL_MANT_DIG > 53 ? 2 : (double)n) * U * norm);
#ifdef __x86_64__
    ck_assert_msg(norm == cblas_dnrm2((int)n, x, 1), "n = %zu (seed %lu)", n, testing_seed());
#endif
  }
  gsl_rng_free(draw);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {psi_against_quotients,  psi_near_the_diagonal, psi_at_its_ends,
                                stability_to_a_few_ulp, rules_by_name,         norm_has_the_bits_of_blas};
  return testing_main("rule", tests, sizeof tests / sizeof *tests, 60);
}
