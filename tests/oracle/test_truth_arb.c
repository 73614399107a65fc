/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The theorem behind everything, certified: exp of the augmented matrix in ball arithmetic, without any use of its
 * rank, against coefficient and transition, and against the oracle arb.  Skipped where Arb is not built in. */
#ifdef EFLA_HAVE_ARB
#if __has_include(<flint/arb_mat.h>)
#include <flint/arb_mat.h>
#else
#include <arb_mat.h>
#endif
#endif

#include "balls.h" /* after FLINT, whose headers use the name U */

#ifdef EFLA_HAVE_ARB

enum { BITS = 320 };

/* E <- exp [[-(y I + rho k p^T), b k], [0, 0]], with entries that are exact: 3 * 53 bits fit into BITS. */
static void exponential_of_rates(size_t n, const double *k, const double *p, double y, double rho, double b,
                                 arb_mat_t E) {
  slong dk = (slong)n;
  arb_mat_t A;
  arb_t factor;
  arb_mat_init(A, dk + 1, dk + 1);
  arb_init(factor);
  for (slong i = 0; i < dk; i++) {
    arb_ptr last = arb_mat_entry(A, i, dk);
    for (slong j = 0; j < dk; j++) {
      arb_ptr entry = arb_mat_entry(A, i, j);
      arb_set_d(entry, -rho);
      arb_set_d(factor, k[i]);
      arb_mul(entry, entry, factor, BITS);
      arb_set_d(factor, p[j]);
      arb_mul(entry, entry, factor, BITS);
      arb_set_d(factor, i == j ? y : 0);
      arb_sub(entry, entry, factor, BITS);
    }
    arb_set_d(last, b);
    arb_set_d(factor, k[i]);
    arb_mul(last, last, factor, BITS);
  }
  arb_mat_exp(E, A, BITS);
  arb_clear(factor);
  arb_mat_clear(A);
}

static void augmented_exponential(const efla_tokens *one, arb_mat_t E) {
  exponential_of_rates(one->dk, one->k, efla_token_erase_key(one, 0), 0, one->beta[0], one->beta[0], E);
}

/* coefficient <- (1 - exp(-beta lambda))/lambda */
static void exact_coefficient(const efla_tokens *one, arb_t coefficient) {
  arb_t lambda, k;
  arb_init(lambda);
  arb_init(k);
  for (size_t i = 0; i < one->dk; i++) {
    arb_set_d(k, one->k[i]);
    arb_addmul(lambda, k, k, BITS);
  }
  arb_set_d(coefficient, -one->beta[0]);
  arb_mul(coefficient, coefficient, lambda, BITS);
  arb_expm1(coefficient, coefficient, BITS);
  arb_neg(coefficient, coefficient);
  arb_div(coefficient, coefficient, lambda, BITS);
  arb_clear(k);
  arb_clear(lambda);
}

/* Both balls hold the same number if the theorem is true; they overlap, and are so thin that this says something: the
 * radius of every entry is below 2^-200. */
static void check_same(const arb_t ball, const arb_t other) {
  ck_assert_msg(arb_overlaps(ball, other), "two enclosures of one number are disjoint");
  ck_assert(mag_cmp_2exp_si(arb_radref(ball), -200) < 0 && mag_cmp_2exp_si(arb_radref(other), -200) < 0);
}

static efla_tokens one_token(double x, size_t dk, size_t dv) {
  efla_tokens one = testing_tokens("gaussian", 1.4, 1, dk, dv);
  one.beta[0] = x / efla_lambda(dk, one.k);
  return one;
}

