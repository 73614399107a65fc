/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Diagnoses of tokens whose statistics are known. */
#include "testing.h"

static const efla_method *method(const char *name) { return efla_method_find(name); }

/* A diagnosis with one slot; every call of feed is one sequence of one head. */
static efla_diagnosis begin(size_t sequences, size_t heads, size_t dk, size_t dv, size_t measure) {
  efla_diagnosis d;
  efla_message why;
  const efla_diagnosis_options options = {sequences, heads, dk,   dv, 1, measure, efla_oracle_find("longdouble"),
                                          NULL,      false, false};
  ck_assert_int_eq(efla_diagnosis_init(&d, &options, &why), EFLA_OK);
  return d;
}

static void feed(efla_diagnosis *d, size_t sequence, size_t head, const efla_tokens *x, const double *S, size_t block) {
  efla_diagnosis_start(d, 0, sequence, head, S, x->tokens);
  for (size_t t = 0; t < x->tokens; t += block) {
    efla_tokens part = efla_tokens_slice(x, t, x->tokens - t < block ? x->tokens - t : block);
    efla_diagnosis_advance(d, 0, &part);
  }
}

static void finish(efla_diagnosis *d) {
  efla_message why;
  ck_assert_msg(efla_diagnosis_finish(d, &why) == EFLA_OK, "%s", why.text);
}

static const efla_method_statistics *found(const efla_diagnosis *d, const char *name) {
  return efla_statistics_method(&d->total, name);
}

static bool says(const efla_diagnosis *d, const char *words) {
  char sentence[EFLA_SENTENCE];
  efla_diagnosis_sentence(d, sentence);
  if (!strstr(sentence, words)) printf("not '%s' in: %s\n", words, sentence);
  return strstr(sentence, words) != NULL;
}

/* Tokens that all have key e_1 times a norm, the same value, and a query along the key. */
static efla_tokens one_key(size_t tokens, size_t dk, size_t dv, double beta, double norm) {
  efla_tokens x;
  ck_assert_int_eq(efla_tokens_init(&x, tokens, dk, dv), EFLA_OK);
  for (size_t t = 0; t < tokens; t++) {
    x.q[t * dk] = 2, x.k[t * dk] = norm, x.beta[t] = beta;
    for (size_t j = 0; j < dv; j++) x.v[t * dv + j] = (double)j + 1;
  }
  return x;
}

/* One key again and again: a method's state along it is (1 - R^n) v after n tokens, R = R(-x), and the vector of
 * growth.h keeps 1 - c^2 of its square and multiplies the rest, c^2 = 1/(1 + ... + dk), by R^(2n).  Growth: n logs of
 * norms, each within a few u of the closed form's.  Errors: n steps of (d+8)u relative (docs/bounds.md#step), relative
 * to an error as large as the state itself. lambda = norm^2 is exact here, hence so is every quantile. */
START_TEST(one_key_repeated) {
  enum { N = 200, DK = 4, DV = 3 };
  static const double steps[] = {0.5, 1.5, 2.5, 4.75};
  for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
    double x = steps[s];
    efla_tokens tokens = one_key(N, DK, DV, x / 4, 2);
    efla_diagnosis d = begin(1, 1, DK, DV, N);
    feed(&d, 0, 0, &tokens, NULL, N);
    finish(&d);
    for (double p = 0; p <= 1; p += 0.25) ck_assert_double_eq(efla_quantiles_at(&d.total.x, p), x);
    for (size_t i = 0; i < d.total.limits; i++) {
      ck_assert_uint_eq(d.total.beyond[i].tokens, x > d.total.beyond[i].limit ? N : 0);
      ck_assert_uint_eq(d.total.beyond[i].first.token, x > d.total.beyond[i].limit ? 0 : SIZE_MAX);
    }
    for (const efla_method *m = efla_methods; m->name; m++) {
      const efla_method_statistics *f = found(&d, m->name);
      double R = efla_stability(m, x), exact = exp(-x), errors = 0, states = 0, largest = 0,
             c2 = 1. / (DK * (DK + 1) / 2);
      double growth = log(1 - c2 + c2 * pow(R * R, N)) / 2;
      CHECK_BOUND(fabs(f->rate.value * N - growth), N * 8 * U + 1e-13 * fabs(growth));
      for (int n = 1; n <= N; n++) {
        double error = pow(R, n) - pow(exact, n), state = 1 - pow(exact, n);
        errors += error * error, states += state * state, largest = fmax(largest, fabs(error) / state);
      }
      double slack = N * (DK + 8) * U;
      CHECK_BOUND(fabs(f->deviation.state.value - sqrt(errors / states)), slack * (1 + sqrt(errors / states)));
      CHECK_BOUND(fabs(f->deviation.readout.value - sqrt(errors / states)), slack * (1 + sqrt(errors / states)));
      CHECK_BOUND(fabs(f->deviation.largest.value - largest), slack * (1 + largest));
      ck_assert_uint_eq(f->diverging, x > m->stable);
    }
    efla_diagnosis_clear(&d);
    efla_tokens_clear(&tokens);
  }
}
END_TEST

