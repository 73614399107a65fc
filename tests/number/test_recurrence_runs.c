/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs of many tokens: global error, saturation, thresholds, rounding, special inputs, formats and blow-up. */
#include "testing.h"

static double norm(size_t n, const double *x) { return sqrt(efla_lambda(n, x)); }

/* |S^T k - v|, what a token still has to learn. */
static double residual(size_t dk, size_t dv, const double *k, const double *v, const double *S) {
  double sum = 0;
  for (size_t j = 0; j < dv; j++) {
    double r = -v[j];
    for (size_t i = 0; i < dk; i++) r += k[i] * S[i * dv + j];
    sum += r * r;
  }
  return sqrt(sum);
}

enum { D = 16, STATE = D * D };

/* docs/bounds.md#global: (I - a_hat k k^T) has norm at most 1 for 0 <= a_hat lambda <= 2, so that what a wrong
 * coefficient adds per token, |a - a_hat| |k| |S^T k - v|, is never enlarged.  Both runs and the residual round: 2
 * (d+8)u per token. */
START_TEST(global_error_is_bounded_by_the_coefficients_errors) {
  static const char *const names[] = {"euler", "rk2", "rk4", "implicit", "trapezoid", "gauss4", "radau3"};
  const efla_method *exact = efla_method_find("exact");
  for (size_t m = 0; m < sizeof names / sizeof *names; m++) {
    efla_tokens x = testing_tokens("unit", 1, 2000, D, D);
    double S[STATE] = {0}, other[STATE] = {0}, bound = 0;
    for (size_t t = 0; t < x.tokens; t++) {
      const double *k = x.k + t * D, *v = x.v + t * D;
      double lambda = efla_lambda(D, k), beta = 1.9 * x.beta[t], a = efla_coefficient(exact, beta, lambda);
      double a_hat = efla_coefficient(efla_method_find(names[m]), beta, lambda), length = sqrt(lambda),
             difference[STATE];
      ck_assert(a_hat * lambda <= 2);
      bound += fabs(a - a_hat) * length * residual(D, D, k, v, S);
      bound += 2 * (D + 8) * U * (norm(STATE, S) + norm(STATE, other) + 2 * length * norm(D, v));
      efla_recurrence_f64(1, D, D, NULL, k, v, &(efla_coefficients){1, a, a}, S, NULL);
      efla_recurrence_f64(1, D, D, NULL, k, v, &(efla_coefficients){1, a_hat, a_hat}, other, NULL);
      for (size_t e = 0; e < STATE; e++) difference[e] = other[e] - S[e];
      CHECK_BOUND(norm(STATE, difference), bound);
    }
    efla_tokens_clear(&x);
  }
}
END_TEST

/* Euler's and the exact state after tokens of x; the relative distance between them. */
static double euler_error(const efla_tokens *x, size_t tokens) {
  double S[2][STATE] = {{0}};
  efla_coefficients *c = malloc(tokens * sizeof *c);
  efla_tokens first = efla_tokens_slice(x, 0, tokens);
  for (int m = 0; m < 2; m++) {
    efla_token_coefficients(&(efla_rule){.method = efla_method_find(m ? "exact" : "euler")}, &first, c);
    efla_recurrence_f64(tokens, D, D, NULL, x->k, x->v, c, S[m], NULL);
  }
  for (size_t e = 0; e < STATE; e++) S[0][e] -= S[1][e];
  free(c);
  return norm(STATE, S[0]) / norm(STATE, S[1]);
}

/* docs/bounds.md#global: where the flow contracts the error saturates; measured .33 and .36. */
START_TEST(the_error_of_euler_saturates) {
  efla_tokens x = testing_tokens("unit", 1, 100000, D, D);
  double early = euler_error(&x, 100), late = euler_error(&x, x.tokens);
  CHECK_BOUND(late, 2 * early);
  CHECK_BOUND(0.01, early); /* there is an error to speak of */
  efla_tokens_clear(&x);
}
END_TEST

/* 4096 times the same key and value, starting from zero; the state's norm in units of |v|/|k|, where it should settle.
 */
static double repeat(const efla_method *method, double x) {
  efla_tokens one = testing_tokens("unit", 1, 1, D, D);
  double S[STATE] = {0}, lambda = efla_lambda(D, one.k), coefficient = efla_coefficient(method, x / lambda, lambda);
  for (int t = 0; t < 4096; t++)
    efla_recurrence_f64(1, D, D, NULL, one.k, one.v, &(efla_coefficients){1, coefficient, coefficient}, S, NULL);
  double size = norm(STATE, S) * sqrt(lambda) / norm(D, one.v);
  efla_tokens_clear(&one);
  return size;
}

