/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Methods: phi and its slope against high precision, the claims of the table recomputed, coefficients and key
 * treatments. */
#include "testing.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

#ifdef EFLA_HAVE_ARB
#if __has_include(<flint/arb.h>)
#include <flint/arb.h>
#else
#include <arb.h>
#endif
#endif

/* A value in high precision and a bound of its own error. */
typedef struct reference {
  long double value, error;
} reference;

/* The definition of phi or phi' for methods that are no ratio: only the exact flow is known here. */
static void require_known(const efla_method *method) {
  if (method->closed) ck_assert_msg(method->order == EFLA_ORDER_INFINITE, "%s has no definition here", method->name);
}

#ifdef EFLA_HAVE_ARB
static void polynomial(arb_t value, const double *c, int derivative, const arb_t x, slong bits) {
  arb_t term;
  arb_init(term);
  arb_zero(value);
  for (int i = EFLA_PHI_TERMS - 1; i >= derivative; i--) {
    arb_set_d(term, derivative ? i * c[i] : c[i]);
    arb_mul(value, value, x, bits);
    arb_add(value, value, term, bits);
  }
  arb_clear(term);
}

/* phi = P/Q and phi' = (P' - phi Q')/Q; for the exact flow phi = (1 - e^-x)/x and phi' = (e^-x - phi)/x. */
static void enclose(const efla_method *method, int derivative, const arb_t x, slong bits, arb_t phi) {
  arb_t P, Q;
  arb_init(P);
  arb_init(Q);
  arb_neg(Q, x);
  arb_exp(P, Q, bits);
  arb_sub_ui(phi, P, 1, bits);
  arb_div(phi, phi, Q, bits);
  arb_sub(P, P, phi, bits);
  arb_set(Q, x);
  if (!method->closed) {
    polynomial(P, method->numerator, 0, x, bits);
    polynomial(Q, method->denominator, 0, x, bits);
    arb_div(phi, P, Q, bits);
    polynomial(P, method->denominator, 1, x, bits);
    arb_mul(P, P, phi, bits);
    polynomial(phi, method->numerator, 1, x, bits);
    arb_sub(P, phi, P, bits);
    if (!derivative) polynomial(P, method->numerator, 0, x, bits);
    arb_div(phi, P, Q, bits);
  } else if (derivative) {
    arb_div(phi, P, Q, bits);
  }
  arb_clear(P);
  arb_clear(Q);
}

static reference define(const efla_method *method, int derivative, double x) {
  require_known(method);
  if (x == 0 && method->closed) return (reference){derivative ? -0.5L : 1, 0};
  slong bits = 256 + 3 * (x > 0 && x < 1 ? -ilogb(x) : 0); /* what cancels as x -> 0 is paid for in advance */
  arb_t at, phi;
  arf_t rest;
  arb_init(at);
  arb_init(phi);
  arf_init(rest);
  arb_set_d(at, x);
  enclose(method, derivative, at, bits, phi);
  int scale = (int)fmin(fmax((double)ARF_EXP(arb_midref(phi)), -16000), 16000); /* outside the range of double too */
  if (arf_is_zero(arb_midref(phi))) scale = 0;
  arb_mul_2exp_si(phi, phi, -scale);
  double high = arf_get_d(arb_midref(phi), ARF_RND_NEAR);
  arf_set_d(rest, high);
  arf_sub(rest, arb_midref(phi), rest, 256, ARF_RND_NEAR);
  long double value = (long double)high + arf_get_d(rest, ARF_RND_NEAR);
  reference r = {ldexpl(value, scale), ldexpl(mag_get_d(arb_radref(phi)) + LDBL_EPSILON * fabsl(value), scale)};
  arf_clear(rest);
  arb_clear(phi);
  arb_clear(at);
  return r;
}
#else
/* sum of c_i x^i or of its derivative; *size: the same with absolute values. */
static long double polynomial(const double *c, int derivative, long double x, long double *size) {
  long double value = 0;
  *size = 0;
  for (int i = EFLA_PHI_TERMS - 1; i >= derivative; i--) {
    long double term = derivative ? i * c[i] : c[i];
    value = value * x + term;
    *size = *size * x + fabsl(term);
  }
  return value;
}

/* phi = P/Q and phi' = (P' - phi Q')/Q; the exact flow by its series below 2, where it alternates and loses at most a
 * factor e^2, and by its closed form above. */
