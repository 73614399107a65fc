/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AdamW against its definition, step by step in long double. */
#include "testing.h"

#include <gsl/gsl_randist.h>

enum { N = 40, STEPS = 12 };

/* As PyTorch documents it: clip, decay, moments, bias correction, step. */
static void by_definition(const efla_adamw *r, size_t step, const double *gradient, long double *p, long double *m,
                          long double *v) {
  long double sum = 0, scale = 1;
  for (size_t i = 0; i < N; i++) sum += (long double)gradient[i] * gradient[i];
  if (sqrtl(sum) > r->clip) scale = r->clip / (sqrtl(sum) + 1e-6L);
  for (size_t i = 0; i < N; i++) {
    long double g = scale * gradient[i];
    p[i] -= (long double)r->lr * r->decay * p[i];
    m[i] = r->beta1 * m[i] + (1 - (long double)r->beta1) * g;
    v[i] = r->beta2 * v[i] + (1 - (long double)r->beta2) * g * g;
    long double m_hat = m[i] / (1 - powl(r->beta1, (long double)step)),
                v_hat = v[i] / (1 - powl(r->beta2, (long double)step));
    p[i] -= r->lr * m_hat / (sqrtl(v_hat) + r->epsilon);
  }
}

/* About 16 roundings a step and number, of which those of the moments fade; the quotient is at most 1 + STEPS in
 * size. */
START_TEST(equal_to_the_rule) {
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(draw, testing_seed());
  for (int large = 0; large < 2; large++) {
    efla_adamw rule = efla_adamw_default(3e-3);
    double p[N], m[N] = {0}, v[N] = {0}, g[N];
    float p32[N], m32[N] = {0}, v32[N] = {0}, g32[N];
    long double want[N], want_m[N] = {0}, want_v[N] = {0};
    for (size_t i = 0; i < N; i++) want[i] = p[i] = p32[i] = (float)gsl_ran_gaussian(draw, 0.1);
    for (size_t step = 1; step <= STEPS; step++) {
      for (size_t i = 0; i < N; i++) g[i] = g32[i] = (float)gsl_ran_gaussian(draw, large ? 3 : 0.01);
      g[7] = g32[7] = 0; /* a parameter that nothing depends on only decays */
      double norm = efla_adamw_norm_f64(N, g);
      ck_assert_double_eq(efla_adamw_norm_f32(N, g32), norm);
      ck_assert_int_eq(norm > rule.clip, large);
      by_definition(&rule, step, g, want, want_m, want_v);
      efla_adamw_step_f64(&rule, step, norm, N / 2, g, p, m, v); /* in two parts */
      efla_adamw_step_f64(&rule, step, norm, N - N / 2, g + N / 2, p + N / 2, m + N / 2, v + N / 2);
      efla_adamw_step_f32(&rule, step, norm, N, g32, p32, m32, v32);
      for (size_t i = 0; i < N; i++) {
        double moved = rule.lr * (double)step, room = 16 * ((double)step * fabs((double)want[i]) + (1 + STEPS) * moved);
        CHECK_BOUND(fabs((double)(p[i] - want[i])), room * U);
        CHECK_BOUND(fabs((double)(p32[i] - want[i])), room * U32);
      }
    }
  }
  gsl_rng_free(draw);
}
END_TEST

/* What is not finite spreads; it does not vanish in a clip. */
START_TEST(not_finite_is_data) {
  efla_adamw rule = efla_adamw_default(1e-3);
  double p[2] = {1, 1}, m[2] = {0}, v[2] = {0}, g[2] = {INFINITY, 1};
  efla_adamw_step_f64(&rule, 1, efla_adamw_norm_f64(2, g), 2, g, p, m, v);
  ck_assert(isnan(p[0])); /* 0 times inf */
  ck_assert(isfinite(p[1]));
  g[0] = NAN;
  efla_adamw_step_f64(&rule, 2, efla_adamw_norm_f64(2, g), 2, g, p, m, v);
  ck_assert(isnan(p[1]));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {equal_to_the_rule, not_finite_is_data};
  return testing_main("adamw", tests, sizeof tests / sizeof *tests, 30);
}
