/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decays: rates and their derivatives, the coefficients that follow from them, and what one decay has in common with
 * another.  Certified values are compared in test_decay_arb.c. */
#include "testing.h"

/* The argument of a decay near e^g. */
static double argument_of(const efla_decay *decay, double g) {
  return decay->argument && !strcmp(decay->argument, "alpha") ? 1 + g / 2 : g;
}

static const efla_coefficients *at(const efla_rule *rule, double lambda, double beta, double g) {
  static efla_coefficients c;
  ck_assert_int_eq(efla_rule_coefficients(rule, lambda, beta, g, &c), EFLA_OK);
  return &c;
}

/* Rates are of degree 1 in beta and in the argument, where a central difference with a step that is a power of two is
 * exact but for the rounding of what is subtracted; but with a share of the decay after the step b = exp(g/2) beta, off
 * by an exponential and a product, and its central difference by h^2/6 times the third derivative. */
START_TEST(rates_and_their_derivatives) {
  size_t n = 0;
  for (const efla_decay *decay = efla_decays; decay->name; decay++, n++) {
    ck_assert_str_eq(efla_decay_name(n), decay->name);
    ck_assert_ptr_eq(efla_decay_find(decay->name), decay);
    ck_assert(decay->gated == (decay->argument != NULL));
    for (double g = -1.5; g <= 0; g += .25)
      for (double beta = .1; beta < 9; beta *= 1.7) {
        const double argument = argument_of(decay, g), h = 0x1p-10;
        efla_rates r, by[2];
        efla_rates_long wide, up, down;
        decay->rates(beta, argument, &r), decay->rates_long(beta, argument, &wide);
        CHECK_BOUND((double)fabsl(r.before - wide.before), 0);
        CHECK_BOUND((double)fabsl(r.decay - wide.decay), U * r.decay);
        CHECK_BOUND((double)fabsl(r.erase - wide.erase), U * r.erase);
        const bool after = decay->share > 0 && decay->share < 1;
        CHECK_BOUND((double)fabsl(r.write - wide.write), (after ? 3 : 1) * U * r.write);
        ck_assert(r.decay >= 0 && r.erase >= 0 && r.write >= 0);
        ck_assert(!decay->proportional || (r.decay == 0 && r.erase == r.write));
        decay->slopes(beta, argument, &by[0], &by[1]);
        for (int i = 0; i < 2; i++) {
          decay->rates_long(beta + (i ? 0 : h), argument + (i ? h : 0), &up);
          decay->rates_long(beta - (i ? 0 : h), argument - (i ? h : 0), &down);
          const double bound = 16 * (double)LDBL_EPSILON * (1 + beta) / h;
          CHECK_BOUND((double)fabsl((up.before - down.before) / (2 * h) - by[i].before), bound);
          CHECK_BOUND((double)fabsl((up.decay - down.decay) / (2 * h) - by[i].decay), bound);
          CHECK_BOUND((double)fabsl((up.erase - down.erase) / (2 * h) - by[i].erase), bound);
          CHECK_BOUND((double)fabsl((up.write - down.write) / (2 * h) - by[i].write),
                      bound + (after ? 3 * U * by[i].write + h * h / 6 * (beta + h) / 8 : 0));
        }
      }
  }
  ck_assert_uint_ge(n, 5);
}
END_TEST

/* Results with these two decays have been published: d = 1 or exp(g), w = a = beta phi(beta lambda), e = d a, bit for
 * bit; and what the others are without decay. */
START_TEST(bits_without_a_rate_of_decay) {
  for (const efla_method *m = efla_methods; m->name; m++)
    for (double lambda = 1e-20; lambda < 1e6; lambda *= 3.3)
      for (double beta = 1e-3; beta < 1e3; beta *= 2.7)
        for (double g = -800; g <= 0; g += 50) {
          double a = efla_coefficient(m, beta, lambda), d = exp(g);
          for (const efla_decay *decay = efla_decays; decay->name; decay++) {
            const efla_rule rule = {.method = m, .decay = decay};
            const efla_coefficients *c = at(&rule, lambda, beta, argument_of(decay, decay->proportional ? g : 0));
            double expected = decay->proportional && decay->gated ? d : 1;
            ck_assert_msg(c->decay == expected && c->erase == expected * a && c->write == a, "%s, %s", m->name,
                          decay->name);
          }
        }
}
END_TEST

/* Against the long double version, and slopes against its central differences (step h: h^2 of them, as all third
 * derivatives are below 8 times their size here, and long double's rounding over h). */