/* Where Euler's state leaves f32: token t adds a (v - y) = x R^t v, R = 1 - x = -1.5, which passes the largest float;
 * the largest v is 3. No t comes within .1 % of that edge, and 400 tokens' roundings, 4 u32 each, make less.  Beyond
 * the measured tokens, too, and whatever the blocks are. */
START_TEST(overflow_of_one_key) {
  static const size_t blocks[] = {1, 100, 128, 400};
  size_t expected = 0;
  while (7.5 * pow(1.5, (double)expected) <= FLT_MAX) expected++;
  ck_assert(7.5 * pow(1.5, (double)expected) > 1.001 * FLT_MAX &&
            7.5 * pow(1.5, (double)expected - 1) < 0.999 * FLT_MAX);
  for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++)
    for (size_t measure = 10; measure <= 400; measure += 390) {
      efla_tokens tokens = one_key(400, 4, 3, 2.5, 1);
      efla_diagnosis d = begin(1, 1, 4, 3, measure);
      feed(&d, 0, 0, &tokens, NULL, blocks[b]);
      finish(&d);
      ck_assert_uint_eq(found(&d, "euler")->overflow_f32.token, expected);
      ck_assert_uint_eq(d.total.measured, measure);
      ck_assert_uint_eq(found(&d, "rk4")->overflow_f32.token, SIZE_MAX);
      ck_assert_uint_eq(found(&d, "euler")->diverging, 1);
      efla_diagnosis_clear(&d);
      efla_tokens_clear(&tokens);
    }
}
END_TEST

/* Independent Gaussian keys: the law is that of growth.h over the tokens, each x moved by half a bin at most, in which
 * the expectation is monotone or nearly so; and the measured rate agrees with it within five standard errors, its steps
 * being nearly independent. */
START_TEST(random_keys_follow_the_law) {
  enum { N = 10000, D = 16 };
  efla_tokens x = testing_tokens("gaussian", 1.6, N, D, 1);
  efla_diagnosis d = begin(1, 1, D, 1, 1);
  efla_growth_law law;
  efla_growth_law_init(&law, D);
  feed(&d, 0, 0, &x, NULL, 1024);
  finish(&d);
  for (const efla_method *m = efla_methods; m->name; m++) {
    double sum = 0, bound = 0, squares = 0, w[D];
    efla_growth_start(D, w);
    for (size_t t = 0; t < N; t++) {
      double step = efla_token_x(&x, t), expected = efla_growth_expected(&law, efla_stability(m, step));
      double up = efla_growth_expected(&law, efla_stability(m, step * exp2(1. / 256)));
      double down = efla_growth_expected(&law, efla_stability(m, step / exp2(1. / 256)));
      double coefficient = efla_coefficient(m, x.beta[t], efla_lambda(D, x.k + t * D));
      sum += expected, bound += fmax(fabs(up - expected), fabs(down - expected));
      squares += pow(efla_growth_transition(D, x.k + t * D, 1, coefficient, w) - expected, 2);
    }
    CHECK_BOUND(fabs(found(&d, m->name)->law.value - sum / N), bound / N + 1e-14);
    CHECK_BOUND(fabs(found(&d, m->name)->rate.value - sum / N), 5 * sqrt(squares) / N);
  }
  efla_diagnosis_clear(&d);
  efla_tokens_clear(&x);
}
END_TEST

