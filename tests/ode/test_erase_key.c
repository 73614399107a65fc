/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An erase key p in place of k (docs/derivations.md#e7): steps by stages of every tableau against the coefficients with
 * lambda = mu = p^T k, and what the methods do where mu < 0 and the flow grows. */
#include "stages.h"
#include "testing.h"

enum { MOST = 33 };

enum { KINDS = 4 }; /* the key itself, mu > 0, mu = 0, mu < 0 */

/* p for the key k; that of mu = 0 has pairs of entries whose products with k's cancel bit for bit. */
static void erase_key(size_t kind, size_t dk, const double *k, double *p) {
  static const double along[KINDS] = {1, 0.6, 0, -0.8};
  for (size_t i = 0; i < dk; i++) p[i] = along[kind] * k[i];
  for (size_t i = 0; i + 1 < dk && kind > 0; i += 2) p[i] -= k[i + 1], p[i + 1] += k[i];
}

static double frobenius(size_t n, const double *x) { return sqrt(efla_lambda(n, x)); }

static double inverse_norm(const efla_tableau *t, const response *r) {
  double sum = 0;
  for (int i = 0; i < t->stages; i++)
    for (int j = 0; j < t->stages; j++) sum = hypot(sum, (double)r->inverse[i][j]);
  return sum;
}

/* docs/bounds.md#erase-key: a step of s stages with rates y and rho, b from a state of norm S; reach = rho |k| |p|,
 * source = b |k| |v|. */
static double stages_bound(const efla_tableau *t, size_t dk, double y, double z, double reach, double S,
                           double source) {
  const response at_y = respond(t, y), at_z = respond(t, z);
  double A = 0, b = 0, s = t->stages, n = s * (double)dk;
  for (int i = 0; i < t->stages; i++) {
    b = hypot(b, t->b[i]);
    for (int j = 0; j < t->stages; j++) A = hypot(A, t->a[i][j]);
  }
  const double solve = inverse_norm(t, &at_y) * (1 + reach * A * inverse_norm(t, &at_z)), rates = fabs(y) + reach,
               right = sqrt(s) * (rates * S + source), slopes = solve * right;
  return U *
         (b * solve * ((3 * n + 3) * (1 + A * rates) * slopes + ((double)dk + 4) * right) + (s + 3) * (S + b * slopes));
}

/* One step of the tableau with rates y, rho, b against S' = d S + k (w v - e S^T p)^T. */
static void check_step(const efla_tableau *t, size_t kind, double y, double x, size_t dk, size_t dv) {
  efla_tokens one = testing_tokens("gaussian", 1.3, 1, dk, dv);
  static double S[MOST * MOST], start[MOST * MOST], p[MOST];
  static long double truth[MOST * MOST], k[MOST], wide[MOST], v[MOST];
  const size_t state = dk * dv;
  double *scratch = testing_poison(efla_ode_scratch(t, dk, dv));
  erase_key(kind, dk, one.k, p);
  one.p = p;
  long double mu = 0;
  for (size_t i = 0; i < dk; i++) k[i] = one.k[i], wide[i] = p[i], mu += wide[i] * k[i];
  for (size_t j = 0; j < dv; j++) v[j] = one.v[j];
  for (size_t e = 0; e < state; e++) truth[e] = start[e] = S[e] = sin(3. * (double)e + 1) / sqrt((double)state);
  if (kind == 2 && dk > 1) ck_assert(mu == 0 && efla_token_lambda(&one, 0) == 0);
  efla_zero_order_hold hold = {dk, dv, one.k, one.v, p};
  efla_signal signal = efla_signal_hold(&hold);
  const double reach = x * efla_token_reach(&one, 0) / efla_lambda(dk, one.k);
  signal.decay = y, signal.erase = x / efla_lambda(dk, one.k), signal.write = 0.7;
  const long double z = y + signal.erase * mu;
  const response at_y = respond(t, y), at_z = respond(t, z);
  const efla_coefficients_long c = {1 - y * at_y.phi, signal.erase * respond_psi(t, &at_y, &at_z),
                                    signal.write * at_z.phi};
  const double source = signal.write * frobenius(dk, one.k) * frobenius(dv, one.v),
               bound = stages_bound(t, dk, y, (double)z, reach, frobenius(state, S), source);
  efla_recurrence_step_long(dk, dv, k, wide, v, &c, NULL, NULL, truth);
  ck_assert_int_eq(efla_ode_advance(t, &signal, 0.3, 1, 1, S, scratch), EFLA_OK);
  CHECK_BOUND(efla_distance(state, S, truth), bound);
  if (t->method) { /* the coefficients of the method's row, of which each errs by 16 u and by what mu's rounding passes */
    const efla_rates rates = {.decay = y, .erase = signal.erase, .write = signal.write};
    efla_coefficients by_row;
    efla_rates_coefficients(efla_method_find(t->method), &rates, efla_token_lambda(&one, 0), &by_row);
    efla_recurrence_step_f64(dk, dv, one.k, p, one.v, &by_row, NULL, NULL, start);
    CHECK_BOUND(efla_distance(state, start, truth), bound);
  }
  free(scratch);
  efla_tokens_clear(&one);
}

START_TEST(steps_by_stages_equal_the_coefficient_form) {
  static const size_t dk[] = {2, 3, 16, 33}, dv[] = {3, 33, 1, 16};
  static const double y[] = {0, 1e-3, 0.1, 0.5}, x[] = {1e-3, 0.1, 0.5};
  for (const efla_tableau *t = efla_tableaux; t->name; t++)
    for (size_t kind = 0; kind < KINDS; kind++)
      for (size_t n = 0; n < 4; n++)
        for (size_t i = 0; i < 12; i++) check_step(t, kind, y[i / 3], x[i % 3], dk[n], dv[n]);
}
END_TEST

/* R(x) for x > 0, the factor by which a method multiplies the state along k where mu < 0 and rho |mu| = x
 * (docs/derivations.md#erase-key). */
static double growth(const char *method, double x) { return efla_stability(efla_method_find(method), -x); }

/* R = 1 - x phi loses digits where |R| is small: within 16 u (1 + |x phi|). */
static double growth_error(const char *method, double x) {
  return 16 * U * (1 + fabs(x * efla_phi(efla_method_find(method), -x)));
}

START_TEST(growth_of_the_methods) {
  static const char *const explicit[] = {"euler", "rk2", "rk4", "rk8"};
  for (double x = 0.01; x < 20; x *= 1.3) {
    double below = 1;
    for (size_t i = 0; i < 4; i++) { /* partial sums of the exponential: below it, and growing with the order */
      const double R = growth(explicit[i], x);
      ck_assert_double_gt(R, below);
      below = R;
    }
    CHECK_BOUND(below, exp(x) * (1 + 4 * U) + growth_error("rk8", x));
    CHECK_BOUND(fabs(growth("exact", x) - exp(x)), growth_error("exact", x));
    CHECK_BOUND(fabs(growth("implicit", x) - 1 / (1 - x)), growth_error("implicit", x) / fabs(1 - x));
    ck_assert(x < 1 ? growth("implicit", x) > exp(x) : growth("implicit", x) < 0);
    ck_assert(x < 2 ? growth("trapezoid", x) > exp(x) : growth("trapezoid", x) < -1);
    /* no pole on the real line, and a largest growth */
    ck_assert(growth("gauss4", x) > 0 && growth("gauss4", x) <= (2 + sqrt(3)) / (2 - sqrt(3)) * (1 + 8 * U));
    ck_assert(growth("radau3", x) > 0 && growth("radau3", x) <= sqrt(3) / (9 - 5 * sqrt(3)) * (1 + 64 * U));
  }
}
END_TEST

/* One key repeated, whose mu is negative: the state along k grows by R(-z) a token, and by no more. */
START_TEST(the_state_along_k_grows) {
  enum { DK = 6, DV = 2, TOKENS = 12 };
  efla_tokens one = testing_tokens("gaussian", 1.1, 1, DK, DV);
  double p[DK], zero[DV] = {0};
  erase_key(3, DK, one.k, p);
  one.p = p;
  const double mu = efla_token_lambda(&one, 0), reach = efla_token_reach(&one, 0);
  ck_assert_double_lt(mu, 0);
  for (const efla_method *m = efla_methods; m->name; m++)
    for (double x = 0.1; x < 5; x *= 1.37) {
      double S[DK * DV];
      efla_coefficients c;
      efla_rule_coefficients(&(efla_rule){.method = m}, mu, x / -mu, 0, &c);
      for (size_t e = 0; e < DK * DV; e++) S[e] = one.k[e / DV] * (e % DV ? -1 : 2);
      const double R = efla_stability(m, -x), start = frobenius(DK * DV, S);
      for (size_t t = 0; t < TOKENS; t++) efla_recurrence_step_f64(DK, DV, one.k, p, zero, &c, NULL, NULL, S);
      /* docs/bounds.md#erase-key: a step's own roundings and those of mu through R, both carried by powers of the
       * transition; the smallest is that of the state itself */
      const double R_slope = fabs(efla_phi(m, -x) - x * efla_phi_slope(m, -x)),
                   step = (3 * DK + 16) * (fabs(R) + fabs(c.erase) * reach) + (DK + 4) * x * reach / -mu * R_slope;
      CHECK_BOUND(fabs(frobenius(DK * DV, S) / start / pow(fabs(R), TOKENS) - 1),
                  TOKENS * U * step / fabs(R) * (1 + reach / -mu) * fmax(1, pow(fabs(R), -TOKENS)));
    }
  efla_tokens_clear(&one);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {steps_by_stages_equal_the_coefficient_form, growth_of_the_methods,
                                the_state_along_k_grows};
  return testing_main("erase_key", tests, sizeof tests / sizeof *tests, 60);
}