static reference define(const efla_method *method, int derivative, double x) {
  require_known(method);
  long double sum = 0, size = 0, term = 1, z = x;
  if (!method->closed) {
    long double a, b, c, d, P = polynomial(method->numerator, 0, z, &a), Q = polynomial(method->denominator, 0, z, &b);
    long double slope = polynomial(method->numerator, 1, z, &c) - P / Q * polynomial(method->denominator, 1, z, &d);
    size = derivative ? c / b + a / b * d / b : a / b; /* a/b first: their product overflows before it does */
    return (reference){derivative ? slope / Q : P / Q, 4 * EFLA_PHI_TERMS * LDBL_EPSILON * size};
  }
  if (x >= 2) {
    sum = derivative ? (expl(-z) + expm1l(-z) / z) / z : -expm1l(-z) / z;
    return (reference){sum, 8 * LDBL_EPSILON * fabsl(sum)};
  }
  for (int n = derivative; n < 40; n++) { /* n-th coefficient (-1)^n/(n+1)!, times n and one power less for phi' */
    term *= n == 0 ? 1 : (n == 1 && derivative) ? -0.5L : -z / (n + 1);
    sum += derivative ? n * term : term;
    size += derivative ? n * fabsl(term) : fabsl(term);
  }
  return (reference){sum, 80 * LDBL_EPSILON * size};
}
#endif

/* Zero, subnormals, the ends of the range, a grid in the logarithm with random mantissas, and doubles around the zeros
 * that the explicit methods' phi have. */
static size_t sample_points(double *x, size_t most) {
  static const double special[] = {
      0, 4.9406564584124654e-324, 1e-310, DBL_MIN, 1e-300, 1, 2, 1.9999999999999998, 1e10, 1e77, 1e154, 1e300, DBL_MAX};
  size_t n = 0;
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (; n < sizeof special / sizeof *special; n++) x[n] = special[n];
  for (const efla_method *m = efla_methods; m->name; m++)
    for (int i = -20; isfinite(m->stable) && i <= 20 && n < most; i++) x[n++] = m->stable * (1 + i * DBL_EPSILON);
  for (double power = -300; power < 6 && n < most; power += power < -20 ? 2 : 0.05)
    x[n++] = pow(10, power + gsl_rng_uniform(draw));
  for (int i = 0; i < 2000 && n < most; i++) x[n++] = 10 * gsl_rng_uniform(draw);
  gsl_rng_free(draw);
  return n;
}

enum { POINTS = 4096 };

/* "A few ulp": 8 u is four ulp.  The worst is phi' of the exact flow, where with a library good to one ulp the sum
 * below 2 makes 4u + 3u + u, and the difference above 2 makes 7.3u.  Measured: 3.1 u there, 4 u for the ratios, 2 u for
 * phi. */
static const double FEW = 8;

/* What is left of the terms' size next to a zero of an explicit method's phi: compensated evaluation of degree n errs
 * by u |phi| + (2 n u)^2 sum |c_i| x^i (Graillat, Langlois, Louvet 2005, Theorem 5). */
static long double cancelled(const efla_method *method, int derivative, double x) {
  long double size = 0;
  if (method->closed || method->stable == INFINITY) return 0;
  for (int i = EFLA_PHI_TERMS - 1; i >= derivative; i--)
    size = size * x + fabs((derivative ? i : 1) * method->numerator[i] / method->denominator[0]);
  return 4 * EFLA_PHI_TERMS * EFLA_PHI_TERMS * U * U * size;
}

/* Results below the least normal number carry an absolute error of one subnormal per division by x (at most 6).  A sum
 * overflows before it is divided by its common denominator: from there on inf of the right sign will do. */
static void check_few_ulp(const efla_method *method, int derivative, double x) {
  double value = derivative ? efla_phi_slope(method, x) : efla_phi(method, x);
  double common = method->closed ? 1 : pow(method->denominator[0], derivative ? 2 : 1);
  reference r = define(method, derivative, x);
  if (fabsl(r.value) * common >= DBL_MAX * (1 - FEW * U) && value == (r.value > 0 ? INFINITY : -INFINITY)) return;
  long double error = fabsl((long double)value - r.value);
  ck_assert_msg(error <= FEW * U * fabsl(r.value) + cancelled(method, derivative, x) + r.error + 6 * DBL_TRUE_MIN,
                "%s of %s at x = %.17g is %.17g, off by %.3Lg u (seed %lu)", derivative ? "phi'" : "phi", method->name,
                x, value, error / fabsl(r.value) / U, testing_seed());
}

START_TEST(phi_and_slope_to_a_few_ulp) {
  double x[POINTS];
  size_t n = sample_points(x, POINTS);
  for (const efla_method *m = efla_methods; m->name; m++)
    for (size_t i = 0; i < n; i++) {
      check_few_ulp(m, 0, x[i]);
      check_few_ulp(m, 1, x[i]);
    }
}
END_TEST

/* The number of terms in which P and Q sum (-x)^n/(n+1)! agree, in integers: both sides times LARGE!. */
static int count_order(const efla_method *method) {
  enum { LARGE = 2 * EFLA_PHI_TERMS + 2 };
  for (int n = 0; n < 2 * EFLA_PHI_TERMS; n++) {
    __int128 difference = n < EFLA_PHI_TERMS ? -(__int128)method->numerator[n] : 0;
    for (int m = 2; m <= LARGE; m++) difference *= m;
    for (int j = 0; j <= n && j < EFLA_PHI_TERMS; j++) {
      __int128 term = (__int128)method->denominator[j] * ((n - j) % 2 ? -1 : 1);
      for (int m = n - j + 2; m <= LARGE; m++) term *= m; /* LARGE!/(n-j+1)! */
      difference += term;
    }
    if (difference != 0) return n;
  }
  return 2 * EFLA_PHI_TERMS;
}