/* One token beyond 2 among 4000 of 8 heads. */
START_TEST(one_token_beyond) {
  enum { N = 500, D = 8, HEADS = 8 };
  efla_diagnosis d = begin(1, HEADS, D, D, 64);
  for (size_t h = 0; h < HEADS; h++) {
    efla_tokens x = testing_tokens("unit", 1, N, D, D);
    if (h == 5)
      for (size_t i = 0; i < D; i++) x.k[417 * D + i] *= sqrt(2.5 / x.beta[417]);
    feed(&d, 0, h, &x, NULL, 100);
    efla_tokens_clear(&x);
  }
  finish(&d);
  const efla_beyond *two = efla_statistics_beyond(&d.total, 2), *here = efla_statistics_beyond(&d.head[5], 2);
  ck_assert(two && two->tokens == 1 && two->first.head == 5 && two->first.token == 417 && here->tokens == 1);
  ck_assert_uint_eq(efla_statistics_beyond(&d.head[4], 2)->tokens, 0);
  ck_assert_uint_eq(efla_statistics_beyond(&d.total, method("rk4")->stable)->tokens, 0);
  ck_assert(says(&d, "0.025 % of tokens at beta*lambda > 2, first at t = 417, head 5: Euler with raw keys amplifies "
                     "errors there but does"
                     " not diverge"));
  ck_assert(says(&d, "; the exact coefficient or unit keys are safe."));
  efla_diagnosis_clear(&d);
}
END_TEST

/* The limits are the finite ones of the method table, each once, rising. */
START_TEST(limits_are_the_methods) {
  efla_diagnosis d = begin(1, 1, 2, 2, 1);
  for (size_t i = 1; i < d.total.limits; i++) ck_assert_double_gt(d.total.beyond[i].limit, d.total.beyond[i - 1].limit);
  for (size_t i = 0; i < d.total.limits; i++) {
    bool is_one = false;
    for (const efla_method *m = efla_methods; m->name; m++)
      is_one |= m->stable == d.total.beyond[i].limit || m->positive == d.total.beyond[i].limit;
    ck_assert(is_one && isfinite(d.total.beyond[i].limit));
  }
  for (const efla_method *m = efla_methods; m->name; m++) {
    ck_assert(isinf(m->stable) || efla_statistics_beyond(&d.total, m->stable));
    ck_assert(isinf(m->positive) || efla_statistics_beyond(&d.total, m->positive));
  }
  efla_diagnosis_clear(&d);
}
END_TEST

/* Tokens of a family; every even one with this beta, every odd one with the other; beta < 0: as drawn. */
static efla_diagnosis diagnose(const char *family, double norm, double beta, double other, size_t tokens) {
  efla_tokens x = testing_tokens(family, norm, tokens, 16, 8);
  for (size_t t = 0; beta > 0 && t < tokens; t++) x.beta[t] = t % 2 ? other : beta;
  efla_diagnosis d = begin(1, 1, 16, 8, tokens);
  feed(&d, 0, 0, &x, NULL, 128);
  finish(&d);
  efla_tokens_clear(&x);
  return d;
}

/* The last: x = 1 and 2.4 by turns, where R^2 - 1 is -1 and .96 for Euler, which fades, but -.75 and 1.2 for RK2, which
 * grows. */
START_TEST(verdicts) {
  static const struct {
    const char *family;
    double norm, beta, other;
    const char *says[3];
  } cases[] = {
      {"gaussian",
       0.7,
       -1,
       0,
       {"No token at beta*lambda > 2 (largest ", "Euler with raw keys is stable, its state ",
        "the exact coefficient or unit keys are safe."}},
      {"gaussian",
       4,
       -1,
       0,
       {"Euler with raw keys diverges (past f32 from t = ", ", as do rk2, rk4, rk8",
        "the exact coefficient or unit keys are safe."}},
      {"unit", 1, -1, 0, {"No token", "Euler with these unit keys is stable", "; the exact coefficient is safe."}},
      {"unit",
       1,
       2.5,
       2.5,
       {"100 % of tokens", "Euler with these unit keys diverges", "; the exact coefficient is safe."}},
      {"gaussian",
       0.2,
       2.5,
       2.5,
       {"No token", "is stable", "the exact coefficient is safe, unit keys are not (beta up to 2.5)."}},
      {"unit",
       1,
       1,
       2.4,
       {"50 % of tokens", "Euler with these unit keys amplifies errors there but does not diverge, its state ",
        "; but these diverge: rk2; "}},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    efla_diagnosis d = diagnose(cases[c].family, cases[c].norm, cases[c].beta, cases[c].other, 1500);
    for (size_t i = 0; i < 3; i++) ck_assert_msg(says(&d, cases[c].says[i]), "case %zu", c);
    efla_diagnosis_clear(&d);
  }
  efla_diagnosis d = begin(1, 1, 2, 2, 1);
  finish(&d);
  ck_assert(says(&d, "There are no tokens."));
  efla_diagnosis_clear(&d);
}
END_TEST

