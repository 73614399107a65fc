/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Coefficients: the error bounds of the exact one, its place among the methods, slopes, and the treatment of keys. */
#include "testing.h"

#include <gsl/gsl_eigen.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

static gsl_rng *new_generator(void) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  return draw;
}

/* (1 - e^-x)/lambda in long double, whose unit is 2^-11 of u: its own few roundings do not count here. */
static long double exact_coefficient(long double beta, long double lambda) {
  return lambda > 0 ? -expm1l(-beta * lambda) / lambda : beta;
}

/* A step and a squared norm, log-uniform, with beta*lambda between about 1e-240 and 1e3. */
static void draw_step(gsl_rng *draw, double *beta, double *lambda) {
  int wide = gsl_rng_uniform_int(draw, 4) == 0;
  *beta = exp(gsl_ran_flat(draw, wide ? -270 : -5, wide ? 20 : 2));
  *lambda = exp(gsl_ran_flat(draw, wide ? -270 : -10, 5));
}

/* docs/bounds.md#coefficient: expm1, two products and a quotient; the rounding of x costs at most u of a, as |x phi'|
 * <= phi. */
START_TEST(exact_coefficient_within_4u) {
  const efla_method *exact = efla_method_find("exact");
  gsl_rng *draw = new_generator();
  for (int i = 0; i < 200000; i++) {
    double beta, lambda;
    draw_step(draw, &beta, &lambda);
    long double a = exact_coefficient(beta, lambda);
    CHECK_BOUND((double)(fabsl(efla_coefficient(exact, beta, lambda) - a) / a), 4 * U);
  }
  gsl_rng_free(draw);
}
END_TEST

/* docs/bounds.md#coefficient with the dot product: lambda is off by d u at most, and a by no more, as |x phi'| <=
 * phi. */
START_TEST(exact_coefficient_from_a_key) {
  static const size_t sizes[] = {1, 3, 16, 63, 64, 65, 1000};
  const efla_method *exact = efla_method_find("exact");
  for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
    size_t d = sizes[n], tokens = 300;
    efla_tokens x = testing_tokens("gaussian", 2, tokens, d, 1);
    efla_coefficients *c = malloc(tokens * sizeof *c);
    for (size_t e = 0; e < tokens * d; e++) x.k[e] *= 1 + (double)(e % 7) * 0x1p-40; /* full mantissas */
    efla_token_coefficients(&(efla_rule){.method = exact}, &x, c);
    for (size_t t = 0; t < tokens; t++) {
      long double lambda = 0;
      for (size_t i = 0; i < d; i++) lambda += (long double)x.k[t * d + i] * x.k[t * d + i];
      long double a = exact_coefficient(x.beta[t], lambda);
      CHECK_BOUND((double)(fabsl(c[t].write - a) / a), ((double)d + 4) * U);
      ck_assert_double_eq(c[t].erase, efla_coefficient(exact, x.beta[t], efla_lambda(d, x.k + t * d)));
    }
    free(c);
    efla_tokens_clear(&x);
  }
}
END_TEST

/* docs/bounds.md#coefficient, for every Taylor method: a_p - a = (-1)^(p+1) beta x^p/(p+1)! theta with e^(-x/(p+2)) <=
 * theta <= 1 (Taylor's remainder as an integral, and Jensen's inequality for the lower end).  Both coefficients are
 * within 8u of theirs. */
START_TEST(taylor_coefficients_enclose_the_exact_one) {
  size_t methods = 0;
  for (const efla_method *m = efla_methods; m->name; m++) {
    int p = m->order;
    if (m->closed || m->denominator[1] != 0 || p > EFLA_PHI_TERMS || m->numerator[p - 1] == 0) continue;
    if (p < EFLA_PHI_TERMS && m->numerator[p] != 0) continue; /* more stages than its order: no Taylor method */
    methods++;
    for (double x = 1e-8; x < 1e6; x *= 1.1) {
      double beta = 0.7, lambda = x / beta, error = beta;
      for (int n = 1; n <= p; n++) error *= beta * lambda / (n + 1);
      double a_p = efla_coefficient(m, beta, lambda), a = (double)exact_coefficient(beta, lambda);
      double slack = 8 * U * (fabs(a_p) + a), difference = p % 2 ? a_p - a : a - a_p;
      CHECK_BOUND(difference, error * (1 + 2 * p * U) + slack);
      CHECK_BOUND(exp(-x / (p + 2)) * error * (1 - 2 * p * U) - slack, difference);
    }
  }
  ck_assert_uint_ge(methods, 4);
}
END_TEST

/* docs/bounds.md#coefficient; 4u is what the exact coefficient may be off. */
START_TEST(rational_coefficients_enclose_the_exact_one) {
  const efla_method *exact = efla_method_find("exact");
  gsl_rng *draw = new_generator();
  for (int i = 0; i < 100000; i++) {
    double beta, lambda;
    draw_step(draw, &beta, &lambda);
    long double x = (long double)beta * lambda, a = efla_coefficient(exact, beta, lambda), slack = 4 * U * a;
    ck_assert(a >= beta / (1 + x) - slack);
    ck_assert(a <= beta / (1 + x / 2) + slack);
    ck_assert(beta / (1 + x / 2) <= beta);
  }
  gsl_rng_free(draw);
}
END_TEST

