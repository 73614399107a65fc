/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kernels, right and wrong: the right ones pass in every format, every usual fault is named, and the first wrong token
 * found. */
#include "faulty.h"
#include "files.h"
#include "testing.h"

static char path[256];

static void set_up(const char *name) {
  const char *directory = files_directory(name);
  snprintf(path, sizeof path, "%s/in.h5", directory);
}

static const h5_sizes usual = {2, 100, 3, 12, 12};

static void check_right(const faulty *f, const char *what) {
  faulty_write(f, path);
  efla_kernel_check_options ask = faulty_question(path);
  efla_kernel_check check = faulty_check(&ask);
  const efla_head_result *total = &check.comparison.total;
  ck_assert_msg(!check.outside, "%s: o %g, state %g of what is granted, rms %g, expected %g", what, total->o.ratio,
                total->state.ratio, efla_errors_rms(&total->o), efla_errors_expected(&total->o));
  efla_kernel_check_clear(&check);
}

START_TEST(right_kernels_pass) {
  static const char *const formats[][3] = {{"f64", "f64", "f64"},         {"f32", "f32", "f32"},
                                           {"f32", "f64", "f32 widened"}, {"bf16", "bf16", "bf16"},
                                           {"fp16", "fp16", "fp16"},      {"bf16", "f32", "bf16 widened"}};
  set_up("compare-right");
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    for (int extras = 0; extras < 4; extras++) {
      faulty f = faulty_none(usual);
      f.f64 = !strcmp(formats[i][0], "f64");
      f.o = formats[i][0], f.stored = formats[i][1];
      f.has_initial = extras & 1, f.has_decay = extras & 2, f.packed = extras == 3;
      if (f.packed) f.sizes.batch = 1;
      f.scale = f.applied = extras ? 0.25 : 1;
      check_right(&f, formats[i][2]);
    }
}
END_TEST

/* Kernels that keep their state in the format of o, on keys so short that it is rounded far more often than it is
 * replaced: passed where nothing else explains the errors, unless f32 was declared. */
START_TEST(states_in_few_bits) {
  static const char *const formats[] = {"bf16", "fp16"};
  set_up("compare-state");
  for (size_t i = 0; i < 2; i++) {
    faulty f = faulty_none(usual);
    f.state = f.o = f.stored = formats[i];
    f.norm = 0.1, f.sizes.tokens = 400;
    faulty_write(&f, path);
    efla_kernel_check_options ask = faulty_question(path);
    efla_kernel_check check = faulty_check(&ask);
    ck_assert(!check.outside && check.instead_of && !strcmp(check.state->name, formats[i]));
    efla_kernel_check_clear(&check);
    ask.state = efla_format_find("f32");
    check = faulty_check(&ask);
    ck_assert_msg(check.outside && efla_kernel_check_fault(&check) &&
                      strstr(efla_kernel_check_fault(&check)->says, "the state is kept in"),
                  "%s: %s", formats[i], check.judgement.n ? check.judgement.finding[0].says : check.judgement.where);
    efla_kernel_check_clear(&check);
    f.coefficient = faulty_euler, f.norm = 1;
    faulty_write(&f, path);
    ask.state = NULL;
    check = faulty_check(&ask);
    ck_assert(check.outside);
    ck_assert(check.judgement.n && strstr(check.judgement.finding[0].says, "beta itself is used as the coefficient"));
    efla_kernel_check_clear(&check);
  }
}
END_TEST

