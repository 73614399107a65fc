/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stability runs against their definition: every error from states carried along here, token by token. */
#include "testing.h"

#include <omp.h>

enum { DK = 8, DV = 5, STATE = DK * DV };

static efla_statistics run_with(const char *decay, size_t dk, size_t dv, const efla_tokens *x, const double *S,
                                size_t options, size_t block) {
  efla_statistics f;
  efla_stability_run stability;
  efla_message why;
  ck_assert_int_eq(efla_statistics_init(&f), EFLA_OK);
  ck_assert_int_eq(efla_stability_run_init(&stability, efla_oracle_find("longdouble"), efla_decay_find(decay), dk, dv),
                   EFLA_OK);
  efla_stability_run_start(&stability, S, options);
  for (size_t t = 0; t < x->tokens; t += block) {
    efla_tokens part = efla_tokens_slice(x, t, x->tokens - t < block ? x->tokens - t : block);
    ck_assert_int_eq(efla_stability_run_advance(&stability, &part, (efla_place){3, 2, t}, &f, &why), EFLA_OK);
  }
  efla_stability_run_clear(&stability);
  efla_statistics_finish(&f, 2, dk);
  return f;
}

static efla_statistics stability_run_of(size_t dk, size_t dv, const efla_tokens *x, const double *S, size_t options,
                                        size_t block) {
  return run_with("split", dk, dv, x, S, options, block);
}

/* The same by its definition: the state of one rule, advanced in long double and rounded to a format after every token
 * (NULL: not), beside the exact state in long double.  Writes the largest relative error, its token,
 * the rms of errors over that of states and of read-outs. */
typedef struct run_errors {
  double largest, state, readout;
  size_t at;
} run_errors;

static run_errors follow(const efla_method *m, const char *decay, const efla_format *format, const efla_tokens *x,
                         const double *start, size_t options) {
  const efla_rule rule = {.method = m, .decay = efla_decay_find(decay)},
                  truth_rule = {.method = efla_method_find("exact"), .decay = rule.decay};
  long double S[STATE] = {0}, truth[STATE] = {0}, k[DK], v[DV], q[DK], o[DV], o_truth[DV], sums[4] = {0};
  run_errors found = {0};
  for (size_t e = 0; e < STATE && start; e++) S[e] = truth[e] = start[e];
  for (size_t e = 0; e < STATE && format; e++) S[e] = efla_format_round(format, (double)S[e]);
  for (size_t t = 0; t < options; t++) {
    const double lambda = efla_lambda(DK, x->k + t * DK), g = x->g ? x->g[t] : 0;
    efla_coefficients_long c, exact;
    efla_rule_coefficients_long(&rule, lambda, x->beta[t], g, &c);
    efla_rule_coefficients_long(&truth_rule, lambda, x->beta[t], g, &exact);
    long double errors[4] = {0};
    for (size_t i = 0; i < DK; i++) k[i] = x->k[t * DK + i], q[i] = x->q[t * DK + i];
    for (size_t j = 0; j < DV; j++) v[j] = x->v[t * DV + j];
    efla_recurrence_long(1, DK, DV, NULL, k, v, &c, S, NULL);
    efla_recurrence_long(1, DK, DV, NULL, k, v, &exact, truth, NULL);
    for (size_t e = 0; e < STATE && format; e++) S[e] = efla_format_round(format, (double)S[e]);
    efla_readout_long(DK, DV, q, S, o), efla_readout_long(DK, DV, q, truth, o_truth);
    for (size_t e = 0; e < STATE; e++) errors[0] += powl(S[e] - truth[e], 2), errors[1] += truth[e] * truth[e];
    for (size_t j = 0; j < DV; j++) errors[2] += powl(o[j] - o_truth[j], 2), errors[3] += o_truth[j] * o_truth[j];
    for (size_t i = 0; i < 4; i++) sums[i] += errors[i];
    double relative = (double)sqrtl(errors[0] / errors[1]);
    if (relative > found.largest) found.largest = relative, found.at = t;
  }
  found.state = (double)sqrtl(sums[0] / sums[1]), found.readout = (double)sqrtl(sums[2] / sums[3]);
  return found;
}

static void check(const efla_deviation *d, const run_errors *expected, double slack) {
  CHECK_BOUND(fabs(d->largest.value - expected->largest), slack * (1 + expected->largest));
  CHECK_BOUND(fabs(d->state.value - expected->state), slack * (1 + expected->state));
  CHECK_BOUND(fabs(d->readout.value - expected->readout),
              8 * slack * (1 + expected->readout)); /* read-outs may be smaller than |q||S| */
  ck_assert(d->largest.at.sequence == 3 && d->largest.at.head == 2);
  if (expected->largest > 1e-6) ck_assert_uint_eq(d->largest.at.token, expected->at);
}

