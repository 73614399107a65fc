/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kernels with decays per channel or an erase key: a right one passes, a wrong one does not, and is recognised. */
#include "channel_kernel.h"
#include "faulty.h"
#include "files.h"
#include "testing.h"

static char path[256];

static void kernel(const channel_kernel *k) {
  if (!*path) snprintf(path, sizeof path, "%s/in.h5", files_directory("compare-channels"));
  channel_kernel_write(k, path);
}

static efla_kernel_check judge(const char *decay) {
  efla_kernel_check_options ask = faulty_question(path);
  ask.decay = faulty_decay(decay);
  return faulty_check(&ask);
}

static const char *const of_channels[] = {"lie", "strang", "exact"};

/* Right kernels pass; what a file suggests for g per channel is
 * lie. */
START_TEST(right_kernels_pass) {
  static const char *const names[] = {"lie", "strang", "exact", "none", "split", "joint"};
  for (size_t i = 0; i < 24; i++) {
    channel_kernel k = channel_kernel_right(names[i / 4]);
    k.f64 = i % 2, k.erase_key = i / 2 % 2;
    if (k.erase_key && i / 4 == 2) continue; /* no truth */
    kernel(&k);
    efla_kernel_check check = judge(i / 4 == 0 ? "file" : names[i / 4]);
    const efla_errors_of *o = &check.comparison.total.o;
    ck_assert_msg(!check.outside && o->ratio < 1 && o->numbers > 0, "%s, %s%s: %g of the bound", names[i / 4],
                  k.f64 ? "f64" : "f32", k.erase_key ? ", p" : "", o->ratio);
    efla_kernel_check_clear(&check);
  }
}
END_TEST

/* Unit keys leave the erase key as it is, and lambda is p^T k of the treated key; raw keys are then another rule. */
START_TEST(unit_keys) {
  static const char *const names[] = {"lie", "strang", "joint", "exact"};
  for (size_t i = 0; i < 8; i++) {
    channel_kernel k = channel_kernel_right(names[i / 2]);
    k.unit_keys = true, k.f64 = true, k.erase_key = i / 2 != 3;
    kernel(&k);
    efla_kernel_check_options ask = faulty_question(path);
    ask.decay = faulty_decay(k.decay), ask.rule.keys = efla_key_treatment_find(i % 2 ? "raw" : "unit");
    efla_kernel_check check = faulty_check(&ask);
    ck_assert_msg(check.outside == (i % 2 == 1), "%s, keys %s: %g of the bound", k.decay, ask.rule.keys->name,
                  check.comparison.total.o.ratio);
    efla_kernel_check_clear(&check);
  }
}
END_TEST

/* The same decays in every token, for as long as the slowest channel remembers: the roundings of decays have one
 * sign. */
START_TEST(constant_decays) {
  for (size_t i = 0; i < 3; i++) {
    channel_kernel k = channel_kernel_right(of_channels[i]);
    k.sizes = (h5_sizes){1, 2000, 1, 12, 4}, k.constant = true, k.rate = 1e-3;
    kernel(&k);
    efla_kernel_check check = judge(of_channels[i]);
    ck_assert_msg(!check.outside, "%s: %g of the bound", of_channels[i], check.comparison.total.o.ratio);
    efla_kernel_check_clear(&check);
  }
}
END_TEST

START_TEST(each_decay_is_told_from_the_others) {
  static const char *const called[] = {"(lie)", "(strang)", "(exact)"};
  for (size_t i = 0; i < 18; i++) {
    channel_kernel k = channel_kernel_right(of_channels[i / 3 % 3]);
    k.f64 = i >= 9;
    kernel(&k);
    efla_kernel_check check = judge(of_channels[i % 3]);
    ck_assert_msg(check.outside == (i % 3 != i / 3 % 3), "%s as %s: %g of the bound", k.decay, of_channels[i % 3],
                  check.comparison.total.o.ratio);
    ck_assert(check.outside == (efla_kernel_check_fault(&check) != NULL));
    ck_assert_msg(!efla_kernel_check_fault(&check) ||
                      (strstr(efla_kernel_check_fault(&check)->says, "the decay per channel is ") &&
                       strstr(efla_kernel_check_fault(&check)->says, called[i / 3 % 3]) <
                           strstr(efla_kernel_check_fault(&check)->says, "expected")),
                  "%s as %s: %s", k.decay, of_channels[i % 3], efla_kernel_check_fault(&check)->says);
    efla_kernel_check_clear(&check);
  }
}
END_TEST

