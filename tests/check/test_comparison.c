/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comparisons stand on: causality, growth along the tokens, the error bound of rounding, certified truth. */
#include "faulty.h"
#include "files.h"
#include "testing.h"

#include "check/rounded_sums.h"

static char path[256], second[256];

static void set_up(const char *name) {
  const char *directory = files_directory(name);
  snprintf(path, sizeof path, "%s/in.h5", directory);
  snprintf(second, sizeof second, "%s/second.h5", directory);
}

static const h5_sizes usual = {2, 100, 3, 12, 12};

/* Euler's rule far beyond its limit of stability: where the truth has left the numbers there is nothing to compare,
 * before it there is. */
START_TEST(truth_that_blows_up) {
  set_up("compare-blowup");
  faulty f = faulty_none((h5_sizes){1, 300, 2, 4, 4});
  f.norm = 20, f.coefficient = faulty_euler, f.f64 = true, f.o = f.stored = "f64";
  faulty_write(&f, path);
  efla_kernel_check_options ask = faulty_question(path);
  ask.rule.method = efla_method_find("euler");
  efla_kernel_check check = faulty_check(&ask);
  const efla_head_result *total = &check.comparison.total;
  ck_assert(total->unknown > 0 && total->o.numbers > 0 && 4 * total->unknown + total->o.numbers == 300 * 2 * 4);
  ck_assert_uint_eq(total->o.first.token, SIZE_MAX);
  efla_kernel_check_clear(&check);
}
END_TEST

/* Errors as t^(1/2), and ten times as large from token 63 on, with which a bin begins. */
START_TEST(growth_is_seen) {
  for (int jumps = 0; jumps < 2; jumps++) {
    efla_head_result result;
    efla_head_result_init(&result);
    for (size_t t = 0; t < 1000; t++) {
      double error = jumps ? (t < 63 ? 1 : 10) : sqrt((double)t + 1);
      efla_bin *bin = &result.bins[efla_bin_of(t)];
      bin->tokens++, bin->error2 += error * error, bin->truth2 += 1;
    }
    efla_error_growth growth = efla_head_result_growth(&result);
    if (jumps) {
      ck_assert_uint_eq(growth.jump, 63);
      CHECK_BOUND(fabs(growth.after - 10), 1e-9);
    } else {
      ck_assert_uint_eq(growth.jump, SIZE_MAX);
      CHECK_BOUND(fabs(growth.slope - 0.5), 0.02); /* bins are as wide as 2^(1/4), of which the slope sees the ends */
    }
  }
}
END_TEST

/* The tail is to blame only if it is in every head that is wrong. */
START_TEST(one_early_head_clears_the_tail) {
  efla_head_result total, late, early;
  efla_head_result_init(&total);
  efla_head_result_init(&late);
  efla_head_result_init(&early);
  late.o.first.token = 64, early.o.first.token = 3;
  for (size_t i = 0; i < EFLA_TAILS; i++) {
    late.tail[i] = efla_tail_chunks[i] == 64;
    late.begins[i] = late.tail[i];
    early.tail[i] = false;
  }
  ck_assert_uint_eq(efla_head_result_tail(&late), 64);
  efla_head_result_merge(&total, &early);
  efla_head_result_merge(&total, &late);
  ck_assert_uint_eq(efla_head_result_tail(&total), 0);
  ck_assert_uint_eq(total.o.first.token, 3);
}
END_TEST

/* Two batch entries that agree up to token 40, in one file, and in two; a kernel that peeks at the next token is found
 * out. */