/* Every method in f64 and every format no wider than bf16 or fp16, with every decay, from an initial state or none.
 * A method's errors are those of exact arithmetic within N (DK+8) u of f64, N (3 DK+13) u with a decay within the
 * step (docs/bounds.md#step), which discretisation only damps here (x < 2).  A format's run computes in f32: each of
 * its N steps is off by 8 u32 more (there, in practice), and where that decides a rounding, by 2u of the format:
 * that happens in a share 8 u32/u of the N roundings of each entry, whose squares add. */
START_TEST(errors_by_definition) {
  enum { N = 120 };
  efla_tokens x = testing_tokens("gaussian", 0.7, N, DK, DV), start = testing_tokens("gaussian", 1, DK, 1, DV);
  double g[N];
  for (int way = 0; way < 8; way++) {
    const double *S = way & 1 ? start.v : NULL;
    const efla_decay *decay = &efla_decays[way / 2];
    const bool retention = decay->argument && !strcmp(decay->argument, "alpha");
    const size_t roundings = decay->proportional ? DK + 8 : 3 * DK + 13;
    for (size_t t = 0; t < N; t++) g[t] = (retention ? 1 : 0) - x.beta[N - 1 - t] / 10;
    x.g = decay->gated ? g : NULL;
    efla_statistics f = run_with(decay->name, DK, DV, &x, S, N, 64);
    for (size_t m = 0; m < f.methods; m++) {
      run_errors expected = follow(f.method[m].method, decay->name, NULL, &x, S, N);
      check(&f.method[m].deviation, &expected, (double)(N * roundings) * U);
    }
    for (size_t i = 0; i < f.formats; i++) {
      const efla_format *format = f.format[i].format;
      if (format->digits > 11) continue;
      double u = efla_format_unit(format), share = 8 * U32 / u;
      run_errors expected = follow(efla_method_find("exact"), decay->name, format, &x, S, N);
      double slack = N * 8 * U32 + 2 * u * sqrt(N * share);
      CHECK_BOUND(fabs(f.format[i].deviation.largest.value - expected.largest), slack);
      CHECK_BOUND(fabs(f.format[i].deviation.state.value - expected.state), slack);
      ck_assert_double_gt(expected.largest, slack); /* statistic nothing would be noticed */
    }
    efla_statistics_clear(&f);
  }
  efla_tokens_clear(&x);
  efla_tokens_clear(&start);
}
END_TEST

/* Only the planned tokens are measured; where there are more than EFLA_STABILITY_RUN_COMPARED, the last of them is
 * compared, and blocks change what is found by rounding only, N (DK+8) u at most (docs/bounds.md#step; unit keys, so
 * the flow fades). */
START_TEST(plans_and_blocks) {
  enum { N = 1300 };
  static const size_t blocks[] = {1, 100, 128, N};
  efla_tokens x = testing_tokens("unit", 1, N, DK, DV);
  efla_statistics reference = stability_run_of(DK, DV, &x, NULL, 1100, 256);
  ck_assert_uint_eq(reference.measured, 1100);
  ck_assert_uint_eq(reference.most_measured, 1100);
  for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
    efla_statistics f = stability_run_of(DK, DV, &x, NULL, 1100, blocks[b]);
    for (size_t m = 0; m < f.methods; m++) {
      CHECK_BOUND(fabs(f.method[m].deviation.state.value - reference.method[m].deviation.state.value),
                  N * (DK + 8) * U);
      CHECK_BOUND(fabs(f.method[m].deviation.largest.value - reference.method[m].deviation.largest.value),
                  N * (DK + 8) * U);
    }
    ck_assert_uint_eq(f.measured, 1100);
    efla_statistics_clear(&f);
  }
  efla_statistics_clear(&reference);
  efla_tokens_clear(&x);
}
END_TEST