/* In long double, where the terms of phi's numerator may cancel to 16 units of their sum of sizes; the coefficient in
 * f64 is within 4u, and its x is rounded. */
START_TEST(coefficients_in_long_double) {
  for (const efla_method *m = efla_methods; m->name; m++)
    for (double x = 1e-12; x < 1e6; x *= 1.3) {
      double beta = 1.7, lambda = x / beta, terms = 0, bottom = 0, power = 1;
      for (int i = 0; i < EFLA_PHI_TERMS; i++, power *= x)
        terms += fabs(m->numerator[i]) * power, bottom += m->denominator[i] * power;
      double coefficient = efla_coefficient(m, beta, lambda),
             cancelled = m->closed ? 0 : 16 * (double)LDBL_EPSILON * beta * terms / bottom;
      long double wide = efla_coefficient_long(m, beta, lambda);
      ck_assert_msg((double)fabsl(wide - coefficient) <=
                        6 * U * fabs(coefficient) + U * beta * x * fabs(efla_phi_slope(m, x)) + cancelled,
                    "%s at x = %g: %.17g, %.17Lg", m->name, x, coefficient, wide);
      ck_assert((double)efla_coefficient_long(m, beta, 0) == beta);
    }
}
END_TEST

/* docs/bounds.md#coefficient: fl(a) lambda <= 1 + 4u.  The transition then has the eigenvalues 1 (d-1 times) and 1 - a
 * lambda in [-4u, 1]; gsl_eigen_symm is backward stable, and 4 d u is four units for each of its d sweeps. */
START_TEST(exact_transition_has_norm_one) {
  const efla_method *exact = efla_method_find("exact");
  for (double power = -20; power < 20; power += 0.37) {
    double x = exp(power), lambda = 3.3, a = efla_coefficient(exact, x / lambda, lambda);
    CHECK_BOUND((double)((long double)a * lambda - 1), 4 * U);
  }
  for (size_t d = 2; d < 70; d = 2 * d + 1) {
    efla_tokens x = testing_tokens("gaussian", 3, 4, d, 1);
    gsl_matrix *M = gsl_matrix_alloc(d, d);
    gsl_vector *eigenvalues = gsl_vector_alloc(d);
    gsl_eigen_symm_workspace *workspace = gsl_eigen_symm_alloc(d);
    for (size_t t = 0; t < 4; t++) {
      const double *k = x.k + t * d;
      double a = efla_coefficient(exact, x.beta[t], efla_lambda(d, k));
      for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++) gsl_matrix_set(M, i, j, (i == j) - a * k[i] * k[j]);
      gsl_eigen_symm(M, eigenvalues, workspace);
      CHECK_BOUND(fabs(gsl_vector_max(eigenvalues) - 1), 4 * (double)d * U);
      CHECK_BOUND(-gsl_vector_min(eigenvalues), 4 * (double)d * U);
    }
    gsl_eigen_symm_free(workspace);
    gsl_vector_free(eigenvalues);
    gsl_matrix_free(M);
    efla_tokens_clear(&x);
  }
}
END_TEST

/* A zero key leaves beta itself, and a zero step no coefficient, for every method and bit for bit. */
START_TEST(coefficients_at_the_ends) {
  for (const efla_method *m = efla_methods; m->name; m++)
    for (double beta = 0x1p-1070; beta < 1e300; beta *= 1e7) {
      double by_beta = NAN, by_lambda = NAN;
      ck_assert_double_eq(efla_coefficient(m, beta, 0), beta);
      ck_assert_double_eq(efla_coefficient(m, 0, beta), 0);
      efla_coefficient_derivatives(m, beta, 0, &by_beta, &by_lambda);
      ck_assert_double_eq(by_beta, 1);
      efla_coefficient_derivatives(m, 0, beta, &by_beta, &by_lambda);
      ck_assert_double_eq(by_beta, 1);
      ck_assert_double_eq(by_lambda, 0);
    }
}
END_TEST

/* The central difference with step h errs by C h^2 + O(h^4) and 4u |a|/h of rounding in each of its two coefficients
 * (8u for a margin on methods other than the exact one); C h^2 is a third of its change when h doubles, so all of that
 * change covers the rest of the series. */
