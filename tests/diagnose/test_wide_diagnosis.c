/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Diagnoses of tokens with g per channel and with an erase key: half-lives, growth, splittings, mu. */
#include "testing.h"

#include <gsl/gsl_randist.h>

enum { N = 60, DK = 3, DV = 2 };

/* One head of one sequence. */
static efla_diagnosis diagnose(const char *decay, const efla_tokens *x, const double *S) {
  efla_diagnosis d;
  efla_message why;
  const efla_diagnosis_options options = {.sequences = 1,
                                          .heads = 1,
                                          .dk = x->dk,
                                          .dv = x->dv,
                                          .slots = 1,
                                          .measure = x->tokens,
                                          .truth = efla_oracle_find("longdouble"),
                                          .decay = efla_decay_find(decay),
                                          .channels = x->g_per_channel,
                                          .erase_key = x->p != NULL};
  ck_assert_int_eq(efla_diagnosis_init(&d, &options, &why), EFLA_OK);
  efla_diagnosis_start(&d, 0, 0, 0, S, x->tokens);
  for (size_t t = 0; t < x->tokens; t += 7) {
    const efla_tokens part = efla_tokens_slice(x, t, x->tokens - t < 7 ? x->tokens - t : 7);
    efla_diagnosis_advance(&d, 0, &part);
  }
  ck_assert_msg(efla_diagnosis_finish(&d, &why) == EFLA_OK, "%s", why.text);
  return d;
}

/* Normal keys, values and queries, beta*lambda in (0, 1), where no method amplifies; g between -most and 0. */
static efla_tokens draw(size_t dk, double most, double *g) {
  efla_tokens x;
  gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(rng, testing_seed());
  ck_assert_int_eq(efla_tokens_init(&x, N, dk, DV), EFLA_OK);
  for (size_t i = 0; i < N * dk; i++) x.k[i] = gsl_ran_gaussian(rng, 1), x.q[i] = gsl_ran_gaussian(rng, 1);
  for (size_t i = 0; i < N * DV; i++) x.v[i] = gsl_ran_gaussian(rng, 1);
  for (size_t t = 0; t < N; t++) x.beta[t] = gsl_rng_uniform(rng) / efla_lambda(dk, x.k + t * dk);
  for (size_t i = 0; i < N * dk; i++) g[i] = -most * gsl_rng_uniform(rng);
  x.g = g, x.g_per_channel = true;
  gsl_rng_free(rng);
  return x;
}

static double rate(const efla_diagnosis *d, const char *method) {
  return efla_statistics_method(&d->total, method)->rate.value;
}

/* Of all channels: 2 N rates from ln 2 to 2 N ln 2 are half-lives from 1 to 1/(2 N), whose quantiles of order i/(2N - 1)
 * they are: one rounding of the argument, one of the quotient. */
START_TEST(half_lives_of_all_channels) {
  double g[N * 2];
  efla_tokens x = draw(2, 1, g);
  for (size_t i = 0; i < 2 * N; i++) g[i] = -M_LN2 * (double)((i * 7 % (2 * N)) + 1);
  efla_diagnosis d = diagnose("split", &x, NULL);
  ck_assert_uint_eq(d.total.fading.n, 2 * N);
  for (size_t i = 0; i < 2 * N; i++) {
    const double life = efla_statistics_half_life(&d.total, (double)i / (2 * N - 1));
    CHECK_BOUND(fabs(life * (double)(2 * N - i) - 1), (2 * N + 4) * U);
  }
  efla_diagnosis_clear(&d);
  efla_tokens_clear(&x);
}
END_TEST

/* Without keys the vector (1, sqrt 2)/sqrt 3 only decays, whatever the rule: |D^n w|^2 = (e^(2 n g_1) + 2 e^(2 n g_2))/3.
 * docs/bounds.md#wide-diagnosis, where |w| falls by e^-.25 a token at least. */