static void check_fault(const channel_kernel *k, const char *says) {
  kernel(k);
  efla_kernel_check check = judge(k->decay);
  ck_assert_msg(check.outside && efla_kernel_check_fault(&check) && strstr(efla_kernel_check_fault(&check)->says, says),
                "%s, %s: %s", k->decay, says,
                efla_kernel_check_fault(&check) ? efla_kernel_check_fault(&check)->says : "no fault");
  efla_kernel_check_clear(&check);
}

START_TEST(faults_are_recognised) {
  for (size_t i = 0; i < 4; i++) {
    channel_kernel k = channel_kernel_right(of_channels[i % 2]), right = k;
    k.erase_key = right.erase_key = i >= 2;
    k.after = true, check_fault(&k, "the decay is applied after"), k = right;
    k.mean = true, check_fault(&k, "one decay for all channels"), k = right;
    if (i < 2) continue;
    k.ignores_p = true, check_fault(&k, "the erase key p is ignored");
  }
}
END_TEST

/* A fault of the exact flow per channel, and another of Lie's splitting. */
START_TEST(faults_of_the_flow) {
  for (size_t i = 0; i < 4; i++) {
    channel_kernel k = channel_kernel_right(i < 3 ? "exact" : "lie");
    k.mean = i == 0, k.reads_before = i == 1, k.unit_keys = i == 2, k.after = i == 3;
    kernel(&k);
    efla_kernel_check check = judge("exact");
    static const char *const says[] = {"one decay for all channels", "o is read before", "keys are normalised",
                                       "the decay is applied after"};
    ck_assert_msg(
        check.outside && efla_kernel_check_fault(&check) && strstr(efla_kernel_check_fault(&check)->says, says[i]),
        "%s: %s", says[i], efla_kernel_check_fault(&check) ? efla_kernel_check_fault(&check)->says : "no fault");
    efla_kernel_check_clear(&check);
  }
}
END_TEST

/* All truths judge a right kernel alike; its errors differ by those of the truths. */
START_TEST(oracles_agree) {
  static const char *const names[] = {"longdouble", EFLA_ORACLE_BEST};
  for (size_t i = 0; i < 4; i++) {
    channel_kernel k = channel_kernel_right(i < 3 ? of_channels[i] : "joint");
    k.sizes = (h5_sizes){1, 12, 1, 5, 3}, k.f64 = true, k.erase_key = i != 2;
    kernel(&k);
    double error[2];
    for (size_t n = 0; n < 2; n++) {
      efla_kernel_check_options ask = faulty_question(path);
      ask.decay = faulty_decay(k.decay), ask.truth = efla_oracle_find(names[n]);
      efla_kernel_check check = faulty_check(&ask);
      ck_assert_msg(!check.outside, "%s, truth %s", k.decay, names[n]);
      error[n] = efla_errors_rms(&check.comparison.total.o);
      efla_kernel_check_clear(&check);
    }
    ck_assert_double_gt(error[0], 0);
    CHECK_BOUND(fabs(error[0] - error[1]), error[0] / 8); /* long double's unit is 2^-11 of f64's */
  }
}
END_TEST

enum { DK = 9, DV = 4, TOKENS = 40 };

/* The error that the trajectory of the exact flow states after each of two tokens, from S (DK, DV) or what it left. */
static void follow(const efla_tokens *x, size_t tokens, double unit, long double *S, double *error) {
  const efla_kernel_spec spec = {
      .rule = {efla_method_find("exact"), efla_decay_find("joint"), &efla_key_treatments[0], 0},
      .scale = 1,
      .truth = efla_oracle_find("longdouble"),
      .units = {.arithmetic = unit},
      .o = *efla_format_find("f64")};
  efla_reference_trajectory trajectory;
  double start[DK * DV];
  for (size_t e = 0; e < DK * DV; e++) start[e] = (double)S[e];
  ck_assert_int_eq(efla_reference_trajectory_init(&trajectory, &spec, DK, DV), EFLA_OK);
  efla_reference_trajectory_start(&trajectory, start);
  for (size_t t = 0; t < tokens; t++) {
    ck_assert_int_eq(efla_reference_trajectory_step(&trajectory, x, t, NULL), EFLA_OK);
    error[t] = trajectory.error;
  }
  memcpy(S, trajectory.S, DK * DV * sizeof *S);
  efla_reference_trajectory_clear(&trajectory);
}