/* exp(-beta k k^T) = I - a k k^T, and the last column of the exponential is a k (the paper's Eqs. 12-15). */
static void check_theorem(double x, size_t dk) {
  efla_tokens one = one_token(x, dk, 1);
  arb_mat_t E;
  arb_t coefficient, entry, k;
  arb_mat_init(E, (slong)dk + 1, (slong)dk + 1);
  arb_init(coefficient);
  arb_init(entry);
  arb_init(k);
  augmented_exponential(&one, E);
  exact_coefficient(&one, coefficient);
  for (slong i = 0; i < (slong)dk; i++) {
    arb_set_d(k, one.k[i]);
    arb_mul(entry, coefficient, k, BITS);
    check_same(arb_mat_entry(E, i, (slong)dk), entry);
    for (slong j = 0; j < (slong)dk; j++) {
      arb_set_d(k, -one.k[j]);
      arb_mul(k, k, arb_mat_entry(E, i, (slong)dk), BITS);
      arb_add_si(k, k, i == j, BITS);
      check_same(arb_mat_entry(E, i, j), k);
    }
  }
  arb_clear(k);
  arb_clear(entry);
  arb_clear(coefficient);
  arb_mat_clear(E);
  efla_tokens_clear(&one);
}

START_TEST(the_exponential_has_rank_one) {
  for (size_t dk = 1; dk < 8; dk++)
    for (double x = 1e-8; x < 1e3; x *= 7) check_theorem(x, dk);
}
END_TEST

enum { KINDS = 4 };

/* An erase key p along k and across it: k itself, mu > 0, mu = 0, where pairs of entries cancel exactly, mu < 0. */
static void set_erase_key(size_t kind, efla_tokens *one, double *p) {
  static const double along[KINDS] = {1, 0.5, 0, -0.75};
  for (size_t i = 0; i < one->dk; i++) p[i] = along[kind] * one->k[i];
  for (size_t i = 0; i + 1 < one->dk && kind > 0; i += 2) p[i] -= one->k[i + 1], p[i + 1] += one->k[i];
  one->p = p;
}

/* docs/derivations.md#e7: the exponential is d I - e k p^T, and its last column w k, with the coefficients of the exact
 * flow for lambda = p^T k. */
static void check_rates(double y, double x, size_t dk, size_t kind) {
  const efla_rule rule = {.method = efla_method_find("exact")};
  efla_tokens one = one_token(x, dk, 1);
  double erase[8] = {0};
  set_erase_key(kind, &one, erase);
  const double rho = one.beta[0], b = 3 * rho;
  arb_mat_t E;
  arb_t entry, k;
  arb_ptr p = _arb_vec_init(BALLS_RATES), c = _arb_vec_init(BALLS_COEFFICIENTS);
  arb_mat_init(E, (slong)dk + 1, (slong)dk + 1);
  arb_init(entry), arb_init(k);
  exponential_of_rates(dk, one.k, erase, y, rho, b, E);
  arb_set_d(p + BALLS_DECAY, y), arb_set_d(p + BALLS_ERASE, rho), arb_set_d(p + BALLS_WRITE, b);
  for (size_t i = 0; i < dk; i++) {
    arb_set_d(k, one.k[i]);
    arb_set_d(entry, erase[i]);
    arb_addmul(p + BALLS_X, k, entry, BALLS_BITS);
  }
  ck_assert(kind == 2 ? arb_is_zero(p + BALLS_X) || dk % 2 == 1 : true);
  arb_mul(p + BALLS_X, p + BALLS_X, p + BALLS_ERASE, BALLS_BITS);
  balls_define(&rule, p, c);
  for (slong i = 0; i < (slong)dk; i++) {
    arb_set_d(k, one.k[i]);
    arb_mul(entry, c + BALLS_W, k, BITS);
    check_same(arb_mat_entry(E, i, (slong)dk), entry);
    for (slong j = 0; j < (slong)dk; j++) {
      arb_set_d(k, -one.k[i]);
      arb_mul(entry, c + BALLS_E, k, BITS);
      arb_set_d(k, erase[j]);
      arb_mul(entry, entry, k, BITS);
      if (i == j) arb_add(entry, entry, c + BALLS_D, BITS);
      check_same(arb_mat_entry(E, i, j), entry);
    }
  }
  arb_clear(entry), arb_clear(k);
  _arb_vec_clear(p, BALLS_RATES), _arb_vec_clear(c, BALLS_COEFFICIENTS);
  arb_mat_clear(E);
  efla_tokens_clear(&one);
}

