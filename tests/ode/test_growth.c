/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Growth rates: the quadrature against closed forms and against a run. */
#include "testing.h"

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
  const TTest *const tests[] = {quadrature_in_the_plane, quadrature_at_the_ends, a_token_that_forgets,
                                a_run_agrees_with_the_quadrature};
  return testing_main("growth", tests, sizeof tests / sizeof *tests, 60);
}
