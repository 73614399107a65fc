/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Measured orders of convergence: substeps of methods and tableaux, time-dependent keys, holds
 * (docs/bounds.md#orders). */
#include "testing.h"

enum { DK = 3, DV = 2, STATE = DK * DV };

/* The finer of two steps h lambda for a method of order p, such that its error, about x^p/(p+1)! (a hundredth of it for
 * the best tableaux), is 1e5 roundings. */
static double finer_step(int p) {
  double factorial = 1;
  for (int n = 2; n <= p + 1; n++) factorial *= n;
  return fmax(5e-3, pow(1e5 * U * factorial, 1. / p));
}

/* After many steps the error relative to e^-x is C x^(p+1) e^x (1 - c x + ...) per step, |1 - c| <= 1.8 for all rows
 * here: between 2x and x that shifts the observed order by 1.8 x/log 2, which is .1 at this x. */
static const double COARSEST = 0.04;

/* A problem of zero-order hold and its exact end after time h * steps. */
typedef struct held {
  efla_tokens one;
  double lambda, start[STATE];
} held;

static void held_init(held *p) {
  p->one = testing_tokens("gaussian", 1.5, 1, DK, DV);
  p->lambda = efla_lambda(DK, p->one.k);
  for (size_t e = 0; e < STATE; e++) p->start[e] = 1 + (double)e;
}

static void exact_end(const held *p, double time, long double *S) {
  long double k[DK], v[DV], lambda = 0;
  for (size_t i = 0; i < DK; i++) k[i] = p->one.k[i], lambda += k[i] * k[i];
  for (size_t j = 0; j < DV; j++) v[j] = p->one.v[j];
  for (size_t e = 0; e < STATE; e++) S[e] = p->start[e];
  long double a = -expm1l(-time * lambda) / lambda;
  efla_recurrence_long(1, DK, DV, NULL, k, v, &(efla_coefficients_long){1, a, a}, S, NULL);
}

/* The error of `steps` steps over a time: of a method by its coefficient, or of a tableau by its stages. */
static double error_of_steps(const held *p, const efla_method *method, const efla_tableau *tableau, double time,
                             size_t steps) {
  double S[STATE], h = time / (double)steps;
  long double truth[STATE];
  exact_end(p, time, truth);
  memcpy(S, p->start, sizeof S);
  if (method) {
    double coefficient = efla_coefficient(method, h, p->lambda);
    for (size_t n = 0; n < steps; n++)
      efla_recurrence_f64(1, DK, DV, NULL, p->one.k, p->one.v, &(efla_coefficients){1, coefficient, coefficient}, S,
                          NULL);
  } else {
    double *scratch = testing_poison(efla_ode_scratch(tableau, DK, DV));
    efla_zero_order_hold hold = {DK, DV, p->one.k, p->one.v, NULL};
    efla_signal signal = efla_signal_hold(&hold);
    ck_assert_int_eq(efla_ode_advance(tableau, &signal, 0, time, steps, S, scratch), EFLA_OK);
    free(scratch);
  }
  return efla_distance(STATE, S, truth);
}

static void check_order(const char *name, double expected, double coarse, double fine, double tolerance) {
  double observed = log2(coarse / fine);
  ck_assert_msg(fabs(observed - expected) <= tolerance, "%s: observed order %g, expected %g (errors %g and %g)", name,
                observed, expected, coarse, fine);
}

START_TEST(substeps_of_every_method) {
  held p;
  held_init(&p);
  for (const efla_method *m = efla_methods; m->name; m++)
    for (double x = finer_step(m->order); m->order < EFLA_ORDER_INFINITE && x <= COARSEST; x *= 2) {
      double time = 16 * x / p.lambda;
      check_order(m->name, m->order, error_of_steps(&p, m, NULL, time, 8), error_of_steps(&p, m, NULL, time, 16), 0.1);
    }
  efla_tokens_clear(&p.one);
}
END_TEST

/* One step errs by C x^(p+1) (1 - c x + ...), c = 1/(p+2) for Taylor methods, which therefore may take larger steps and
 * of which even order 8 shows before rounding does. */
START_TEST(one_step_of_every_method) {
  held p;
  held_init(&p);
  for (const efla_method *m = efla_methods; m->name; m++) {
    if (m->order == EFLA_ORDER_INFINITE) continue;
    double time = finer_step(m->order) / p.lambda;
    double fine = error_of_steps(&p, m, NULL, time, 1), coarse = error_of_steps(&p, m, NULL, 2 * time, 1);
    check_order(m->name, m->order + 1, coarse, fine, 0.1);
  }
  efla_tokens_clear(&p.one);
}
END_TEST

START_TEST(substeps_of_every_tableau) {
  held p;
  held_init(&p);
  for (const efla_tableau *t = efla_tableaux; t->name; t++) {
    ck_assert_msg(finer_step(t->order) <= COARSEST, "%s: order %d cannot be seen here", t->name, t->order);
    for (double x = finer_step(t->order); x <= COARSEST; x *= 2) {
      double time = 16 * x / p.lambda;
      check_order(t->name, t->order, error_of_steps(&p, NULL, t, time, 8), error_of_steps(&p, NULL, t, time, 16), 0.1);
    }
  }
  efla_tokens_clear(&p.one);
}
END_TEST

/* Smooth k(t) of squared norm about 1.5, and v(t); *context shifts them in time. */
static void sample_smooth(const void *context, double time, double *k, double *v) {
  const double *shift = context;
  for (int i = 0; i < DK; i++) k[i] = cos((1 + 0.4 * i) * (time - *shift) + 2 * i);
  for (int j = 0; j < DV; j++) v[j] = sin((1.3 - 0.5 * j) * (time - *shift) + j);
}

static void integrate_smooth(const efla_tableau *tableau, double start, size_t steps, double *S) {
  efla_signal signal = {DK, DV, sample_smooth, &start, 0, 1, 1, NULL};
  double *scratch = testing_poison(efla_ode_scratch(tableau, DK, DV));
  for (size_t e = 0; e < STATE; e++) S[e] = 1 + (double)e;
  ck_assert_int_eq(efla_ode_advance(tableau, &signal, start, 1, steps, S, scratch), EFLA_OK);
  free(scratch);
}

static double distance(const double *S, const double *T) {
  double sum = 0;
  for (size_t e = 0; e < STATE; e++) sum += (S[e] - T[e]) * (S[e] - T[e]);
  return sqrt(sum);
}

/* dopri5 with steps of 1/2000: truncation below 1e-17, rounding 2000 random steps of a few u.  gauss4 with 4000 agrees
 * to 2 * 4000 * (DK+8) u |S|, the worst case of both. */
static void reference_smooth(double *S) {
  double other[STATE];
  integrate_smooth(efla_tableau_find("dopri5"), 0, 2000, S);
  integrate_smooth(efla_tableau_find("gauss4"), 0, 4000, other);
  CHECK_BOUND(distance(S, other), 2 * 4000 * (DK + 8) * U * sqrt(efla_lambda(STATE, S)));
}

/* With truly time-dependent right-hand sides the order is the tableau's own, not that of its stability function. */
START_TEST(tableaux_on_a_smooth_signal) {
  double truth[STATE], S[STATE];
  reference_smooth(truth);
  for (const efla_tableau *t = efla_tableaux; t->name; t++) {
    size_t steps = t->order < 4 ? 128 : 32; /* errors from 1e-2 down to 1e-11 */
    integrate_smooth(t, 0, steps, S);
    double coarse = distance(S, truth);
    integrate_smooth(t, 0, 2 * steps, S);
    check_order(t->name, t->order, coarse, distance(S, truth), 0.15);
  }
}
END_TEST

/* The start of time is the signal's, not the integrator's.  A time near 64 rounds by 64 u and moves k and v by about as
 * much; the steps themselves round by (d+8)u each. */
START_TEST(time_is_shifted_with_the_signal) {
  double S[STATE], T[STATE];
  for (const efla_tableau *t = efla_tableaux; t->name; t++) {
    integrate_smooth(t, 0, 20, S);
    integrate_smooth(t, 64, 20, T);
    CHECK_BOUND(distance(S, T), 2 * 20 * (DK + 8 + 64 * DK) * U * sqrt(efla_lambda(STATE, S)));
  }
}
END_TEST

/* The exact coefficient on keys held for a step, sampled at the left end (offset 0) or in the middle (1/2). */
static void hold_smooth(double offset, size_t steps, double *S) {
  double k[DK], v[DV], h = 1 / (double)steps, zero = 0;
  for (size_t e = 0; e < STATE; e++) S[e] = 1 + (double)e;
  for (size_t n = 0; n < steps; n++) {
    sample_smooth(&zero, ((double)n + offset) * h, k, v);
    double coefficient = efla_coefficient(efla_method_find("exact"), h, efla_lambda(DK, k));
    efla_recurrence_f64(1, DK, DV, NULL, k, v, &(efla_coefficients){1, coefficient, coefficient}, S, NULL);
  }
}

/* docs/bounds.md#orders: holding is first order, in the middle second; the latter's error has even powers of h only, so
 * that one Richardson step gives order four. */
START_TEST(holds_on_a_smooth_signal) {
  double truth[STATE], error[3][2], S[3][STATE];
  reference_smooth(truth);
  for (size_t fine = 0; fine < 2; fine++) {
    size_t steps = fine ? 128 : 64;
    hold_smooth(0, steps, S[0]);
    hold_smooth(0.5, steps, S[1]);
    hold_smooth(0.5, steps / 2, S[2]);
    for (size_t e = 0; e < STATE; e++) S[2][e] = (4 * S[1][e] - S[2][e]) / 3;
    for (size_t i = 0; i < 3; i++) error[i][fine] = distance(S[i], truth);
  }
  check_order("left", 1, error[0][0], error[0][1], 0.1);
  check_order("middle", 2, error[1][0], error[1][1], 0.1);
  check_order("Richardson", 4, error[2][0], error[2][1], 0.15);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {substeps_of_every_method,    one_step_of_every_method,        substeps_of_every_tableau,
                                tableaux_on_a_smooth_signal, time_is_shifted_with_the_signal, holds_on_a_smooth_signal};
  return testing_main("ode_orders", tests, sizeof tests / sizeof *tests, 60);
}