/* phi' of the exact flow where it grows, x = beta mu < 0 (docs/derivations.md#erase-key): its alternating sum has terms
 * 3.9 times the result at -2, of 4 u each; from there on the formula's terms are at most 3 times it. The long double
 * formula errs by its u of terms that cancel near 0. */
START_TEST(slope_of_growth) {
  const efla_method *exact = efla_method_find("exact");
  for (double x = -1e-3; x > -600; x *= 1.01) {
    const long double z = x, above = expl(-z) * (1 + z) - 1, truth = above / z / z;
    const long double doubt = 8 * LDBL_EPSILON * (expl(-z) * (1 - z) + 1) / z / z;
    CHECK_BOUND((double)fabsl(efla_phi_slope(exact, x) - truth), (double)(16 * U * fabsl(truth) + doubt));
  }
}
END_TEST

START_TEST(orders_follow_from_the_coefficients) {
  for (const efla_method *m = efla_methods; m->name; m++) {
    if (m->closed) continue;
    ck_assert_msg(m->numerator[0] == m->denominator[0], "%s: phi(0) is not 1", m->name);
    for (int i = 0; i < EFLA_PHI_TERMS; i++)
      ck_assert_msg(m->numerator[i] == rint(m->numerator[i]) && m->denominator[i] == rint(m->denominator[i]),
                    "%s: coefficient %d is no integer", m->name, i);
    ck_assert_msg(count_order(m) == m->order, "%s: order %d, stated %d", m->name, count_order(m), m->order);
  }
}
END_TEST

START_TEST(names_are_unique_and_found) {
  size_t n = 0;
  for (; efla_method_name(n); n++) {
    ck_assert_str_eq(efla_method_name(n), efla_methods[n].name);
    ck_assert_ptr_eq(efla_method_find(efla_method_name(n)), efla_methods + n); /* the first of that name */
  }
  ck_assert_ptr_null(efla_methods[n].name);
  ck_assert_ptr_null(efla_method_name(n + 100));
  ck_assert_ptr_null(efla_method_find("no such method"));
}
END_TEST

/* R(-x) = 1 - x phi(x) in high precision. */
static long double stability(const efla_method *method, double x) {
  return 1 - (long double)x * define(method, 0, x).value;
}

/* How far inside the claim the method is at x; the claim fails below zero. */
typedef long double margin(const efla_method *method, double x);
static long double margin_stable(const efla_method *method, double x) { return 1 - fabsl(stability(method, x)); }
static long double margin_positive(const efla_method *method, double x) { return stability(method, x); }

/* The first x where the margin turns negative, to the last bit; INFINITY if there is none up to 1e9.  16 units of long
 * double are what R, a number near 1 with |x phi| <= 2, can be off. */
static double first_failure(const efla_method *method, margin *left) {
  double x = 0, next = 0;
  for (; x < 1e9; x = next) {
    next = x + fmax(1. / 64, x / 64);
    if (left(method, next) < -16 * LDBL_EPSILON) break;
  }
  if (x >= 1e9) return INFINITY;
  for (double middle; middle = (x + next) / 2, middle > x && middle < next;)
    *(left(method, middle) < 0 ? &next : &x) = middle;
  return next;
}

/* The table holds the limit rounded (u), the bisection finds a neighbour of it (2 u), and R is off by a few units of
 * long double where it crosses with a slope of order one. */
START_TEST(limits_follow_from_the_stability_function) {
  for (const efla_method *m = efla_methods; m->name; m++) {
    double stable = first_failure(m, margin_stable), positive = first_failure(m, margin_positive);
    ck_assert_msg(stable == m->stable || fabs(stable - m->stable) <= 4 * U * stable,
                  "%s: stable to %.17g, stated %.17g", m->name, stable, m->stable);
    ck_assert_msg(positive == m->positive || fabs(positive - m->positive) <= 4 * U * positive,
                  "%s: positive to %.17g, stated %.17g", m->name, positive, m->positive);
  }
}
END_TEST

/* phi has FEW u, the product and the difference one rounding each. */
START_TEST(stability_to_a_few_u) {
  double x[POINTS];
  size_t n = sample_points(x, POINTS);
  for (const efla_method *m = efla_methods; m->name; m++)
    for (size_t i = 0; i < n; i++) {
      if (x[i] > 1e30) continue; /* x phi overflows */
      long double R = stability(m, x[i]), moved = fabsl(1 - R);
      CHECK_BOUND((double)fabsl(efla_stability(m, x[i]) - R), (double)(U * ((FEW + 1) * moved + fabsl(R) + 1)));
    }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {phi_and_slope_to_a_few_ulp,
                                slope_of_growth,
                                orders_follow_from_the_coefficients,
                                names_are_unique_and_found,
                                limits_follow_from_the_stability_function,
                                stability_to_a_few_u};
  return testing_main("method", tests, sizeof tests / sizeof *tests, 60);
}