/* One thread or three: the same bits. */
START_TEST(threads_change_nothing) {
  efla_tokens x = testing_tokens("gaussian", 3, 300, DK, DV);
  efla_statistics f[2];
  for (int i = 0; i < 2; i++) {
    omp_set_num_threads(1 + 2 * i);
    f[i] = stability_run_of(DK, DV, &x, NULL, 200, 128);
    efla_quantiles_clear(&f[i].x); /* its addresses differ */
  }
  ck_assert_mem_eq(f[0].method, f[1].method, sizeof f->method);
  ck_assert_mem_eq(f[0].format, f[1].format, sizeof f->format);
  ck_assert_mem_eq(f[0].chunk, f[1].chunk, sizeof f->chunk);
  efla_tokens_clear(&x);
}
END_TEST

/* Columns of the state do not see each other: of a state past EFLA_STABILITY_RUN_STATE numbers the first columns are
 * run, and everything is as if the others had not been there. */
START_TEST(wide_states_are_cut) {
  enum { TALL = 512, WIDE = EFLA_STABILITY_RUN_STATE / TALL, N = 6 };
  efla_tokens x = testing_tokens("gaussian", 1, N, TALL, WIDE + 3), narrow;
  double *S = testing_poison(TALL * (WIDE + 3)), *S_narrow = testing_poison(TALL * WIDE);
  ck_assert_int_eq(efla_tokens_init(&narrow, N, TALL, WIDE), EFLA_OK);
  memcpy(narrow.q, x.q, N * TALL * sizeof *x.q), memcpy(narrow.k, x.k, N * TALL * sizeof *x.k);
  memcpy(narrow.beta, x.beta, N * sizeof *x.beta);
  for (size_t t = 0; t < N; t++) memcpy(narrow.v + t * WIDE, x.v + t * (WIDE + 3), WIDE * sizeof *x.v);
  for (size_t e = 0; e < TALL * (WIDE + 3); e++) S[e] = x.v[e % (N * (WIDE + 3))];
  for (size_t e = 0; e < TALL * WIDE; e++) S_narrow[e] = S[e / WIDE * (WIDE + 3) + e % WIDE];
  efla_statistics whole = stability_run_of(TALL, WIDE + 3, &x, S, N, N),
                  cut = stability_run_of(TALL, WIDE, &narrow, S_narrow, N, N);
  ck_assert_mem_eq(whole.method, cut.method, sizeof cut.method);
  ck_assert_mem_eq(whole.format, cut.format, sizeof cut.format);
  efla_statistics_clear(&whole), efla_statistics_clear(&cut);
  efla_tokens_clear(&x), efla_tokens_clear(&narrow);
  free(S), free(S_narrow);
}
END_TEST

/* One key e_1 again and again with coefficient a: L_ij = a for j < i, the inverse's entries are -a (1-a)^(i-j-1).
 * For a = 1 - e^-x of the exact coefficient they are at most a < 1, so the diagonal's 1 is largest; for euler's a =
 * x > 2 the corner's are.  Row sums: 1 + a (C-1) and 1 + a sum |1-a|^m.  With a decay d per token, L_ij = a d^(i-j),
 * and the inverse's entries fade the same way; within the step a = e/d, for euler d = 1 + g and e = beta. Relative
 * errors: C^2 u from the substitution's sums of C terms (Higham 2002, 8.1). */
START_TEST(chunks_of_one_key) {
  enum { N = 128 };
  static const double decays[] = {0, -0.01, -0.01};
  efla_tokens x;
  double g[N];
  ck_assert_int_eq(efla_tokens_init(&x, N, DK, DV), EFLA_OK);
  for (size_t t = 0; t < N; t++) x.k[t * DK] = 1, x.beta[t] = 2.25;
  for (size_t w = 0; w < 3; w++) {
    for (size_t t = 0; t < N; t++) g[t] = decays[w];
    x.g = w ? g : NULL;
    efla_statistics f = run_with(w == 2 ? "joint" : "split", DK, DV, &x, NULL, N, N);
    for (size_t c = 0; c < EFLA_STATISTICS_CHUNKS; c++)
      for (size_t coefficient = 0; coefficient < EFLA_STATISTICS_COEFFICIENTS; coefficient++) {
        double a = efla_coefficient(efla_statistics_coefficient(coefficient), 2.25, 1), fade = exp(decays[w]), row = 1,
               inverse_row = 1, largest = 1;
        if (w == 2 && coefficient == 1) fade = 1 + decays[w], a /= fade;
        for (size_t m = 1; m < f.chunk[c].chunk; m++) {
          double entry = a * pow(fabs(1 - a), (double)m - 1) * pow(fade, (double)m);
          row += a * pow(fade, (double)m), inverse_row += entry, largest = fmax(largest, entry);
        }
        double slack = N * N * U;
        CHECK_BOUND(fabs(f.chunk[c].largest[coefficient].value / largest - 1), slack);
        CHECK_BOUND(fabs(f.chunk[c].condition[coefficient].value / (row * inverse_row) - 1), slack);
        ck_assert_uint_eq(f.chunk[c].largest[coefficient].at.token, 0);
      }
    efla_statistics_clear(&f);
  }
  efla_tokens_clear(&x);
}
END_TEST