/* One fault (or two) and words of the sentence that names it. */
static void check_named(const faulty *f, const char *keys, const char *words, const char *more) {
  faulty_write(f, path);
  efla_kernel_check_options ask = faulty_question(path);
  ask.rule.keys = !strcmp(keys, "unit") ? &efla_key_treatments[1] : &efla_key_treatments[0];
  efla_kernel_check check = faulty_check(&ask);
  ck_assert_msg(check.outside, "%s: not noticed", words);
  ck_assert_msg(efla_kernel_check_fault(&check) != NULL, "%s: not recognised: %s", words,
                check.judgement.n ? check.judgement.finding[0].says : check.judgement.where);
  ck_assert_int_eq(efla_kernel_check_fault(&check)->two, *more != 0); /* one fault, or two */
  ck_assert_msg(strstr(efla_kernel_check_fault(&check)->says, words) &&
                    strstr(efla_kernel_check_fault(&check)->says, more),
                "%s expected: %s", words, efla_kernel_check_fault(&check)->says);
  efla_kernel_check_clear(&check);
}

/* In f64, f32, and with o in bf16; words as in the table of faults. */
static void check_fault(faulty f, const char *keys, const char *words, const char *more) {
  static const char *const formats[] = {"f64", "f32", "bf16"};
  for (size_t i = 0; i < 3; i++) {
    f.f64 = i == 0;
    f.o = f.stored = formats[i];
    check_named(&f, keys, words, more);
  }
}

#define CHECK_FAULT(keys, words, ...)                                                                                  \
  do {                                                                                                                 \
    faulty f = faulty_none(usual);                                                                                     \
    __VA_ARGS__;                                                                                                       \
    check_fault(f, keys, words, "");                                                                                   \
  } while (0)

START_TEST(every_fault_is_named) {
  set_up("compare-faults");
  CHECK_FAULT("raw", "beta itself is used as the coefficient", f.coefficient = faulty_euler);
  CHECK_FAULT("raw", "the coefficient is that of implicit", f.coefficient = faulty_implicit);
  CHECK_FAULT("raw", "keys are normalised", f.norm = 1.5, f.unit_keys = f.unit_coefficient = true);
  CHECK_FAULT("unit", "keys are not normalised", f.norm = 1.5);
  CHECK_FAULT("raw", "the coefficient is taken from the raw lambda", f.norm = 1.5, f.unit_keys = true);
  CHECK_FAULT("unit", "the coefficient is taken from the raw lambda", f.norm = 1.5, f.unit_keys = true);
  CHECK_FAULT("raw", "lambda of normalised keys", f.norm = 1.5, f.unit_coefficient = true);
  CHECK_FAULT("raw", "queries are normalised", f.unit_queries = true);
  CHECK_FAULT("raw", "the scale is missing", f.scale = 1 / sqrt(12));
  CHECK_FAULT("raw", "o is scaled by 1/sqrt(dk)", f.applied = 1 / sqrt(12));
  CHECK_FAULT("raw", "is applied twice", f.scale = 0.25, f.applied = 0.0625);
  CHECK_FAULT("raw", "o is zero everywhere", f.applied = 0);
  CHECK_FAULT("raw", "o is read before", f.reads_before = true);
  CHECK_FAULT("raw", "transposed in the read-out", f.reads_transposed = true);
  CHECK_FAULT("raw", "final_state is transposed", f.final_transposed = true);
  CHECK_FAULT("raw", "the initial state is missing", f.has_initial = f.ignores_initial = true);
  CHECK_FAULT("raw", "initial_state is transposed", f.has_initial = f.initial_transposed = true);
  CHECK_FAULT("raw", "carried over", f.sizes.batch = 1, f.packed = f.carries = true);
  CHECK_FAULT("raw", "the decay g is missing", f.has_decay = f.ignores_decay = true);
  CHECK_FAULT("raw", "decay is applied after", f.has_decay = f.decay_after = true);
  CHECK_FAULT("raw", "do not fill a chunk of 64, never enter the state", f.lost_tail = 64);
  CHECK_FAULT("raw", "do not fill a chunk of 32, never enter final_state", f.lost_tail = 32, f.lost_in_state = true);
}
END_TEST