/* The exact flow's series in f64, for kernels of f32, and in long double, for those of f64, differ by what both state
 * at most; and a stated error is carried by e^-(least rate), .5 here: two roundings of a sum and an exponential. */
START_TEST(the_exact_flow_states_its_error) {
  efla_tokens x = testing_tokens("gaussian", 1.2, TOKENS, DK, DV);
  double g[TOKENS * DK], error[2][TOKENS], own[TOKENS], distance = 0;
  long double S[2][DK * DV], first[DK * DV];
  for (size_t e = 0; e < TOKENS * DK; e++) g[e] = -0.5 - 0.1 * (double)(e * 7 % 5);
  x.g = g, x.g_per_channel = true;
  for (size_t e = 0; e < DK * DV; e++) S[0][e] = S[1][e] = first[e] = sin((double)e);
  follow(&x, TOKENS, 0x1p-24, S[0], error[0]), follow(&x, TOKENS, 0x1p-53, S[1], error[1]);
  for (size_t e = 0; e < DK * DV; e++) distance = hypot(distance, (double)(S[0][e] - S[1][e]));
  ck_assert(distance > 0 && error[1][TOKENS - 1] < error[0][TOKENS - 1] / 1000);
  CHECK_BOUND(distance, error[0][TOKENS - 1] + error[1][TOKENS - 1]);
  follow(&x, 1, 0x1p-24, first, own);
  const efla_tokens second = efla_tokens_slice(&x, 1, 1);
  follow(&second, 1, 0x1p-24, first, own);
  CHECK_BOUND(fabs(error[0][1] - exp(-0.5) * error[0][0] - own[0]), 4 * U * error[0][1]);
  efla_tokens_clear(&x);
}
END_TEST

static void check_refused(const char *decay, const char *method, efla_status expected, const char *says) {
  efla_kernel_check_options ask = faulty_question(path);
  efla_kernel_check check;
  efla_message why = {{0}};
  ask.decay = faulty_decay(decay), ask.rule.method = efla_method_find(method);
  ck_assert_int_eq(efla_kernel_check_run(&check, &ask, 1, &why), expected);
  ck_assert_msg(strstr(why.text, says), "%s", why.text);
  efla_kernel_check_clear(&check);
}

START_TEST(what_has_no_truth_is_refused) {
  channel_kernel k = channel_kernel_right("lie");
  k.erase_key = true;
  kernel(&k);
  check_refused("exact", "exact", EFLA_USAGE, "erase key");
  check_refused("joint", "exact", EFLA_INPUT, "per channel are split, strang and exact");
  k.erase_key = false;
  kernel(&k);
  check_refused("exact", "euler", EFLA_USAGE, "--method exact");
  k.decay = "split";
  kernel(&k);
  check_refused("lie", "exact", EFLA_INPUT, "expected one number per channel");
}
END_TEST

/* A second run needs g of the same form and p where the first has it; the same file is a run that agrees. */
START_TEST(a_second_run) {
  char second[300];
  channel_kernel k = channel_kernel_right("lie"), other = k;
  k.erase_key = other.erase_key = true;
  kernel(&k);
  snprintf(second, sizeof second, "%s.second", path);
  for (size_t i = 0; i < 3; i++) {
    efla_kernel_check_options ask = faulty_question(path);
    efla_kernel_check check;
    efla_message why = {{0}};
    other.decay = i == 1 ? "split" : "lie", other.erase_key = i != 2;
    channel_kernel_write(&other, second);
    ask.against = second;
    ck_assert_int_eq(efla_kernel_check_run(&check, &ask, 1, &why), i ? EFLA_INPUT : EFLA_OK);
    if (i) ck_assert_msg(strstr(why.text, i == 1 ? "expected one per channel" : "p: no such dataset"), "%s", why.text);
    if (!i) ck_assert(check.causality.pairs == 6 && check.causality.differ == 0 && !check.outside);
    efla_kernel_check_clear(&check);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      right_kernels_pass,           constant_decays,    unit_keys,     each_decay_is_told_from_the_others,
      faults_are_recognised,        faults_of_the_flow, oracles_agree, the_exact_flow_states_its_error,
      what_has_no_truth_is_refused, a_second_run};
  return testing_main("channel_kernels", tests, sizeof tests / sizeof *tests, 120);
}
