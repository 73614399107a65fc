/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The law of growth rates: its quadrature over the squared key norm, and its agreement with a stream, at any dk. */
#include "testing.h"
#include "laboratory.h"

#include <float.h>
#include <math.h>

/* Moments of lambda = chi^2_dk/dk, as the quadrature sums them: 1, 1 and 1 + 2/dk.  They are the entries (1, 1) of
 * powers of the Jacobi matrix J, here in units of lambda, and the weights come from its eigenvectors.  The QL algorithm
 * is backward stable, with an error E of norm at most n DBL_EPSILON |J|, so that moment m errs by m |E| |J|^(m-1).  By
 * Gershgorin, |J| <= 2/dk (4 n + 2 alpha), alpha = dk/2 - 1.  The sum itself adds n DBL_EPSILON. */
START_TEST(moments) {
  static const size_t lengths[] = {1, 2, 3, 32, 300, 342, 343, 344, 512, 1024, 100000};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    efla_stability_limit_law law;
    ck_assert_int_eq(efla_stability_limit_law_init(&law, lengths[i]), EFLA_OK);
    double dk = (double)lengths[i], n = EFLA_RATE_NODES, size = 2 / dk * (4 * n + dk - 2), moment[3] = {0};
    for (int j = 0; j < EFLA_RATE_NODES; j++)
      for (int m = 0; m < 3; m++) moment[m] += law.lambda_weight[j] * pow(law.lambda[j], m);
    const double expected[3] = {1, 1, 1 + 2 / dk};
    for (int m = 0; m < 3; m++) {
      double bound = n * DBL_EPSILON * (m * pow(size, m) + expected[m]);
      ck_assert_msg(fabs(moment[m] - expected[m]) <= bound, "dk %zu, moment %d: %.17g, expected %.17g within %g",
                    lengths[i], m, moment[m], expected[m], bound);
    }
  }
}
END_TEST

/* Predicted and measured rate of Euler on Gaussian keys of norm 2, raw and long: within three half-widths of the 95 %
 * interval, six standard errors. */
START_TEST(a_stream_of_long_keys) {
  static const size_t lengths[] = {32, 512};
  for (size_t i = 0; i < 2; i++) {
    const efla_rule euler = {.method = efla_method_find("euler")};
    efla_stability_point at;
    efla_message why;
    efla_spec spec = efla_spec_default(efla_family_find("gaussian"));
    spec.dk = lengths[i], spec.dv = 1, spec.norm = 2, spec.seed = 7;
    ck_assert_int_eq(efla_stability_point_find(&euler, 0, &spec, EFLA_STABILITY_RATE, 20000, &at, &why), EFLA_OK);
    const efla_interval rate = at.measured;
    ck_assert_msg(fabs(rate.mean - at.predicted) <= 3 * (rate.high - rate.mean),
                  "dk %zu: measured %g [%g %g], predicted %g", spec.dk, rate.mean, rate.low, rate.high, at.predicted);
    ck_assert(rate.high - rate.mean < fabs(at.predicted) / 2); /* else nothing would be seen */
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {moments, a_stream_of_long_keys};
  return testing_main("stability_limit", tests, sizeof tests / sizeof *tests, 60);
}