/* A chunk that is worse than those before it is the one that is reported, with its place. */
START_TEST(the_worst_chunk_is_found) {
  efla_tokens x = testing_tokens("unit", 1, 256, DK, DV);
  for (size_t t = 160; t < 176; t++) {
    memcpy(x.k + t * DK, x.k + 160 * DK, DK * sizeof *x.k);
    for (size_t i = 0; i < DK; i++) x.k[t * DK + i] *= 3;
    x.beta[t] = 1;
  }
  efla_statistics f = stability_run_of(DK, DV, &x, NULL, 256, 128);
  for (size_t c = 0; c < EFLA_STATISTICS_CHUNKS; c++) {
    size_t C = f.chunk[c].chunk;
    ck_assert_uint_eq(f.chunk[c].condition[1].at.token, 160 / C * C);
    CHECK_BOUND(f.chunk[c].largest[0].value, 1 + (double)(C * C) * U);
    CHECK_BOUND(f.chunk[c].condition[0].value, (double)(C * C) * (1 + (double)(C * C) * U));
    ck_assert_double_ge(f.chunk[c].largest[1].value, 9 * pow(8, 14)); /* a = 9: the corner of these 16 */
  }
  efla_statistics_clear(&f);
  efla_tokens_clear(&x);
}
END_TEST

/* A number format overflows where the state does: fp16 at values of 1e5, e4m3 at 1e3. */
START_TEST(formats_overflow) {
  efla_tokens x = testing_tokens("unit", 1, 60, DK, DV);
  for (size_t e = 0; e < DV; e++) x.v[40 * DV + e] = 1e3, x.v[50 * DV + e] = 1e6;
  for (size_t t = 40; t <= 50; t += 10)
    for (size_t i = 0; i < DK; i++) x.k[t * DK + i] = i == 0, x.beta[t] = 3;
  efla_statistics f = stability_run_of(DK, DV, &x, NULL, 60, 60);
  for (size_t i = 0; i < f.formats; i++) {
    const efla_format *format = f.format[i].format;
    size_t expected = format->largest < 900 ? 40 : format->largest < 1e5 ? 50 : SIZE_MAX;
    ck_assert_msg(f.format[i].deviation.overflow.token == expected, "%s: %zu", format->name,
                  f.format[i].deviation.overflow.token);
  }
  efla_statistics_clear(&f);
  efla_tokens_clear(&x);
}
END_TEST

/* An oracle that refuses makes deviations inf and is named; errors without an oracle are unchanged. */
START_TEST(a_refusal_is_told) {
  efla_tokens x = testing_tokens("unit", 1, 10, DK, DV);
  x.beta[4] = 1e6;
  efla_diagnosis d;
  efla_message why = {""};
  const efla_diagnosis_options options = {
      .sequences = 1, .heads = 1, .dk = DK, .dv = DV, .slots = 1, .measure = 10, .truth = efla_oracle_find("odeiv")};
  ck_assert_int_eq(efla_diagnosis_init(&d, &options, &why), EFLA_OK);
  efla_diagnosis_start(&d, 0, 0, 0, NULL, x.tokens);
  efla_diagnosis_advance(&d, 0, &x);
  ck_assert_int_eq(efla_diagnosis_finish(&d, &why), EFLA_UNTRUSTED);
  ck_assert_ptr_nonnull(strstr(why.text, "odeiv refuses"));
  ck_assert_double_eq(efla_statistics_method(&d.total, "exact")->deviation.state.value, INFINITY);
  ck_assert_ptr_null(efla_diagnosis_sufficient(&d.total, 1e-3));
  ck_assert_uint_eq(efla_statistics_beyond(&d.total, 2)->tokens, 1);
  efla_diagnosis_clear(&d);
  efla_tokens_clear(&x);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {errors_by_definition, plans_and_blocks,  threads_change_nothing,
                                wide_states_are_cut,  chunks_of_one_key, the_worst_chunk_is_found,
                                formats_overflow,     a_refusal_is_told};
  return testing_main("stability_run", tests, sizeof tests / sizeof *tests, 120);
}
