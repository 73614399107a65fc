/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Moving keys and values: the flow of two keys, the commutator-free integrator, and the order of holds. */
#include "testing.h"

#include <gsl/gsl_rng.h>

enum { D = 6, DV = 3 };

/* Against many small steps of Dormand-Prince 5 for the same linear problem with constant coefficients: step size h =
 * 1/N leaves an error of about (h |A|)^5/720 of the state, |A| the sum of w lambda. */
START_TEST(flow_of_two_keys) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (int trial = 0; trial < 20; trial++) {
    double k[2 * D], v[2 * DV], w[2], S[D * DV], T[D * DV], next[D * DV], slope[7][D * DV], scratch[2 * DV], norm = 0,
                                                                                                             A = 0;
    for (int i = 0; i < 2 * D; i++) k[i] = gsl_rng_uniform(draw) - 0.5;
    if (trial % 4 == 0) memcpy(k + D, k, D * sizeof *k); /* G singular */
    for (int i = 0; i < 2 * DV; i++) v[i] = gsl_rng_uniform(draw) - 0.5;
    w[0] = gsl_rng_uniform(draw) * 4,
    w[1] = (trial % 2 ? 0.5 : -0.1) * gsl_rng_uniform(draw); /* CF4 has a negative weight */
    for (int e = 0; e < D * DV; e++) S[e] = T[e] = gsl_rng_uniform(draw) - 0.5;
    A = w[0] * efla_lambda(D, k) + fabs(w[1]) * efla_lambda(D, k + D);
    efla_flow_of_two(D, DV, k, v, w, S, scratch);
    const efla_signal plain = {.dk = D, .dv = DV, .erase = 1, .write = 1};
    const efla_tableau *rule = efla_tableau_find("dopri5");
    size_t N = 4000;
    double h = 1. / (double)N;
    for (size_t step = 0; step < N; step++) {
      for (int s = 0; s < rule->stages; s++) {
        memcpy(next, T, sizeof next);
        for (int r = 0; r < s; r++)
          for (int e = 0; e < D * DV; e++) next[e] += h * rule->a[s][r] * slope[r][e];
        double one[D * DV], two[D * DV];
        efla_ode_rhs(&plain, k, v, next, one);
        efla_ode_rhs(&plain, k + D, v + DV, next, two);
        for (int e = 0; e < D * DV; e++) slope[s][e] = w[0] * one[e] + w[1] * two[e];
      }
      for (int s = 0; s < rule->stages; s++)
        for (int e = 0; e < D * DV; e++) T[e] += h * rule->b[s] * slope[s][e];
    }
    double error = 0;
    for (int e = 0; e < D * DV; e++) error = fmax(error, fabs(S[e] - T[e])), norm = fmax(norm, fabs(T[e]));
    CHECK_BOUND(error,
                pow(A * h, 5) * norm + 4 * sqrt((double)N) * U *
                                           fmax(norm, 1)); /* and the N steps' rounding, as docs/bounds.md#semigroup */
  }
  gsl_rng_free(draw);
}
END_TEST

/* With k and v at rest every scheme is the exact flow, for any number of steps, also where a step is stiff: rounding as
 * in docs/bounds.md#semigroup. */
START_TEST(resting_keys_are_exact) {
  double k[D], v[DV], S[D * DV], T[D * DV], *scratch = testing_poison(efla_zero_order_hold_scratch(D, DV)), coefficient;
  for (int i = 0; i < D; i++) k[i] = cos(i);
  for (int j = 0; j < DV; j++) v[j] = sin(1 + j);
  efla_zero_order_hold hold = {D, DV, k, v, NULL};
  efla_signal signal = efla_signal_hold(&hold);
  for (double duration = 0.01; duration < 2000; duration *= 10)
    for (size_t steps = 1; steps <= 64; steps *= 4) {
      for (int e = 0; e < D * DV; e++) S[e] = T[e] = cos(3 * e);
      coefficient = efla_coefficient(efla_method_find("exact"), duration, efla_lambda(D, k));
      efla_recurrence_f64(1, D, DV, NULL, k, v, &(efla_coefficients){1, coefficient, coefficient}, T, NULL);
      efla_cf4_advance(&signal, 0, duration, steps, S, scratch);
      /* The two weights of a step cancel in part, and phi_1 of x is formed by about log2 x doublings of a few u
       * each. */
      double bound = 16 * U * (sqrt((double)steps) + log2(1 + duration * efla_lambda(D, k))) * 3;
      for (int e = 0; e < D * DV; e++) CHECK_BOUND(fabs(S[e] - T[e]), bound);
      for (int e = 0; e < D * DV; e++) S[e] = cos(3 * e);
      efla_zero_order_hold_advance(&(efla_rule){.method = efla_method_find("exact")}, 0.5, &signal, 0, duration, steps,
                                   S, scratch);
      for (int e = 0; e < D * DV; e++) CHECK_BOUND(fabs(S[e] - T[e]), bound);
    }
  free(scratch);
}
END_TEST