/* Small constants that show in f64 only. */
START_TEST(epsilons_are_named) {
  set_up("compare-epsilon");
  faulty f = faulty_none(usual);
  f.f64 = true, f.o = f.stored = "f64", f.epsilon = 1e-6;
  check_named(&f, "raw", "the coefficient has an epsilon", "");
  f.epsilon = 0, f.key_epsilon = 1e-6, f.unit_keys = f.unit_coefficient = true;
  check_named(&f, "unit", "keys are normalised with an epsilon", "");
}
END_TEST

START_TEST(two_faults_at_once) {
  set_up("compare-two");
  faulty f = faulty_none(usual);
  f.coefficient = faulty_euler, f.scale = 0.25;
  check_named(&f, "raw", "the scale is missing", "beta itself is used as the coefficient");
  f = faulty_none(usual);
  f.has_initial = f.ignores_initial = f.reads_before = true;
  check_named(&f, "raw", "o is read before", "the initial state is missing");
}
END_TEST

/* What no fault model computes: zeros where the last chunk is incomplete. */
START_TEST(wrong_tails_are_seen) {
  static const size_t chunks[] = {16, 64};
  set_up("compare-tail");
  for (size_t i = 0; i < 2; i++) {
    faulty f = faulty_none(usual);
    f.sizes.tokens = 200 + i; /* tails of 8 and of 9 */
    f.zero_tail = chunks[i];
    faulty_write(&f, path);
    efla_kernel_check_options ask = faulty_question(path);
    efla_kernel_check check = faulty_check(&ask);
    ck_assert(check.outside && !efla_kernel_check_fault(&check));
    size_t start = f.sizes.tokens - f.sizes.tokens % chunks[i];
    ck_assert_uint_eq(check.comparison.total.o.first.token, start);
    ck_assert_msg(check.tail && start == f.sizes.tokens - f.sizes.tokens % check.tail, "chunk %zu, said %zu", chunks[i],
                  check.tail);
    efla_kernel_check_clear(&check);
  }
}
END_TEST

/* One number of one token, off by ten times the tolerance: it is reported, and nothing else is. */
START_TEST(first_wrong_token_is_found) {
  static const size_t tokens[] = {0, 1, 63, 64, 99};
  set_up("compare-first");
  for (size_t i = 0; i < 5; i++) {
    char place[64];
    faulty f = faulty_none(usual);
    f.nudged = tokens[i], f.nudge = 1e-3;
    faulty_write(&f, path);
    efla_kernel_check_options ask = faulty_question(path);
    efla_kernel_check check = faulty_check(&ask);
    const efla_miss *miss = &check.comparison.total.o.first;
    snprintf(place, sizeof place, "o[1,%zu,2,11]", tokens[i]);
    ck_assert(check.outside && miss->token == tokens[i] && miss->sequence == 1 && miss->head == 2);
    ck_assert_str_eq(miss->index, place);
    CHECK_BOUND(fabs(miss->found - miss->expected - 1e-3), 1e-5); /* the kernel's own error beside it */
    ck_assert(check.comparison.head[2].outside && !check.comparison.head[0].outside &&
              !check.comparison.head[1].outside);
    ck_assert_ptr_nonnull(strstr(efla_kernel_check_fault(&check)->says, "alone"));
    efla_kernel_check_clear(&check);
  }
}
END_TEST

/* What is not finite is out of tolerance, from its first token on. */
START_TEST(numbers_that_are_not_finite) {
  set_up("compare-nan");
  faulty f = faulty_none(usual);
  f.nudged = 42, f.nudge = NAN;
  faulty_write(&f, path);
  efla_kernel_check_options ask = faulty_question(path);
  efla_kernel_check check = faulty_check(&ask);
  const efla_miss *miss = &check.comparison.total.o.first;
  ck_assert(check.outside && miss->token == 42 && isnan(miss->found) && isfinite(miss->expected));
  efla_kernel_check_clear(&check);
  f.coefficient = faulty_euler; /* and what is finite still tells the fault */
  check_named(&f, "raw", "beta itself is used as the coefficient", "");
}
END_TEST