/* docs/bounds.md#thresholds, for the limit of every row: with a constant key k^T S - v^T is multiplied by R each token,
 * so the state stays within 1 + |R|^t <= 2 of its units (and a few (d+8)u per token), or grows as |R|^t.  R changes by
 * at least 2 % between the limit and 2.5 % past it, as its slope there is at least 1. */
START_TEST(thresholds_with_a_constant_key) {
  size_t limited = 0;
  for (const efla_method *m = efla_methods; m->name; m++) {
    double inside = isfinite(m->stable) ? 0.995 * m->stable : 1000;
    CHECK_BOUND(repeat(m, inside), 2 + 4096 * (D + 8) * U);
    if (isinf(m->stable)) continue;
    ck_assert_msg(!(repeat(m, 1.025 * m->stable) < 1e30), "%s does not diverge past its limit", m->name);
    limited++;
  }
  ck_assert_uint_ge(limited, 4);
  ck_assert(!(repeat(efla_method_find("euler"), 2.05) < 1e30) && !(repeat(efla_method_find("rk2"), 2.05) < 1e30));
  ck_assert(!(repeat(efla_method_find("rk4"), 2.80) < 1e30) && repeat(efla_method_find("rk4"), 2.78) < 3);
}
END_TEST

/* Relative errors of the exact method's runs in f64 and f32, the oracle's own error on top. */
static void long_run(const char *family, double size, double *f64, double *f32) {
  efla_tokens x = testing_tokens(family, size, 100000, D, D);
  const efla_method *exact = efla_method_find("exact");
  efla_run wide, narrow;
  long double S[STATE] = {0};
  double error = 0;
  ck_assert_int_eq(efla_oracle_advance(efla_oracle_find("longdouble"), NULL, &x, S, &error, NULL), EFLA_OK);
  ck_assert_int_eq(efla_run_init(&wide, &(efla_rule){.method = exact},
                                 &(efla_storage){.format = efla_format_find("f64"), .state = true}, D, D),
                   EFLA_OK);
  ck_assert_int_eq(efla_run_init(&narrow, &(efla_rule){.method = exact},
                                 &(efla_storage){.format = efla_format_find("f32"), .state = true}, D, D),
                   EFLA_OK);
  efla_run_advance(&wide, &x);
  efla_run_advance(&narrow, &x);
  *f64 = (efla_distance(STATE, wide.S, S) + error) / efla_norm(STATE, S);
  *f32 = (efla_distance(STATE, narrow.S, S) + error) / efla_norm(STATE, S);
  efla_run_clear(&wide);
  efla_run_clear(&narrow);
  efla_tokens_clear(&x);
}

/* docs/bounds.md#long-run: 1 - R^2 has mean 1/5 or more from norm .5 on. */
START_TEST(rounding_saturates_for_independent_keys) {
  for (double size = 0.5; size < 5; size *= 2) {
    double f64, f32;
    long_run("gaussian", size, &f64, &f32);
    CHECK_BOUND(f64, sqrt(5 * D) * U);
    CHECK_BOUND(f32, sqrt(5 * D) * U32);
  }
}
END_TEST

/* docs/bounds.md#long-run.  With 8 keys half of the state is never revisited except by rounding: a random walk,
 * kappa at most 1. */
START_TEST(rounding_walks_for_a_dictionary) {
  double f64, f32;
  long_run("dictionary", 1, &f64, &f32);
  CHECK_BOUND(f64, U * sqrt(1e5));
  CHECK_BOUND(f32, U32 * sqrt(1e5));
}
END_TEST

/* Neither a zero key nor a zero step moves the state by a bit. */
START_TEST(zero_keys_and_steps_change_nothing) {
  for (const efla_method *m = efla_methods; m->name; m++)
    for (int kind = 0; kind < 2; kind++) {
      efla_tokens x = testing_tokens("gaussian", 1, 5, 63, 65);
      double S[63 * 65], copy[63 * 65];
      efla_coefficients c[5];
      for (size_t e = 0; e < 63 * 65; e++) S[e] = copy[e] = sin(1 + (double)e);
      for (size_t e = 0; e < 5 * 63; e++) x.k[e] *= kind;
      for (size_t t = 0; t < 5; t++) x.beta[t] *= 1 - kind;
      efla_token_coefficients(&(efla_rule){.method = m}, &x, c);
      efla_recurrence_f64(5, 63, 65, NULL, x.k, x.v, c, S, NULL);
      ck_assert_mem_eq(S, copy, sizeof S);
      efla_tokens_clear(&x);
    }
}
END_TEST