START_TEST(causality_is_seen) {
  set_up("compare-causality");
  for (int peeks = 0; peeks < 2; peeks++) {
    faulty f = faulty_none(usual);
    f.same_until = 40, f.peeks = peeks;
    faulty_write(&f, path);
    efla_kernel_check_options ask = faulty_question(path);
    efla_kernel_check check = faulty_check(&ask);
    const efla_causality *c = &check.causality;
    ck_assert(c->pairs == 3 && c->apart == 3 && c->tokens == 120);
    ck_assert_uint_eq(c->differ, peeks ? 3 : 0);
    ck_assert_int_eq(check.outside, peeks);
    if (peeks) ck_assert(c->violation.token == 39 && c->parts == 40);
    if (!peeks) ck_assert_uint_eq(c->violation.token, SIZE_MAX);
    efla_kernel_check_clear(&check);

    faulty shorter = f; /* the first 70 tokens only: all that follows is later */
    f.same_until = 0, f.sizes.batch = shorter.sizes.batch = 1, shorter.sizes.tokens = 70, shorter.same_until = 0;
    faulty_write(&f, path);
    faulty_write(&shorter,
                 second); /* other random numbers from the first token on: they are drawn in order of tokens ... */
    ask.against = second;
    check = faulty_check(&ask);
    ck_assert(check.causality.pairs == 3 && check.causality.apart == 3 &&
              check.causality.tokens == 210); /* ... so they agree */
    ck_assert_uint_eq(check.causality.violation.token, peeks ? 69 : SIZE_MAX);
    ck_assert_uint_eq(check.causality.parts, peeks ? 70 : 0);
    efla_kernel_check_clear(&check);
  }
}
END_TEST

/* A second run that has no first token in common with the first shows nothing, and that is said. */
START_TEST(runs_that_have_nothing_in_common) {
  set_up("compare-apart");
  faulty f = faulty_none(usual);
  faulty_write(&f, path);
  f.norm *= 2;
  faulty_write(&f, second);
  efla_kernel_check_options ask = faulty_question(path);
  efla_kernel_check check;
  efla_message why;
  ask.against = second;
  ck_assert_int_eq(efla_kernel_check_run(&check, &ask, 1, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, second) && strstr(why.text, "causality cannot be checked"), "%s", why.text);
  efla_kernel_check_clear(&check);
}
END_TEST

/* How a form and a format of the toolkit does beside the widest bound on tokens of a family: its largest error,
 * relative to the tolerance, and its root mean square, relative to the expected one. */
typedef struct share {
  double largest, rms;
} share;

static share share_of_bound(const efla_form *form, const efla_format *format, const efla_rule *rule,
                            const efla_tokens *x) {
  efla_forward_spec forward = {
      .rule = *rule, .form = form, .format = format, .chunk = 32, .dk = x->dk, .dv = x->dv, .scale = 1};
  efla_units units[EFLA_UNITS];
  const size_t widest = efla_units_of(format, efla_format_find(format->digits > 24 ? "f64" : "f32"), units) - 1;
  efla_kernel_spec spec = {.rule = *rule,
                           .scale = 1,
                           .truth = efla_oracle_find("longdouble"),
                           .units = units[widest],
                           .tests = 300,
                           .o = *efla_format_find("f64")};
  efla_reference_trajectory trajectory;
  const size_t dk = x->dk, dv = x->dv;
  double S[80] = {0}, *o = testing_poison(x->tokens * dv), *scratch = testing_poison(efla_forward_scratch(&forward));
  double largest = 0, error2 = 0, variance = 0;
  ck_assert_uint_le(dk * dv, 80);
  ck_assert_int_eq(efla_reference_trajectory_init(&trajectory, &spec, dk, dv), EFLA_OK);
  efla_reference_trajectory_start(&trajectory, S);
  efla_forward_advance(&forward, x, S, o, scratch);
  for (size_t t = 0; t < x->tokens; t++) {
    double error = 0;
    ck_assert_int_eq(efla_reference_trajectory_step(&trajectory, x, t, NULL), EFLA_OK);
    for (size_t j = 0; j < dv; j++)
      error += (double)((o[t * dv + j] - trajectory.o[j]) * (o[t * dv + j] - trajectory.o[j]));
    largest = fmax(largest, sqrt(error) / efla_reference_trajectory_readout_tolerance(&trajectory, x->q + t * dk));
    error2 += error, variance += trajectory.variance.sum;
  }
  free(o), free(scratch);
  efla_reference_trajectory_clear(&trajectory);
  return (share){largest, sqrt(error2 / variance)};
}