START_TEST(coefficients_and_slopes) {
  const long double h = 0x1p-20L;
  for (const efla_method *m = efla_methods; m->name; m++)
    for (const efla_decay *decay = efla_decays; decay->name; decay++)
      for (double lambda = 0.1; lambda < 2; lambda *= 1.9)
        for (double log_decay = -1.5; log_decay <= 0; log_decay += 0.5) {
          const efla_rule rule = {.method = m, .decay = decay};
          const double beta = 0.7, g = argument_of(decay, log_decay);
          const efla_coefficients c = *at(&rule, lambda, beta, g);
          efla_coefficients_long wide, up, down;
          efla_coefficient_slopes s;
          ck_assert_int_eq(efla_rule_coefficients_long(&rule, lambda, beta, g, &wide), EFLA_OK);
          ck_assert_int_eq(efla_rule_slopes(&rule, lambda, beta, g, &s), EFLA_OK);
          CHECK_BOUND((double)fabsl(c.decay - wide.decay), 4 * U);
          CHECK_BOUND((double)fabsl(c.write - wide.write), 8 * U);
          CHECK_BOUND((double)fabsl(c.erase - wide.erase), 12 * U);
          ck_assert(!decay->proportional || c.erase == c.decay * c.write);
          ck_assert(decay->gated || c.decay == 1);
          const efla_coefficients *by[] = {&s.by_lambda, &s.by_beta, &s.by_g};
          for (int i = 0; i < 3; i++) {
            long double inputs[2][3] = {{lambda, beta, g}, {lambda, beta, g}};
            inputs[0][i] += h, inputs[1][i] -= h;
            efla_rule_coefficients_long(&rule, inputs[0][0], inputs[0][1], inputs[0][2], &up);
            efla_rule_coefficients_long(&rule, inputs[1][0], inputs[1][1], inputs[1][2], &down);
            double rounding = 64 * (double)(LDBL_EPSILON / h), bound = rounding + (double)(h * h) * 8;
            CHECK_BOUND((double)fabsl((up.decay - down.decay) / (2 * h) - by[i]->decay), bound);
            CHECK_BOUND((double)fabsl((up.erase - down.erase) / (2 * h) - by[i]->erase), bound);
            CHECK_BOUND((double)fabsl((up.write - down.write) / (2 * h) - by[i]->write), bound);
          }
        }
}
END_TEST

/* docs/derivations.md#e7, for the exact flow: joint and split have the same d and e, and w_joint/w_split =
 * phi(z)/phi(x) (10 u for each coefficient, 4 u for each phi, and y rounds in split's exp only by its own ulp). */
START_TEST(joint_and_split_differ_in_what_they_write) {
  const efla_method *exact = efla_method_find("exact");
  const efla_rule joint = {.method = exact, .decay = efla_decay_find("joint")},
                  split = {.method = exact, .decay = efla_decay_find("split")};
  for (double lambda = 1e-9; lambda < 1e4; lambda *= 2.9)
    for (double y = 1e-9; y < 700; y *= 3.1) {
      const double beta = .6, x = beta * lambda;
      const efla_coefficients a = *at(&joint, lambda, beta, -y), b = *at(&split, lambda, beta, -y);
      CHECK_BOUND(fabs(a.decay - b.decay), 4 * U * b.decay);
      CHECK_BOUND(fabs(a.erase - b.erase), 20 * U * b.erase);
      CHECK_BOUND(fabs(a.write * efla_phi(exact, x) / efla_phi(exact, y + x) - b.write), 30 * U * b.write);
      ck_assert(a.write < b.write || y < 4 * U);
    }
}
END_TEST

/* Two tokens of half the time are one, for the exact flow: with m = d - e lambda, what the part of the state along the
 * key is multiplied by, d = d_h^2, m = m_h^2 and w = w_h (1 + m_h), every number within 10 u and m also within that of
 * d + e lambda. */
START_TEST(joint_is_a_semigroup) {
  const efla_rule rule = {.method = efla_method_find("exact"), .decay = efla_decay_find("joint")};
  for (double lambda = 1e-6; lambda < 1e3; lambda *= 2.9)
    for (double y = 1e-9; y < 300; y *= 3.1) {
      const efla_coefficients one = *at(&rule, lambda, .5, -y), half = *at(&rule, lambda, .25, -y / 2);
      double m = one.decay - one.erase * lambda, m_half = half.decay - half.erase * lambda;
      CHECK_BOUND(fabs(half.decay * half.decay - one.decay), 8 * U * one.decay);
      CHECK_BOUND(fabs(m_half * m_half - m), 60 * U * one.decay);
      CHECK_BOUND(fabs(half.write * (1 + m_half) - one.write), 60 * U * one.write);
    }
}
END_TEST

/* With retention the exact flow forgets at most e^-1 a token, which is what is left at alpha = 0, where nothing is
 * erased. */
START_TEST(retention_is_bounded) {
  const efla_method *exact = efla_method_find("exact");
  const efla_rule rule = {.method = exact, .decay = efla_decay_find("retention")};
  for (double alpha = 0; alpha <= 1; alpha += 0x1p-6) {
    const efla_coefficients *c = at(&rule, 1.7, .3, alpha);
    ck_assert(c->decay >= exp(-1) && c->decay <= 1);
    if (alpha > 0) continue;
    ck_assert(c->decay == exp(-1) && c->erase == 0 && c->write == .3 * efla_phi(exact, 1));
  }
}
END_TEST

