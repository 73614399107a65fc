/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens with rates per channel, and errors of schemes measured on them. */
#include "testing.h"

enum { D = 6, DV = 3, TOKENS = 40 };

static efla_channel_tokens tokens_at(double spread, double x) {
  efla_channel_tokens c;
  efla_message why = {{0}};
  efla_spec spec = efla_spec_default(efla_family_find("gaussian"));
  spec.dk = D, spec.dv = DV, spec.seed = testing_seed();
  ck_assert_int_eq(efla_channel_tokens_init(&c, TOKENS + 8, D, DV), EFLA_OK);
  ck_assert_int_eq(efla_channel_tokens_draw(&c, TOKENS, &spec, spread, x, &why), EFLA_OK);
  return c;
}

/* The mean of beta*lambda is x to the rounding of its sum; rates are in [0, spread], their mean within 5 standard
 * errors of the middle, and proportional to spread; what was not drawn is zero. */
START_TEST(drawn_as_described) {
  efla_channel_tokens c = tokens_at(2, 0.7), other = tokens_at(4, 0.7);
  double x = 0, rates = 0;
  for (size_t t = 0; t < TOKENS; t++) x += efla_token_x(&c.x, t) / TOKENS;
  for (size_t e = 0; e < TOKENS * D; e++) {
    ck_assert(c.y[e] >= 0 && c.y[e] <= 2);
    ck_assert_double_eq(other.y[e], 2 * c.y[e]);
    rates += c.y[e] / (TOKENS * D);
  }
  CHECK_BOUND(fabs(x - 0.7), (2 * TOKENS + 2 * D) * U);
  CHECK_BOUND(fabs(rates - 1), 5 * 2 / sqrt(12. * TOKENS * D));
  ck_assert_mem_eq(c.x.k, other.x.k, TOKENS * D * sizeof *c.x.k);
  ck_assert(c.x.beta[TOKENS] == 0 && c.y[TOKENS * D] == 0);
  efla_channel_tokens_clear(&other);
  efla_channel_tokens_clear(&c);
}
END_TEST

/* A token in substeps is the same flow: the exact scheme does not see the cuts but for rounding
 * (docs/bounds.md#semigroup), the Lie splitting does, and an error is what a run says it is. */
START_TEST(cut_tokens_take_the_same_time) {
  efla_channel_tokens c = tokens_at(1, 0.7), one = efla_channel_tokens_slice(&c, TOKENS - 1, 1),
                      cut = efla_channel_tokens_slice(&c, TOKENS, 8);
  efla_channel_run run;
  efla_message why = {{0}};
  const efla_channel_scheme *lie = &efla_channel_schemes[0], *exact = lie;
  while (exact->order != EFLA_ORDER_INFINITE) exact++;
  ck_assert_int_eq(efla_channel_run_init(&run, D, DV), EFLA_OK);
  for (int e = 0; e < D * DV; e++) run.start[e] = cos(e);
  ck_assert_int_eq(efla_channel_run_know(&run, efla_channel_oracle_find("chebyshev"), &one, &why), EFLA_OK);
  efla_channel_tokens_cut(&one, &cut);
  ck_assert_mem_eq(cut.x.v + 7 * DV, one.x.v, DV * sizeof *one.x.v);
  efla_channel_error whole, parts;
  efla_channel_lie_theory theory;
  const efla_method *method = efla_method_find("exact");
  ck_assert_int_eq(efla_channel_run_error(&run, exact, method, &cut, &parts), EFLA_OK);
  CHECK_BOUND(parts.state, 4 * sqrt(8) * U);
  ck_assert_int_eq(efla_channel_run_error(&run, lie, method, &cut, &parts), EFLA_OK);
  ck_assert_int_eq(efla_channel_run_error(&run, lie, method, &one, &whole), EFLA_OK);
  ck_assert_double_lt(parts.state, whole.state / 4);
  ck_assert_double_le(whole.direction, whole.state);
  ck_assert_int_eq(efla_channel_run_predict(&run, &one, &theory), EFLA_OK);
  CHECK_BOUND(whole.state, theory.bound + 100 * U);
  efla_channel_run_clear(&run);
  efla_channel_tokens_clear(&c);
}
END_TEST

/* A state that is wrong by a factor has no error of direction: without keys (beta = 0) and with one rate for all
 * channels the state is multiplied by e^-y, and a scheme that is asked for half the rates is off by a factor only. */
START_TEST(factors_have_no_direction) {
  efla_channel_tokens c = tokens_at(1, 0);
  efla_channel_run run;
  efla_message why = {{0}};
  efla_channel_error error;
  ck_assert_int_eq(efla_channel_run_init(&run, D, DV), EFLA_OK);
  efla_channel_tokens one = efla_channel_tokens_slice(&c, 0, 1);
  for (int e = 0; e < D * DV; e++) run.start[e] = cos(e);
  for (int i = 0; i < D; i++) one.y[i] = 0.5;
  ck_assert_int_eq(efla_channel_run_know(&run, efla_channel_oracle_find("chebyshev"), &one, &why), EFLA_OK);
  for (int i = 0; i < D; i++) one.y[i] = 0.25;
  ck_assert_int_eq(efla_channel_run_error(&run, &efla_channel_schemes[0], efla_method_find("exact"), &one, &error),
                   EFLA_OK);
  CHECK_BOUND(fabs(error.state - (exp(0.25) - 1)), 8 * U);
  CHECK_BOUND(error.direction, 4 * U);
  efla_channel_run_clear(&run);
  efla_channel_tokens_clear(&c);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {drawn_as_described, cut_tokens_take_the_same_time, factors_have_no_direction};
  return testing_main("channel_run", tests, sizeof tests / sizeof *tests, 60);
}