/* The error bound: every form and format of the toolkit stays below half of it with every decay, and the first
 * of them reaches a tenth of it.  It is the bound of those that round most. */
START_TEST(bound_covers_the_toolkit_s_own_kernels) {
  static const char *const families[] = {"gaussian", "unit", "dictionary", "cone"};
  double least = INFINITY, g[300];
  for (size_t i = 0; i < 4; i++)
    for (const efla_decay *decay = efla_decays; decay->name; decay++) {
      efla_tokens x = testing_tokens(families[i], 1, 300, 16, 5);
      const bool retention = decay->argument && !strcmp(decay->argument, "alpha");
      for (size_t t = 0; t < 300; t++) g[t] = retention ? (double)(t * 7 % 9) / 8 : -0.02 * (double)(t * 7 % 9);
      if (decay->gated) x.g = g;
      const efla_rule rule = {.method = efla_method_find("exact"), .decay = decay, .keys = &efla_key_treatments[0]};
      for (const efla_format *format = efla_formats; format->name; format++)
        for (const efla_form *form = efla_forms; form->name; form++) {
          const share s = share_of_bound(form, format, &rule, &x);
          ck_assert_msg(s.largest < 0.5 && s.rms < EFLA_FAULT_SCALE / 2, "%s %s %s %s: %g of the bound, rms %g",
                        families[i], decay->name, format->name, form->name, s.largest, s.rms);
          if (form == efla_forms) /* chunks round the state less often */
            least = fmin(least, s.largest);
        }
      efla_tokens_clear(&x);
    }
  ck_assert_double_gt(least, 0.1);
}
END_TEST

enum { T = 50, DK = 7, DV = 3 };

/* M = diag(d) - e k p^T of token t, as error_bound.h writes it. */
static void transition(const efla_rule *rule, const efla_tokens *x, size_t t, double *M) {
  const efla_tokens one = efla_tokens_slice(x, t, 1);
  const double *p = efla_token_erase_key(x, t), part = rule->decay->share;
  efla_coefficients c;
  efla_token_coefficients(rule, &one, &c);
  for (size_t e = 0; e < DK * DK; e++) {
    const size_t i = e / DK, j = e % DK;
    const double g_i = x->g_per_channel ? one.g[i] : 0, g_j = x->g_per_channel ? one.g[j] : 0;
    M[e] = (i == j) * c.decay * exp(g_i) - c.erase * exp((1 - part) * g_i) * one.k[i] * exp(part * g_j) * p[j];
  }
}

/* C <- M C M^T, formed densely: (dk+8) roundings of numbers of C's size a token. */
static void carry(const double *M, double *C) {
  double MC[DK * DK];
  for (size_t e = 0; e < DK * DK; e++) {
    MC[e] = 0;
    for (size_t m = 0; m < DK; m++) MC[e] += M[e / DK * DK + m] * C[m * DK + e % DK];
  }
  for (size_t e = 0; e < DK * DK; e++) {
    C[e] = 0;
    for (size_t m = 0; m < DK; m++) C[e] += MC[e / DK * DK + m] * M[e % DK * DK + m];
  }
}