START_TEST(growth_of_a_decay_alone) {
  static const char *const decays[] = {"split", "strang", "joint"};
  double g[N * 2];
  efla_tokens x = draw(2, 1, g);
  for (size_t t = 0; t < N; t++) x.k[2 * t] = x.k[2 * t + 1] = 0, g[2 * t] = -1, g[2 * t + 1] = -0.25;
  const double expected = log((exp(-2. * N) + 2 * exp(-0.5 * N)) / 3) / 2 / N;
  for (size_t i = 0; i < 3; i++) {
    efla_diagnosis d = diagnose(decays[i], &x, NULL);
    CHECK_BOUND(fabs(rate(&d, "exact") - expected), (i < 2 ? 3 * 2 + 16 : 128) * U);
    if (i < 2)
      CHECK_BOUND(fabs(rate(&d, "euler") - expected), (3 * 2 + 16) * U);
    else
      ck_assert(isnan(rate(&d, "euler"))); /* the flow is of no method */
    ck_assert(isnan(efla_statistics_method(&d.total, "exact")->law.value));
    efla_diagnosis_clear(&d);
  }
  efla_tokens_clear(&x);
}
END_TEST

/* How far two computations of a rate may be apart (docs/bounds.md#wide-diagnosis). */
static double rounding(double rate) { return 2 * (3 * DK + 16) * exp(N * fmax(0, -rate)) * U; }

/* The same g in all channels is one per head: the same product of transitions; and the exact flow, whose steps err by
 * 128 u at most, grows as joint does. */
START_TEST(equal_channels_are_a_head) {
  static const char *const decays[] = {"split", "strang", "joint"};
  double g[N * DK], one[N];
  efla_tokens x = draw(DK, 0.3, g), head = x;
  for (size_t t = 0; t < N; t++) {
    one[t] = g[t * DK];
    for (size_t i = 0; i < DK; i++) g[t * DK + i] = one[t];
  }
  head.g = one, head.g_per_channel = false;
  for (size_t i = 0; i < 3; i++) {
    efla_diagnosis a = diagnose(decays[i], &x, NULL), b = diagnose(decays[i], &head, NULL);
    for (const efla_method *m = efla_methods; m->name; m++)
      if (i < 2) CHECK_BOUND(fabs(rate(&a, m->name) - rate(&b, m->name)), rounding(rate(&b, m->name)));
    CHECK_BOUND(fabs(rate(&a, "exact") - rate(&b, "exact")), 128. / (3 * DK + 16) * rounding(rate(&b, "exact")));
    ck_assert(efla_quantiles_at(&a.total.x, 0.5) >= efla_quantiles_at(&b.total.x, 0.5) - 4 * U);
    ck_assert_double_eq_tol(efla_statistics_half_life(&a.total, 0), efla_statistics_half_life(&b.total, 0), 1e-12);
    efla_diagnosis_clear(&a), efla_diagnosis_clear(&b);
  }
  efla_tokens_clear(&x);
}
END_TEST

/* Different channels: the vector grows as a state of one column does to which nothing is written. */
START_TEST(growth_of_both_splittings) {
  double g[N * DK], y[N * DK], w[DK], nothing[N] = {0};
  efla_tokens x = draw(DK, 0.6, g), column = x;
  column.dv = 1, column.v = nothing;
  for (size_t i = 0; i < N * DK; i++) y[i] = -g[i];
  for (const efla_method *m = efla_methods; m->name; m++)
    for (size_t i = 0; i < 2; i++) {
      efla_diagnosis d = diagnose(i ? "strang" : "split", &x, NULL);
      efla_growth_start(DK, w);
      ck_assert_int_eq(efla_channel_schemes[i].advance(m, &column, y, w), EFLA_OK);
      const double expected = log(sqrt(efla_lambda(DK, w))) / N;
      CHECK_BOUND(fabs(rate(&d, m->name) - expected), rounding(expected));
      efla_diagnosis_clear(&d);
    }
  efla_tokens_clear(&x);
}
END_TEST

/* Root mean square errors along the tokens against the flow in long double, which the f64 flow misses by its bound and
 * Lie's and Strang's splittings by (2 dk + 14) u a token (docs/bounds.md#channel-step) of the states' norm. */