/* What a token multiplies along its key, d - e lambda; at x = rho lambda, of rates by this decay. */
static double along(const efla_method *method, const char *decay, double argument, double x) {
  const efla_rule rule = {.method = method, .decay = efla_decay_find(decay)};
  const double beta = 0.3, rho = strcmp(decay, "retention") ? beta : argument * beta, lambda = x / rho;
  const efla_coefficients *c = at(&rule, lambda, beta, argument);
  return c->decay - c->erase * lambda;
}

/* docs/derivations.md#e7: limits of explicit methods along the key.  joint moves them down by y, split up, Euler's to 1 +
 * e^y, and retention has beta lambda <= 1 + 1/alpha.  1e-9 to either side is far from the rounding of R, whose slope
 * there is 1/2 at least. */
START_TEST(limits_with_decay) {
  const double off = 1e-9;
  for (const efla_method *m = efla_methods; m->name; m++)
    for (double y = 0.01; y < 1 && isfinite(m->stable); y *= 3) {
      const double limit = m->stable - y;
      ck_assert_msg(fabs(along(m, "joint", -y, limit - off)) < 1, "%s, y = %g", m->name, y);
      ck_assert_msg(fabs(along(m, "joint", -y, limit + off)) > 1, "%s, y = %g", m->name, y);
      ck_assert_msg(fabs(along(m, "split", -y, m->stable + off)) < 1, "%s, y = %g", m->name, y);
      if (strcmp(m->name, "euler") != 0) continue;
      const double alpha = exp(-y), split = 1 + exp(y), retention = alpha * (1 + 1 / alpha);
      ck_assert(along(m, "joint", -y, 1 - y - off) > 0 && along(m, "joint", -y, 1 - y + off) < 0);
      ck_assert(fabs(along(m, "split", -y, split - off)) < 1 && fabs(along(m, "split", -y, split + off)) > 1);
      ck_assert(fabs(along(m, "retention", alpha, retention - off)) < 1);
      ck_assert(fabs(along(m, "retention", alpha, retention + off)) > 1);
    }
}
END_TEST

/* Overflow and underflow are data: no coefficient is nan, and no derivative but where an explicit method overflows.  At
 * g = -inf the state is forgotten and nothing is written.  |R| <= 1 makes phi(z) and psi(y, z) at most 2/y. */
START_TEST(ends_of_the_range) {
  const efla_decay *joint = efla_decay_find("joint");
  for (const efla_method *m = efla_methods; m->name; m++) {
    const efla_rule rule = {.method = m, .decay = joint};
    const double ys[] = {1e4, 1e30, 1e60, 1e160, 1e300, INFINITY};
    for (size_t i = 0; i < sizeof ys / sizeof *ys; i++)
      for (double lambda = 0; lambda < 1e9; lambda = 7 * lambda + 1e-3) {
        const efla_coefficients c = *at(&rule, lambda, .5, -ys[i]);
        efla_coefficient_slopes s;
        efla_rule_slopes(&rule, lambda, .5, -ys[i], &s);
        const efla_coefficients *by[] = {&c, &s.by_lambda, &s.by_beta, &s.by_g};
        for (int j = 0; j < (m->stable == INFINITY ? 4 : 1); j++)
          ck_assert_msg(!isnan(by[j]->decay) && !isnan(by[j]->erase) && !isnan(by[j]->write), "%s: %d at y = %g, %g",
                        m->name, j, ys[i], lambda);
        if (m->stable == INFINITY) {
          CHECK_BOUND(fabs(c.decay), 1);
          CHECK_BOUND(fabs(c.erase), .5 * 2 / ys[i] * (1 + 10 * U));
          CHECK_BOUND(fabs(c.write), .5 * 2 / ys[i] * (1 + 10 * U));
        }
        if (m->closed) ck_assert(c.decay == 0 && c.erase == 0);
      }
  }
  for (const efla_decay *decay = efla_decays; decay->name; decay++) {
    const efla_rule rule = {.method = efla_method_find("exact"), .decay = decay};
    efla_coefficient_slopes s;
    if (!decay->argument || strcmp(decay->argument, "g") != 0) continue;
    const efla_coefficients *c = at(&rule, 2, .5, -INFINITY);
    ck_assert_int_eq(efla_rule_slopes(&rule, 2, .5, -INFINITY, &s), EFLA_OK);
    ck_assert(c->decay == 0 && c->erase == 0 && s.by_g.decay == 0 && s.by_g.erase == 0 && s.by_beta.erase == 0);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {rates_and_their_derivatives, bits_without_a_rate_of_decay,
                                coefficients_and_slopes,     joint_and_split_differ_in_what_they_write,
                                joint_is_a_semigroup,        retention_is_bounded,
                                limits_with_decay,           ends_of_the_range};
  return testing_main("decay", tests, sizeof tests / sizeof *tests, 60);
}