/* A key seen again and again with a large step is read back as the last value: within 8u of docs/bounds.md#step. */
START_TEST(identical_keys_recall_the_last_value) {
  efla_tokens x = testing_tokens("dictionary", 1, 200, D, D);
  double S[STATE] = {0}, coefficient, before;
  for (size_t t = 0; t < x.tokens; t++) {
    const double *k = x.k, *v = x.v + t * D; /* the first key */
    double lambda = efla_lambda(D, k);
    coefficient = efla_coefficient(efla_method_find("exact"), 100 / lambda, lambda);
    before = norm(STATE, S);
    efla_recurrence_f64(1, D, D, NULL, k, v, &(efla_coefficients){1, coefficient, coefficient}, S, NULL);
    /* 8u is the error of the state, D more the rounding of this very product. */
    CHECK_BOUND(residual(D, D, k, v, S), (8 + D) * U * sqrt(lambda) * (before + norm(D, v) / sqrt(lambda)));
  }
  efla_tokens_clear(&x);
}
END_TEST

/* Subnormal keys: x vanishes and a = beta, and from S = 0 the state is fl(fl(beta k_i) v_j), with 2^1000 = beta large
 * enough to lift it out of the subnormals: two roundings. */
START_TEST(subnormal_keys_still_write) {
  double k[3] = {0x1p-1060, -0x1.8p-1070, DBL_TRUE_MIN}, v[2] = {0.7, -1.3}, S[6] = {0}, beta = 0x1p1000;
  double coefficient = efla_coefficient(efla_method_find("exact"), beta, efla_lambda(3, k));
  ck_assert_double_eq(coefficient, beta);
  efla_recurrence_f64(1, 3, 2, NULL, k, v, &(efla_coefficients){1, coefficient, coefficient}, S, NULL);
  for (size_t e = 0; e < 6; e++) {
    long double truth = (long double)beta * k[e / 2] * v[e % 2];
    CHECK_BOUND((double)fabsl((S[e] - truth) / truth), 2 * U);
  }
}
END_TEST

/* The run in any format but f64, token by token: inputs rounded to f32, the coefficient from those, the state rounded
 * by the definition. */
static void reference_run(const efla_method *method, const efla_format *format, const efla_tokens *x, float *S) {
  size_t dk = x->dk, dv = x->dv;
  float k[130], v[130];
  for (size_t t = 0; t < x->tokens; t++) {
    double lambda = 0;
    for (size_t i = 0; i < dk; i++) k[i] = (float)x->k[t * dk + i], lambda += (double)k[i] * (double)k[i];
    float coefficient = (float)efla_coefficient(method, x->beta[t], lambda);
    for (size_t j = 0; j < dv; j++) v[j] = (float)x->v[t * dv + j];
    efla_recurrence_f32(1, dk, dv, NULL, k, v, &(efla_coefficients){1, (double)coefficient, (double)coefficient}, S,
                        NULL);
    for (size_t e = 0; e < dk * dv; e++) S[e] = (float)efla_format_round(format, S[e]);
  }
}