START_TEST(splittings_against_the_exact_flow) {
  double g[N * DK], S[DK * DV], start[DK * DV], split[2][DK * DV], norm = 0, error[2] = {0}, largest[2] = {0}, off = 0;
  long double exact[DK * DV];
  efla_tokens x = draw(DK, 0.5, g);
  for (size_t e = 0; e < DK * DV; e++) exact[e] = S[e] = split[0][e] = split[1][e] = start[e] = (double)e - 2;
  efla_diagnosis d = diagnose("split", &x, start);
  for (size_t t = 0; t < N; t++) {
    double y[DK], own, bound;
    const efla_tokens one = efla_tokens_slice(&x, t, 1);
    for (size_t i = 0; i < DK; i++) y[i] = -g[t * DK + i];
    efla_channel_lie(efla_method_find("exact"), &one, y, split[0], NULL);
    efla_channel_strang(efla_method_find("exact"), &one, y, split[1], NULL);
    ck_assert_int_eq(efla_channel_exact_f64(&one, y, S, &own), EFLA_OK);
    ck_assert_int_eq(efla_channel_exact_long(&one, y, exact, &bound), EFLA_OK);
    const double size = efla_norm(DK * DV, exact);
    norm = hypot(norm, size), off += (own + bound) / size + (2 * DK + 14) * U;
    for (size_t i = 0; i < 2; i++) {
      const double apart = efla_distance(DK * DV, split[i], exact);
      error[i] = hypot(error[i], apart), largest[i] = fmax(largest[i], apart / size);
    }
  }
  const efla_splitting_statistics *s = &d.total.splitting;
  ck_assert_uint_eq(s->tokens, N);
  for (size_t i = 0; i < 2; i++) {
    CHECK_BOUND(fabs(s->error[i].value - error[i] / norm), 2 * off);
    CHECK_BOUND(fabs(s->largest[i].value - largest[i]), 2 * off);
  }
  ck_assert_double_gt(s->error[0].value, 2 * s->error[1].value);
  ck_assert_double_gt(s->error[1].value, 1e-3);
  efla_diagnosis_clear(&d);
  efla_tokens_clear(&x);
}
END_TEST