static void check_covariance(const char *decay, bool channels, bool erase_key) {
  efla_tokens x = testing_tokens("gaussian", 1.5, T, DK, DV);
  efla_kernel_spec spec = {.rule = {efla_method_find("exact"), efla_decay_find(decay), &efla_key_treatments[0], 0},
                           .scale = 1,
                           .truth = efla_oracle_find("longdouble"),
                           .units = {.state = 0.5},
                           .o = *efla_format_find("f64"),
                           .state = *efla_format_find("f64")};
  efla_reference_trajectory trajectory;
  double S[DK * DV], C[DK * DK] = {0}, M[DK * DK], norm = 0, error = 0, decays[T * DK], p[T * DK];
  for (size_t e = 0; e < DK * DV; e++) S[e] = cos((double)e);
  for (size_t e = 0; e < T * DK; e++) {
    decays[e] = (!strcmp(decay, "retention") ? 0.9 : 0) - 0.05 * (double)(e % 3);
    p[e] = 0.8 * x.k[e] + 0.2 * sin((double)e);
  }
  x.g = decays, x.g_per_channel = channels, x.p = erase_key ? p : NULL;
  ck_assert_int_eq(efla_reference_trajectory_init(&trajectory, &spec, DK, DV), EFLA_OK);
  efla_reference_trajectory_start(&trajectory, S);
  for (size_t e = 0; e < DK * DV; e++) C[e / DV * DK + e / DV] += efla_rounded(S[e]) / 12;
  for (size_t t = 0; t < T; t++) {
    ck_assert_int_eq(efla_reference_trajectory_step(&trajectory, &x, t, NULL), EFLA_OK);
    transition(&spec.rule, &x, t, M);
    carry(M, C);
    for (size_t i = 0; i < DK; i++)
      for (size_t j = 0; j < DV; j++) C[i * DK + i] += efla_rounded((double)trajectory.S[i * DV + j]) / 12;
  }
  for (size_t e = 0; e < DK * DK; e++) {
    norm += C[e] * C[e];
    error += (C[e] - trajectory.bound.C[e]) * (C[e] - trajectory.bound.C[e]);
  }
  CHECK_BOUND(sqrt(error), T * (DK + 8) * U * sqrt(norm));
  efla_reference_trajectory_clear(&trajectory);
  efla_tokens_clear(&x);
}

START_TEST(covariance_is_carried_by_the_transitions) {
  for (size_t i = 0; efla_decay_name(i); i++)
    for (int kind = 0; kind < 4; kind++)
      if (kind % 2 == 0 || efla_decays[i].share > 0) check_covariance(efla_decay_name(i), kind % 2, kind / 2);
}
END_TEST

/* The two oracles tell the same of the same file. */
START_TEST(certified_truth) {
#ifdef EFLA_HAVE_ARB
  set_up("compare-arb");
  faulty f = faulty_none((h5_sizes){1, 40, 2, 6, 4});
  f.f64 = f.has_initial = f.has_decay = true, f.o = f.stored = "f64";
  faulty_write(&f, path);
  efla_kernel_check_options ask = faulty_question(path);
  efla_kernel_check fast = faulty_check(&ask);
  ask.truth = efla_oracle_find("arb");
  efla_kernel_check certified = faulty_check(&ask);
  ck_assert(!certified.outside);
  double error = efla_errors_rms(&fast.comparison.total.o), other = efla_errors_rms(&certified.comparison.total.o);
  CHECK_BOUND(fabs(error - other), 40 * (6 + 8) * (double)LDBL_EPSILON); /* long double's own error, 14 units a token */
  ck_assert_double_gt(error, 0);
  efla_kernel_check_clear(&fast);
  efla_kernel_check_clear(&certified);
#endif
}
END_TEST

/* Bins cover all token numbers, each once. */
START_TEST(bins_have_no_gaps) {
  for (size_t t = 0; t < 100000; t++) {
    size_t b = efla_bin_of(t);
    ck_assert_msg(efla_bin_first(b) <= t && t < efla_bin_first(b + 1), "token %zu, bin %zu", t, b);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {truth_that_blows_up,
                                growth_is_seen,
                                one_early_head_clears_the_tail,
                                causality_is_seen,
                                runs_that_have_nothing_in_common,
                                bound_covers_the_toolkit_s_own_kernels,
                                covariance_is_carried_by_the_transitions,
                                certified_truth,
                                bins_have_no_gaps};
  return testing_main("comparison", tests, sizeof tests / sizeof *tests, 120);
}