START_TEST(the_exponential_with_decay) {
  for (size_t dk = 1; dk < 6; dk++)
    for (double x = 1e-8; x < 1e3; x *= 30)
      for (double y = 1e-8; y < 1e3; y *= 40) check_rates(y, x, dk, 0);
}
END_TEST

/* Up to |x| = 40, beyond which the growth of mu < 0 takes the bits that check_same asks for. */
START_TEST(the_exponential_with_an_erase_key) {
  for (size_t dk = 2; dk < 6; dk++)
    for (size_t kind = 1; kind < KINDS; kind++)
      for (double x = 1e-8; x < 40; x *= 9)
        for (double y = 1e-8; y < 1e2; y *= 40) check_rates(y, x, dk, kind);
}
END_TEST

/* (S - E S_0 - w v^T) entry by entry in balls; its norm from above. */
static double distance_from_exponential(const efla_tokens *one, const long double *before, const long double *S) {
  slong dk = (slong)one->dk, dv = (slong)one->dv;
  arb_mat_t E;
  arb_t entry, part;
  mag_t bound;
  double sum = 0;
  arb_mat_init(E, dk + 1, dk + 1);
  arb_init(entry);
  arb_init(part);
  mag_init(bound);
  augmented_exponential(one, E);
  for (slong i = 0; i < dk; i++)
    for (slong j = 0; j < dv; j++) {
      long double value = S[i * dv + j];
      double high = (double)value, low = (double)(value - high); /* a long double is the exact sum of two doubles */
      arb_set_d(entry, -high);
      arb_set_d(part, -low);
      arb_add(entry, entry, part, BITS);
      for (slong p = 0; p <= dk; p++) {
        arb_set_d(part, p < dk ? (double)before[p * dv + j] : one->v[j]);
        arb_addmul(entry, arb_mat_entry(E, i, p), part, BITS);
      }
      arb_get_mag(bound, entry);
      sum += pow(mag_get_d(bound), 2);
    }
  mag_clear(bound);
  arb_clear(part);
  arb_clear(entry);
  arb_mat_clear(E);
  return sqrt(sum);
}

/* The certified oracle contains the truth, and so do the claims of all others where they serve. */
static void check_oracles(size_t kind, double most) {
  enum { DV = 3 };
  for (const efla_oracle *o = efla_oracles; o->name; o++)
    for (size_t dk = 1; dk < 8; dk++)
      for (double x = 1e-8; x < most; x *= 7) {
        efla_tokens one = one_token(x, dk, DV);
        long double S[8 * DV], before[8 * DV];
        double error = 0, erase[8];
        if (kind > 0) set_erase_key(kind, &one, erase);
        for (size_t e = 0; e < dk * DV; e++) before[e] = S[e] = cos(2. * (double)e);
        efla_message why = {""};
        ck_assert_msg(efla_oracle_advance(o, NULL, &one, S, &error, &why) == EFLA_OK, "%s", why.text);
        double distance = distance_from_exponential(&one, before, S);
        ck_assert_msg(distance <= error, "%s: off by %g, claims %g (x = %g, dk = %zu, erase key %zu)", o->name,
                      distance, error, x, dk, kind);
        efla_tokens_clear(&one);
      }
}

START_TEST(claims_contain_the_exponential) {
  check_oracles(0, 1e3);
  for (size_t kind = 1; kind < KINDS; kind++) check_oracles(kind, 20);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {the_exponential_has_rank_one, the_exponential_with_decay,
                                the_exponential_with_an_erase_key, claims_contain_the_exponential};
  return testing_main("truth_arb", tests, sizeof tests / sizeof *tests, 120);
}

#else

int main(void) { return testing_main("truth_arb: not built", NULL, 0, 1); }

#endif
