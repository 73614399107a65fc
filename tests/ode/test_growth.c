/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Growth rates: the quadrature against closed forms and against a run. */
#include "testing.h"

#include <gsl/gsl_integration.h>

/* For dk = 2 the angle is uniform, and the mean of log(1 + (R^2-1) cos^2 a)/2 is log((1+|R|)/2) (Gradshteyn 4.399.1).
 */
START_TEST(quadrature_in_the_plane) {
  efla_growth_law law;
  efla_growth_law_init(&law, 2);
  for (double R = 1e-8; R < 1e9; R *= 7) {
    double expected = log((1 + R) / 2);
    CHECK_BOUND(fabs(efla_growth_expected(&law, R) - expected), 1e-13 * (1 + fabs(expected)));
    ck_assert_double_eq(efla_growth_expected(&law, R), efla_growth_expected(&law, -R));
  }
}
END_TEST

/* R = 1 leaves the vector alone; one dimension has only one direction. */
/* For longer keys: c = cos(t) with a density proportional to sin(t)^(dk-2), by adaptive quadrature, whose own error it
 * states; what the header says, and that much again for the quadrature's rounding. */
typedef struct mean_of_log {
  double R;
  size_t dk;
} mean_of_log;

static double change(double t, void *context) {
  const mean_of_log *m = context;
  const double c = cos(t);
  return log1p((m->R * m->R - 1) * c * c) / 2 * pow(sin(t), (double)m->dk - 2);
}

static double weight(double t, void *context) { return pow(sin(t), (double)((const mean_of_log *)context)->dk - 2); }

START_TEST(long_keys) {
  gsl_integration_cquad_workspace *room = gsl_integration_cquad_workspace_alloc(1000);
  static const size_t lengths[] = {3, 8, 32, 128, 512};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
    for (double R = .01; R < 200; R *= 3) {
      efla_growth_law law;
      mean_of_log m = {R, lengths[i]};
      gsl_function f = {change, &m}, g = {weight, &m};
      double value, norm, errors[2];
      gsl_integration_cquad(&f, 0, M_PI / 2, 0, 1e-14, room, &value, &errors[0], NULL);
      gsl_integration_cquad(&g, 0, M_PI / 2, 0, 1e-14, room, &norm, &errors[1], NULL);
      efla_growth_law_init(&law, lengths[i]);
      const double found = efla_growth_expected(&law, R), expected = value / norm;
      CHECK_BOUND(fabs(found - expected),
                  2e-14 * (1 + log1p(R)) + errors[0] / norm + fabs(expected) * errors[1] / norm);
    }
  gsl_integration_cquad_workspace_free(room);
}
END_TEST

START_TEST(quadrature_at_the_ends) {
  efla_growth_law law;
  efla_growth_law_init(&law, 1);
  ck_assert_double_eq(efla_growth_expected(&law, -3), log(3));
  for (size_t dk = 2; dk < 300; dk = dk * 2 + 1) {
    efla_growth_law_init(&law, dk);
    ck_assert_uint_le(law.nodes, EFLA_GROWTH_NODES);
    CHECK_BOUND(fabs(efla_growth_expected(&law, 1)), 0);
    ck_assert(isnan(efla_growth_expected(&law, NAN)));
  }
}
END_TEST

/* A token of Euler's that leaves nothing across its key, d = 0 at the joint rate y = 1, x = 2: log 2 + E log|c|, whose
 * mean over the plane is -log 2 (R to infinity above), to which d = 1e-9 is as near as 1/R and the change of 2 - d;
 * nothing at all without a key. */
START_TEST(a_token_that_forgets) {
  const efla_rule rule = {.method = efla_method_find("euler"), .decay = efla_decay_find("joint")};
  efla_coefficients c;
  efla_growth_law law;
  efla_growth_law_init(&law, 2);
  CHECK_BOUND(fabs(efla_growth_of_token(&law, &rule, 1, 2, -(1 - 1e-9), &c)), 1e-9);
  CHECK_BOUND(fabs(efla_growth_of_token(&law, &rule, 1, 2, -1, &c)), 1e-14);
  ck_assert_double_eq(c.decay, 0);
  ck_assert_double_eq(efla_growth_of_token(&law, &rule, 0, 2, -1, &c), -INFINITY);
}
END_TEST

/* The mean over a run of isotropic keys agrees with the expectation within 5 standard errors of that mean. */
START_TEST(a_run_agrees_with_the_quadrature) {
  static const char *const names[] = {"euler", "rk4", "implicit", "exact"};
  size_t dk = 32, tokens = 20000;
  efla_tokens x = testing_tokens("gaussian", 1.5, tokens, dk, 1);
  efla_growth_law law;
  efla_growth_law_init(&law, dk);
  for (size_t m = 0; m < 4; m++) {
    const efla_method *method = efla_method_find(names[m]);
    double w[32] = {1}, sum = 0, squares = 0;
    for (size_t t = 0; t < tokens; t++) {
      double step = efla_token_x(&x, t),
             coefficient = efla_coefficient(method, x.beta[t], efla_lambda(dk, x.k + t * dk));
      double difference = efla_growth_transition(dk, x.k + t * dk, 1, coefficient, w) -
                          efla_growth_expected(&law, efla_stability(method, step));
      sum += difference;
      squares += difference * difference;
    }
    double mean = sum / (double)tokens, error = sqrt(squares) / (double)tokens;
    CHECK_BOUND(fabs(mean), 5 * error);
  }
  efla_tokens_clear(&x);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {long_keys, quadrature_in_the_plane, quadrature_at_the_ends, a_token_that_forgets,
                                a_run_agrees_with_the_quadrature};
  return testing_main("growth", tests, sizeof tests / sizeof *tests, 60);
}