static void check_run(const efla_method *method, const efla_format *format, const efla_tokens *x) {
  size_t dk = x->dk, dv = x->dv;
  efla_run run;
  double *S = calloc(dk * dv, sizeof *S), *o = testing_poison(dv);
  float *S32 = calloc(dk * dv, sizeof *S32);
  efla_coefficients *c = malloc(x->tokens * sizeof *c);
  efla_token_coefficients(&(efla_rule){.method = method}, x, c);
  if (format->digits == 53)
    efla_recurrence_f64(x->tokens, dk, dv, NULL, x->k, x->v, c, S, NULL);
  else
    reference_run(method, format, x, S32);
  if (format->digits < 53)
    for (size_t e = 0; e < dk * dv; e++) S[e] = S32[e];
  efla_readout_f64(dk, dv, x->q + (x->tokens - 1) * dk, S, o);
  ck_assert_int_eq(
      efla_run_init(&run, &(efla_rule){.method = method}, &(efla_storage){.format = format, .state = true}, dk, dv),
      EFLA_OK);
  for (size_t first = 0, count = 1; first < x->tokens; first += count, count = first < 40 ? 7 : x->tokens - first) {
    efla_tokens part = efla_tokens_slice(x, first, count);
    efla_run_advance(&run, &part);
  }
  ck_assert_uint_eq(run.blowup, 0);
  ck_assert_uint_eq(run.tokens, x->tokens);
  if (format->digits < 24) {
    ck_assert_mem_eq(run.S, S, dk * dv * sizeof *S);
    ck_assert_mem_eq(run.o, o, dv * sizeof *o);
  }
  double bound = 2 * testing_rounding(x->tokens, dk) * efla_format_unit(format), size = sqrt(efla_lambda(dk * dv, S));
  double query = sqrt(efla_lambda(dk, x->q + (x->tokens - 1) * dk));
  for (size_t e = 0; e < dk * dv; e++) CHECK_BOUND(fabs(run.S[e] - S[e]), bound * size);
  for (size_t j = 0; j < dv; j++) CHECK_BOUND(fabs(run.o[j] - o[j]), (bound + (double)dk * U) * size * query);
  efla_run_clear(&run);
  free(S);
  free(S32);
  free(c);
  free(o);
}

/* Bit for bit where every token's state is rounded; in f64 and f32 the kernel takes the sums in another order. */
START_TEST(runs_equal_the_recurrence) {
  static const size_t dk[] = {1, 3, 63, 130}, dv[] = {65, 1, 16, 64};
  for (const efla_format *f = efla_formats; f->name; f++)
    for (size_t n = 0; n < 4; n++) {
      efla_tokens x = testing_tokens("gaussian", 1, 65, dk[n], dv[n]);
      for (size_t e = 0; e < 65 * dk[n]; e++) x.k[e] *= 1 + 0x1p-30; /* digits that f32 must round away */
      check_run(efla_method_find("exact"), f, &x);
      check_run(efla_method_find("rk4"), f, &x);
      efla_tokens_clear(&x);
    }
}
END_TEST

/* docs/findings.md#accumulation: with norm 4 Euler overflows.  The run names the token after which a number first is
 * not finite, however the tokens were handed over, and stays there. */
START_TEST(blow_up_is_recorded) {
  efla_tokens x = testing_tokens("gaussian", 4, 5000, D, D);
  const efla_method *euler = efla_method_find("euler");
  double S[STATE] = {0}, coefficient;
  size_t first = 0;
  for (size_t t = 0; t < x.tokens && !first; t++) {
    coefficient = efla_coefficient(euler, x.beta[t], efla_lambda(D, x.k + t * D));
    efla_recurrence_f64(1, D, D, NULL, x.k + t * D, x.v + t * D, &(efla_coefficients){1, coefficient, coefficient}, S,
                        NULL);
    for (size_t e = 0; e < STATE; e++) first = isfinite(S[e]) ? first : t + 1;
  }
  ck_assert_uint_gt(first, 0);
  for (size_t block = 7; block <= 5000; block *= 25) {
    efla_run run;
    size_t bad = 0;
    ck_assert_int_eq(efla_run_init(&run, &(efla_rule){.method = euler},
                                   &(efla_storage){.format = efla_format_find("f64"), .state = true}, D, D),
                     EFLA_OK);
    for (size_t t = 0; t < x.tokens; t += block) {
      efla_tokens part = efla_tokens_slice(&x, t, x.tokens - t < block ? x.tokens - t : block);
      efla_run_advance(&run, &part);
    }
    ck_assert_uint_eq(run.blowup, first);
    ck_assert_uint_eq(run.tokens, x.tokens);
    for (size_t e = 0; e < STATE; e++) bad += isfinite(run.S[e]) ? 0 : 1;
    ck_assert_uint_gt(bad, 0);
    efla_run_clear(&run);
  }
  efla_tokens_clear(&x);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {global_error_is_bounded_by_the_coefficients_errors,
                                the_error_of_euler_saturates,
                                thresholds_with_a_constant_key,
                                rounding_saturates_for_independent_keys,
                                rounding_walks_for_a_dictionary,
                                zero_keys_and_steps_change_nothing,
                                identical_keys_recall_the_last_value,
                                subnormal_keys_still_write,
                                runs_equal_the_recurrence,
                                blow_up_is_recorded};
  return testing_main("recurrence_runs", tests, sizeof tests / sizeof *tests, 120);
}