static void advance(int scheme, const efla_signal *signal, size_t steps, double *S, double *scratch) {
  const efla_rule rule = {.method = efla_method_find("exact"), .decay = efla_decay_find("joint")};
  for (int e = 0; e < D * DV; e++) S[e] = cos(e);
  if (scheme == 0) efla_zero_order_hold_advance(&rule, 0, signal, 1, 2, steps, S, scratch);
  if (scheme == 1) efla_zero_order_hold_advance(&rule, 0.5, signal, 1, 2, steps, S, scratch);
  if (scheme == 2) efla_cf4_advance(signal, 1, 2, steps, S, scratch);
}

/* docs/bounds.md#orders: left 1, midpoint 2 within .1; the commutator-free integrator 4 within .15.  The error itself
 * against a thousand times finer steps; lambda = 3 and 64 to 128 steps keep h*lambda below .1.  Without
 * decay, then with one. */
START_TEST(orders_on_a_smooth_signal) {
  static const double order[] = {1, 2, 4}, slack[] = {0.1, 0.1, 0.15};
  efla_waves waves;
  ck_assert_int_eq(efla_waves_init(&waves, D, DV, 3, 1, testing_seed()), EFLA_OK);
  efla_signal signal = efla_waves_signal(&waves);
  double truth[D * DV], S[D * DV], *scratch = testing_poison(efla_zero_order_hold_scratch(D, DV));
  for (int scheme = 0; scheme < 6; scheme++) {
    double error[2] = {0};
    signal.decay = scheme < 3 ? 0 : 0.5;
    advance(2, &signal, 20000, truth, scratch);
    for (int fine = 0; fine < 2; fine++) {
      advance(scheme % 3, &signal, fine ? 128 : 64, S, scratch);
      for (int e = 0; e < D * DV; e++) error[fine] += pow(S[e] - truth[e], 2);
    }
    CHECK_BOUND(fabs(log2(error[0] / error[1]) / 2 - order[scheme % 3]), slack[scheme % 3]);
  }
  efla_waves_clear(&waves);
  free(scratch);
}
END_TEST

/* Two references that share nothing: GSL's rk8pd and the integrator with fine steps.  Tolerance 1e-13 per step, at most
 * a hundred or so steps over this time; the integrator's own error is (h*lambda)^4-small. */
START_TEST(references_agree) {
  efla_waves waves;
  efla_message why = {{0}};
  ck_assert_int_eq(efla_waves_init(&waves, D, DV, 10, 1, testing_seed()), EFLA_OK);
  efla_signal signal = efla_waves_signal(&waves);
  double S[D * DV], T[D * DV], *scratch = testing_poison(efla_zero_order_hold_scratch(D, DV));
  for (int e = 0; e < D * DV; e++) T[e] = cos(e);
  ck_assert_int_eq(efla_odeiv_integrate(&signal, 1, 2, 0.01, 1, T, &why), EFLA_OK);
  advance(2, &signal, 20000, S, scratch);
  for (int e = 0; e < D * DV; e++) CHECK_BOUND(fabs(S[e] - T[e]), 200 * 1e-13);
  efla_waves_clear(&waves);
  free(scratch);
}
END_TEST

/* E |k|^2 = lambda and E v^2 = 1 over phases: means over 4000 seeds within 5 standard errors; slower than the band
 * allows never. */
START_TEST(waves_have_the_size_asked_for) {
  double k[D], v[DV], keys = 0, keys2 = 0, values = 0, values2 = 0;
  const int n = 4000;
  for (int i = 0; i < n; i++) {
    efla_waves waves;
    ck_assert_int_eq(efla_waves_init(&waves, D, DV, 7, 2, testing_seed() + (size_t)i), EFLA_OK);
    efla_signal signal = efla_waves_signal(&waves);
    signal.sample(signal.context, 0.3, k, v);
    for (int m = 0; m < EFLA_SIGNAL_WAVES; m++) ck_assert(waves.frequency[m] >= 0 && waves.frequency[m] <= 2);
    double lambda = efla_lambda(D, k), square = efla_lambda(DV, v) / DV;
    keys += lambda / n, keys2 += lambda * lambda / n, values += square / n, values2 += square * square / n;
    efla_waves_clear(&waves);
  }
  CHECK_BOUND(fabs(keys - 7), 5 * sqrt((keys2 - keys * keys) / n));
  CHECK_BOUND(fabs(values - 1), 5 * sqrt((values2 - values * values) / n));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {flow_of_two_keys, resting_keys_are_exact, orders_on_a_smooth_signal, references_agree,
                                waves_have_the_size_asked_for};
  return testing_main("zero_order_hold", tests, sizeof tests / sizeof *tests, 120);
}