/* Nothing decays: nothing differs.  Rates of about u = 2^-24 and 2^-8 separate the formats. */
START_TEST(where_lie_differs) {
  static const struct {
    double most;
    size_t f32, bf16;
  } cases[] = {{0, 0, 0}, {0x1p-30, 0, 0}, {0x1p-14, N, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double g[N * DK];
    efla_tokens x = draw(DK, cases[i].most, g);
    for (size_t t = 0; t < N * DK && cases[i].most > 0; t++) g[t] = -cases[i].most * (1 + (double)(t % 3));
    efla_diagnosis d = diagnose("split", &x, (const double[]){1, 2, -3, 4, 5, -6});
    ck_assert_uint_eq(efla_statistics_judged(&d.total), N);
    ck_assert_uint_le(d.total.differ[0], N);
    ck_assert_uint_ge(d.total.differ[0], cases[i].f32 * 3 / 4); /* small steps make a small error */
    ck_assert(cases[i].f32 > 0 || d.total.differ[0] == 0);
    ck_assert_uint_eq(d.total.differ[1], cases[i].bf16);
    efla_diagnosis_clear(&d);
    efla_tokens_clear(&x);
  }
}
END_TEST

/* dk = 1, keys 1: mu = p, and a step multiplies by R(-beta p), also where p is negative.  Errors as in the decay's
 * diagnosis. */
START_TEST(mu_and_growth_of_an_erase_key) {
  static const double ps[] = {-1.5, 0.25, 1, -0.5, 0.5, 2, 0.125};
  enum { M = sizeof ps / sizeof *ps };
  static const double sorted[M] = {-1.5, -0.5, 0.125, 0.25, 0.5, 1, 2};
  efla_tokens x;
  char text[EFLA_SENTENCE];
  double p[M], sum = 0, euler = 0;
  ck_assert_int_eq(efla_tokens_init(&x, M, 1, 1), EFLA_OK);
  for (size_t t = 0; t < M; t++) x.q[t] = x.k[t] = x.v[t] = 1, x.beta[t] = 0.75, p[t] = ps[t];
  for (size_t t = 0; t < M; t++) sum -= 0.75 * ps[t], euler += log(fabs(1 - 0.75 * ps[t]));
  x.p = p;
  efla_diagnosis d = diagnose("none", &x, NULL);
  for (size_t i = 0; i < M; i++) ck_assert_double_eq(efla_statistics_mu(&d.total, (double)i / (M - 1)), sorted[i]);
  CHECK_BOUND(fabs(efla_statistics_mu(&d.total, 1.5 / (M - 1)) - (-0.5 + 0.125) / 2), 8 * U);
  ck_assert_uint_eq(d.total.against.n, 2);
  ck_assert_double_eq(d.total.rise.value, 0.75 * 1.5);
  ck_assert_uint_eq(d.total.rise.at.token, 0);
  ck_assert_double_eq(efla_quantiles_at(&d.total.x, 0), 0);
  ck_assert_double_eq(d.total.x.most, 1.5);
  CHECK_BOUND(fabs(rate(&d, "exact") - sum / M), (3 + 16) * 2 * exp(1.5) * U); /* 1 - a mu is e^-1.5 at least */
  CHECK_BOUND(fabs(rate(&d, "euler") - euler / M), (3 + 16) * 2 / 0.25 * U);   /* or 1/4 in size */
  efla_diagnosis_sentence(&d, text);
  ck_assert_msg(strstr(text, "No token at beta*p^T k > 2 (largest 1.5)"), "%s", text);
  ck_assert_msg(strstr(text, "p^T k < 0: there the flow itself grows, by up to e^1.12 a token."), "%s", text);
  efla_diagnosis_clear(&d);
  efla_tokens_clear(&x);
}
END_TEST

/* p = k is no erase key: the growth of every method is that without one. */
START_TEST(the_key_as_erase_key) {
  double g[N * DK];
  efla_tokens x = draw(DK, 0.3, g), with = x;
  with.p = x.k;
  efla_diagnosis a = diagnose("split", &x, NULL), b = diagnose("split", &with, NULL);
  for (const efla_method *m = efla_methods; m->name; m++) ck_assert_double_eq(rate(&a, m->name), rate(&b, m->name));
  ck_assert_uint_eq(b.total.against.n, 0);
  ck_assert_uint_eq(b.total.splitting.tokens, 0); /* the exact flow has no erase key */
  efla_diagnosis_clear(&a), efla_diagnosis_clear(&b);
  x.g = with.g = NULL, x.g_per_channel = with.g_per_channel = false;
  a = diagnose("none", &x, NULL), b = diagnose("none", &with, NULL);
  for (const efla_method *m = efla_methods; m->name; m++)
    CHECK_BOUND(fabs(rate(&a, m->name) - rate(&b, m->name)), rounding(rate(&a, m->name)));
  efla_diagnosis_clear(&a), efla_diagnosis_clear(&b);
  efla_tokens_clear(&x);
}
END_TEST

/* What only single tokens tell is told of the flow itself too. */
START_TEST(the_exact_flow) {
  double g[N * DK];
  char text[EFLA_SENTENCE];
  efla_tokens x = draw(DK, 0.5, g);
  efla_diagnosis d = diagnose("joint", &x, NULL);
  ck_assert_str_eq(efla_diagnosis_decay(&d), "exact");
  ck_assert_str_eq(efla_diagnosis_step(&d), "beta*lambda - least g");
  ck_assert_double_lt(rate(&d, "exact"), 0);
  efla_diagnosis_sentence(&d, text);
  ck_assert_msg(strstr(text, "The exact flow with g per channel is stable for all keys and step sizes; along the first "
                             "60 tokens of every head Lie's splitting errs by ") == text,
                "%s", text);
  efla_diagnosis_clear(&d);
  efla_tokens_clear(&x);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {half_lives_of_all_channels,
                                growth_of_a_decay_alone,
                                equal_channels_are_a_head,
                                growth_of_both_splittings,
                                splittings_against_the_exact_flow,
                                where_lie_differs,
                                mu_and_growth_of_an_erase_key,
                                the_key_as_erase_key,
                                the_exact_flow};
  return testing_main("wide_diagnosis", tests, sizeof tests / sizeof *tests, 60);
}
