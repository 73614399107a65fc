/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Diagnoses of tokens with a decay: half-lives, where split and joint differ, growth and limits. */
#include "testing.h"

enum { N = 5 };

/* One head of one sequence, dk = dv = 1, keys 1 and the same beta everywhere. */
static efla_diagnosis diagnose(const char *decay, double beta, size_t tokens, double *argument) {
  efla_diagnosis d;
  efla_message why;
  efla_tokens x;
  const efla_diagnosis_options options = {
      1, 1, 1, 1, 1, tokens, efla_oracle_find("longdouble"), efla_decay_find(decay), false, false};
  ck_assert_int_eq(efla_tokens_init(&x, tokens, 1, 1), EFLA_OK);
  for (size_t t = 0; t < tokens; t++) x.q[t] = x.k[t] = x.v[t] = 1, x.beta[t] = beta;
  x.g = argument;
  ck_assert_int_eq(efla_diagnosis_init(&d, &options, &why), EFLA_OK);
  efla_diagnosis_start(&d, 0, 0, 0, NULL, tokens);
  efla_diagnosis_advance(&d, 0, &x);
  ck_assert_msg(efla_diagnosis_finish(&d, &why) == EFLA_OK, "%s", why.text);
  efla_tokens_clear(&x);
  return d;
}

/* The argument with which the state decays by e^-y. */
static double argument_of(const char *decay, double y) { return !strcmp(decay, "retention") ? 1 - y : -y; }

static const char *const gated[] = {"split", "joint", "retention"};

/* Half-lives 1, 2, 4, 8 and inf, in any order; the quantiles of order i/4 are those numbers.  Two roundings of y where
 * it is 1 - alpha of at least 2^-4, and one of the quotient. */
START_TEST(half_lives) {
  static const double lives[N] = {4, INFINITY, 1, 8, 2}, sorted[N] = {1, 2, 4, 8, INFINITY};
  for (size_t i = 0; i < 3; i++) {
    double argument[N];
    for (size_t t = 0; t < N; t++) argument[t] = argument_of(gated[i], M_LN2 / lives[t]);
    efla_diagnosis d = diagnose(gated[i], 0.5, N, argument);
    for (size_t q = 0; q < N; q++) {
      const double head = efla_statistics_half_life(&d.head[0], (double)q / 4),
                   total = efla_statistics_half_life(&d.total, (double)q / 4);
      if (isinf(sorted[q]))
        ck_assert(isinf(head) && isinf(total));
      else
        CHECK_BOUND(fmax(fabs(head / sorted[q] - 1), fabs(total / sorted[q] - 1)), (16 + 2) * U);
    }
    efla_diagnosis_clear(&d);
  }
  efla_diagnosis d = diagnose("none", 0.5, N, NULL);
  ck_assert(isinf(efla_statistics_half_life(&d.total, 0)) && !d.total.fading.bins);
  efla_diagnosis_clear(&d);
}
END_TEST

/* At x near 0, w_split/w_joint - 1 = y/2 + O(y^2): below a unit u of f32 or bf16 for y = u, above it for y = 4 u. */
START_TEST(where_split_and_joint_differ) {
  static const double ys[N] = {0, 0x1p-24, 0x1p-22, 0x1p-8, 0x1p-6};
  for (size_t i = 0; i < 3; i++) {
    double argument[N];
    for (size_t t = 0; t < N; t++) argument[t] = argument_of(gated[i], ys[t]);
    efla_diagnosis d = diagnose(gated[i], 0x1p-20, N, argument);
    ck_assert_str_eq(efla_statistics_unit(0)->name, "f32");
    ck_assert_str_eq(efla_statistics_unit(1)->name, "bf16");
    ck_assert_uint_eq(d.head[0].differ[0], 3);
    ck_assert_uint_eq(d.head[0].differ[1], 1);
    ck_assert(d.total.differ[0] == 3 && d.total.differ[1] == 1);
    efla_diagnosis_clear(&d);
  }
}
END_TEST

/* With dk = 1 a transition multiplies by R(-z) with z = y + rho, e^-y R(-rho) of split; the law says so too.  z is 1.75
 * to 2.25 here: d - e errs by 8 u of its terms, which are below 4, and the logarithm by that of the result. */
START_TEST(growth_of_each_method) {
  static const double y = 0.25, beta = 2;
  for (size_t i = 0; i < 3; i++) {
    double argument[N];
    const double rho = i == 2 ? (1 - y) * beta : beta, z = i == 0 ? rho : y + rho;
    for (size_t t = 0; t < N; t++) argument[t] = argument_of(gated[i], y);
    efla_diagnosis d = diagnose(gated[i], beta, N, argument);
    for (const efla_method_statistics *m = d.total.method; m < d.total.method + d.total.methods; m++) {
      const double R = fabs(efla_stability(m->method, z)), rate = log(R) - (i == 0 ? y : 0);
      if (R == 0) continue;
      CHECK_BOUND(fabs(m->rate.value - rate), 8 * U * 4 / R + 4 * U * fabs(rate));
      CHECK_BOUND(fabs(m->law.value - rate), 8 * U * 4 / R + 4 * U * fabs(rate));
    }
    ck_assert_double_eq(d.total.x.most, z);
    ck_assert_uint_eq(efla_statistics_beyond(&d.total, 2)->tokens, z > 2 ? N : 0);
    efla_diagnosis_clear(&d);
  }
}
END_TEST

/* Beyond the limit only by its decay, as the verdict says. */
START_TEST(the_sentence_names_the_step) {
  char text[EFLA_SENTENCE];
  double argument[600];
  for (size_t t = 0; t < 600; t++) argument[t] = -1;
  efla_diagnosis d = diagnose("joint", 1.5, 600, argument);
  efla_diagnosis_sentence(&d, text);
  ck_assert_msg(
      strstr(text, "100 % of tokens at beta*lambda - g > 2, first at t = 0: Euler with these unit keys diverges"), "%s",
      text);
  efla_diagnosis_clear(&d);
  d = diagnose("split", 1.5, 600, argument);
  efla_diagnosis_sentence(&d, text);
  ck_assert_msg(strstr(text, "No token at beta*lambda > 2 (largest 1.5): "), "%s", text);
  efla_diagnosis_clear(&d);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {half_lives, where_split_and_joint_differ, growth_of_each_method,
                                the_sentence_names_the_step};
  return testing_main("decay_diagnosis", tests, sizeof tests / sizeof *tests, 60);
}