static void check_slope(const efla_method *m, double beta, double lambda, int by_lambda) {
  double slope[2], rate[2], h = 0x1p-14 * (by_lambda ? lambda : beta), size = 0;
  for (int wide = 0; wide < 2; wide++) {
    double s = wide ? 2 * h : h;
    double up = by_lambda ? efla_coefficient(m, beta, lambda + s) : efla_coefficient(m, beta + s, lambda);
    double down = by_lambda ? efla_coefficient(m, beta, lambda - s) : efla_coefficient(m, beta - s, lambda);
    rate[wide] = (up - down) / (2 * s);
    size = fmax(size, fmax(fabs(up), fabs(down)));
  }
  efla_coefficient_derivatives(m, beta, lambda, slope, slope + 1);
  CHECK_BOUND(fabs(slope[by_lambda] - rate[0]), fabs(rate[1] - rate[0]) + 8 * U * (size + beta) / h);
}

START_TEST(slopes_against_differences) {
  for (const efla_method *m = efla_methods; m->name; m++)
    for (double x = 1e-3; x < 100; x *= 1.7) {
      check_slope(m, 0.7, x / 0.7, 0);
      check_slope(m, 0.7, x / 0.7, 1);
    }
}
END_TEST

/* For the exact flow da/dbeta = e^-x, formed as phi + x phi' from two parts of at most 1 each that carry 4u and (8+1)u.
 */
START_TEST(slope_of_the_exact_coefficient) {
  const efla_method *exact = efla_method_find("exact");
  for (double x = 1e-12; x < 1e6; x *= 1.3) {
    double beta = 1.7, lambda = x / beta, by_beta, by_lambda;
    efla_coefficient_derivatives(exact, beta, lambda, &by_beta, &by_lambda);
    CHECK_BOUND((double)fabsl(by_beta - expl(-(long double)beta * lambda)), 14 * U);
  }
}
END_TEST

static const efla_key_treatment *find_treatment(const char *name) {
  for (size_t i = 0; efla_key_treatment_name(i); i++)
    if (!strcmp(efla_key_treatment_name(i), name)) return efla_key_treatments + i;
  ck_abort_msg("no key treatment %s", name);
}

/* dnrm2 sums d squares (d/2 + 1 u of the norm), every quotient rounds once: the norm is 1 within (d/2 + 2)u. */
START_TEST(unit_keys_have_norm_one) {
  static const double scales[] = {1, 1e-300, 1e300, 0x1p-1060, 0x1p1021};
  for (size_t s = 0; s < sizeof scales / sizeof *scales; s++)
    for (size_t d = 1; d < 200; d = 3 * d + 1) {
      efla_tokens x = testing_tokens("gaussian", 1, 20, d, 1);
      double *before = testing_poison(20 * d);
      for (size_t e = 0; e < 20 * d; e++) before[e] = x.k[e] *= scales[s];
      efla_keys_apply(find_treatment("unit"), &x);
      for (size_t t = 0; t < 20; t++) {
        long double norm = 0;
        for (size_t i = 0; i < d; i++) norm += (long double)x.k[t * d + i] * x.k[t * d + i];
        CHECK_BOUND((double)fabsl(sqrtl(norm) - 1), ((double)d / 2 + 2) * U);
        for (size_t i = 0; i < d; i++) ck_assert(x.k[t * d + i] * before[t * d + i] >= 0);
      }
      free(before);
      efla_tokens_clear(&x);
    }
}
END_TEST

START_TEST(the_longest_and_the_shortest_keys) {
  double longest[4] = {DBL_MAX, -DBL_MAX, DBL_MAX, DBL_MAX}, shortest[4] = {0, DBL_TRUE_MIN, 0, -DBL_TRUE_MIN};
  double zero[3] = {0, -0., 0}, copy[3] = {0, -0., 0};
  find_treatment("unit")->apply(4, longest);
  find_treatment("unit")->apply(4, shortest);
  find_treatment("unit")->apply(3, zero);
  for (size_t i = 0; i < 4; i++) CHECK_BOUND(fabs(fabs(longest[i]) - 0.5), 4 * U);
  CHECK_BOUND(fabs(shortest[1] - M_SQRT1_2) + fabs(shortest[3] + M_SQRT1_2), 4 * U);
  ck_assert_mem_eq(zero, copy, sizeof zero);
}
END_TEST

START_TEST(raw_keys_stay_bit_for_bit) {
  double k[] = {-0., 0, DBL_TRUE_MIN, -1e300, INFINITY, NAN, 1. / 3}, copy[7];
  memcpy(copy, k, sizeof k);
  find_treatment("raw")->apply(7, k);
  ck_assert_mem_eq(k, copy, sizeof k);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {exact_coefficient_within_4u,
                                exact_coefficient_from_a_key,
                                taylor_coefficients_enclose_the_exact_one,
                                rational_coefficients_enclose_the_exact_one,
                                coefficients_in_long_double,
                                exact_transition_has_norm_one,
                                coefficients_at_the_ends,
                                slopes_against_differences,
                                slope_of_the_exact_coefficient,
                                unit_keys_have_norm_one,
                                the_longest_and_the_shortest_keys,
                                raw_keys_stay_bit_for_bit};
  return testing_main("method_coefficients", tests, sizeof tests / sizeof *tests, 60);
}