/* Every sequence starts anew: three of 150 tokens never overflow where one of 450 would (see above, 219 tokens), unless
 * one starts from a state that is large already.  The first tokens of the first sequences are measured. */
START_TEST(sequences_start_anew) {
  for (int large = 0; large < 2; large++) {
    efla_tokens x = one_key(150, 4, 3, 2.5, 1);
    efla_diagnosis d = begin(3, 2, 4, 3, 200);
    double S[12] = {[1] = 1e30};
    for (size_t n = 0; n < 3; n++)
      for (size_t h = 0; h < 2; h++) feed(&d, n, h, &x, large && n == 1 && h == 1 ? S : NULL, 128);
    finish(&d);
    ck_assert_uint_eq(d.total.tokens, 900);
    ck_assert_uint_eq(d.total.measured, 400);
    ck_assert_uint_eq(d.total.longest, 150);
    ck_assert_uint_eq(d.total.most_measured, 150);
    size_t expected = 0; /* token t adds x R^t (1e30 - v), nearly */
    while (2.5e30 * pow(1.5, (double)expected) <= FLT_MAX) expected++;
    efla_place overflow = found(&d, "euler")->overflow_f32;
    ck_assert_uint_eq(overflow.token, large ? expected : SIZE_MAX);
    if (large) ck_assert(overflow.sequence == 1 && overflow.head == 1);
    ck_assert(says(&d, large ? "in 2 of 2 heads (past f32 from t = 47, head 1, sequence 1 on)"
                             : "in 2 of 2 heads (state lost from t = 0, "));
    efla_diagnosis_clear(&d);
    efla_tokens_clear(&x);
  }
}
END_TEST

/* The narrowest format that suffices; of equal width the one with the smaller error; errors walked on to the end of the
 * stream: 4 times the tokens, twice the error. */
START_TEST(sufficient_formats) {
  static const struct {
    const char *format;
    double error;
  } errors[] = {{"f64", 1e-16}, {"f32", 1e-7}, {"tf32", 4e-4}, {"fp16", INFINITY},
                {"bf16", 3e-3}, {"e4m3", 0.1}, {"e5m2", NAN}};
  efla_statistics f;
  ck_assert_int_eq(efla_statistics_init(&f), EFLA_OK);
  ck_assert_ptr_null(efla_diagnosis_sufficient(&f, 1)); /* nothing measured */
  f.longest = 400, f.most_measured = 400;
  for (size_t i = 0; i < f.formats; i++)
    for (size_t e = 0; e < sizeof errors / sizeof *errors; e++)
      if (!strcmp(f.format[i].format->name, errors[e].format)) f.format[i].deviation.largest.value = errors[e].error;
  ck_assert_str_eq(efla_diagnosis_sufficient(&f, 1)->name, "e4m3");
  ck_assert_str_eq(efla_diagnosis_sufficient(&f, 1e-2)->name, "bf16");
  ck_assert_str_eq(efla_diagnosis_sufficient(&f, 5e-4)->name, "tf32");
  ck_assert_str_eq(efla_diagnosis_sufficient(&f, 1e-5)->name, "f32");
  ck_assert_ptr_null(efla_diagnosis_sufficient(&f, 1e-17));
  f.most_measured = 100;
  ck_assert_double_eq(efla_diagnosis_walk(&f), 2);
  ck_assert_str_eq(efla_diagnosis_sufficient(&f, 5e-4)->name, "f32");
  for (size_t i = 0; i < f.formats; i++) /* both of 11 digits suffice */
    if (!strcmp(f.format[i].format->name, "fp16")) f.format[i].deviation.largest.value = 1e-4;
  ck_assert_str_eq(efla_diagnosis_sufficient(&f, 1e-3)->name, "fp16");
  efla_statistics_clear(&f);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {one_key_repeated,     overflow_of_one_key,    random_keys_follow_the_law,
                                one_token_beyond,     limits_are_the_methods, verdicts,
                                sequences_start_anew, sufficient_formats};
  return testing_main("diagnosis", tests, sizeof tests / sizeof *tests, 120);
}