/* A factor that no constant explains is fitted, and told with its error; one that is known is told as that. */
START_TEST(factors_are_fitted) {
  static const double times[] = {M_SQRT1_2, 0.83};
  set_up("compare-factor");
  for (size_t i = 0; i < 2; i++) {
    faulty f = faulty_none(usual);
    double value = 0, error = 0;
    f.applied = times[i];
    faulty_write(&f, path);
    efla_kernel_check_options ask = faulty_question(path);
    efla_kernel_check check = faulty_check(&ask);
    const efla_finding *fault = efla_kernel_check_fault(&check);
    ck_assert_msg(fault && !strcmp(fault->name, "factor-o"), "%s", fault ? fault->name : "nothing");
    ck_assert_int_eq(sscanf(strstr(fault->says, " by "), " by %lf +- %lf", &value, &error), 2);
    ck_assert(error > 0 && error < 1e-6);
    CHECK_BOUND(fabs(value - times[i]), 4 * error + 1e-6);
    ck_assert(!strstr(fault->says, "1/sqrt 2") == (i == 1));
    efla_kernel_check_clear(&check);
  }
}
END_TEST

/* Keys of norm 3 under Euler's rule: o grows, and nothing else is said. */
START_TEST(instability_outranks_all) {
  set_up("compare-unstable");
  faulty f = faulty_none(usual);
  f.norm = 3, f.coefficient = faulty_euler;
  faulty_write(&f, path);
  efla_kernel_check_options ask = faulty_question(path);
  efla_kernel_check check = faulty_check(&ask);
  const efla_finding *fault = efla_kernel_check_fault(&check);
  ck_assert_msg(fault && !strcmp(fault->name, "unstable"), "%s", fault ? fault->says : "nothing");
  ck_assert_msg(strstr(fault->says, "o grows by a factor of ") != NULL, "%s", fault->says);
  ck_assert_str_eq(check.judgement.cause, "method-euler");
  efla_kernel_check_clear(&check);
}
END_TEST

/* A scale that is applied twice, and whose square is 1/sqrt dk but for what f32 does not tell: both explanations are
 * shown, and neither is the fault. Zeros for one token have many causes, which are equal: one finding. */
START_TEST(undecided) {
  set_up("compare-undecided");
  for (int near = 0; near < 2; near++) {
    faulty f = faulty_none(usual);
    f.scale = near ? (1 + 1e-8) * pow(12, -0.25) : 0.25, f.applied = f.scale * f.scale;
    faulty_write(&f, path);
    efla_kernel_check_options ask = faulty_question(path);
    efla_kernel_check check = faulty_check(&ask);
    const efla_judgement *j = &check.judgement;
    bool twice = false, both = false;
    for (size_t i = 0; i < j->n; i++) {
      twice = twice || strstr(j->finding[i].says, "is applied twice");
      both = both || strstr(j->finding[i].says, "o is scaled by 1/sqrt(dk)");
    }
    ck_assert_int_eq(j->kind, near ? EFLA_UNDECIDED : EFLA_NAMED);
    ck_assert_msg(twice && both == near, "%zu: %s", j->n, j->finding[0].says);
    ck_assert((efla_kernel_check_fault(&check) == NULL) == near);
    efla_kernel_check_clear(&check);
  }
  faulty f = faulty_none(usual);
  f.sizes.tokens = 1, f.reads_before = f.no_final = true;
  check_named(&f, "raw", "o is zero everywhere; or o is read before", "");
}
END_TEST

int main(void) {
  const TTest *const tests[] = {right_kernels_pass,
                                states_in_few_bits,
                                every_fault_is_named,
                                epsilons_are_named,
                                two_faults_at_once,
                                wrong_tails_are_seen,
                                first_wrong_token_is_found,
                                numbers_that_are_not_finite,
                                factors_are_fitted,
                                instability_outranks_all,
                                undecided};
  return testing_main("fault_models", tests, sizeof tests / sizeof *tests, 120);
}
