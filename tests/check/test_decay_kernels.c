/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kernels with a decay, held against their own and against another: a right one passes, a wrong one does not. */
#include "faulty.h"
#include "files.h"
#include "testing.h"

static char path[256];

static const h5_sizes usual = {2, 100, 3, 12, 8};

/* Writes the outputs of a kernel with this decay, in f32 or f64. */
static void kernel(const char *decay, bool f64) {
  snprintf(path, sizeof path, "%s/in.h5", files_directory("compare-decay"));
  faulty f = faulty_none(usual);
  f.has_decay = true, f.has_initial = true, f.decay = decay, f.f64 = f64;
  if (f64) f.o = f.stored = "f64";
  faulty_write(&f, path);
}

static efla_kernel_check judge(const char *decay) {
  efla_kernel_check_options ask = faulty_question(path);
  ask.decay = faulty_decay(decay);
  return faulty_check(&ask);
}

/* A kernel of one decay passes as one of that and is outside as any other. */
START_TEST(each_decay_is_told_from_the_others) {
  static const char *const kernels[] = {NULL, "joint", "retention"}, *const names[] = {"split", "joint", "retention"};
  for (size_t i = 0; i < 6; i++) {
    kernel(kernels[i % 3], i >= 3);
    for (const efla_decay *decay = efla_decays; decay->name; decay++) {
      if (!strcmp(decay->name, "retention") && i % 3 != 2) continue; /* there is no alpha */
      efla_kernel_check check = judge(decay->name);
      ck_assert_msg(check.outside == (strcmp(decay->name, names[i % 3]) != 0), "%s as %s: %g of the bound",
                    names[i % 3], decay->name, check.comparison.total.o.ratio);
      ck_assert_ptr_eq(check.comparison.spec.rule.decay, decay);
      efla_kernel_check_clear(&check);
    }
  }
}
END_TEST

/* What the file suggests: split by g, and with alpha too there is a choice to make. */
START_TEST(the_decay_of_the_file) {
  efla_kernel_check check;
  efla_message why = {{0}};
  kernel(NULL, false);
  efla_kernel_check_options ask = faulty_question(path);
  check = faulty_check(&ask);
  ck_assert(!check.outside && !strcmp(check.comparison.spec.rule.decay->name, "split"));
  efla_kernel_check_clear(&check);
  kernel("retention", false);
  ck_assert_int_eq(efla_kernel_check_run(&check, &ask, 1, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, "g, alpha: both are there"), "%s", why.text);
  efla_kernel_check_clear(&check);
}
END_TEST

/* The decay that is left out, and the one that comes after the update, are recognised for each decay. */
START_TEST(faults_of_a_decay) {
  static const char *const names[] = {"joint", "split"};
  for (size_t i = 0; i < 4; i++) {
    snprintf(path, sizeof path, "%s/in.h5", files_directory("compare-decay-faults"));
    faulty f = faulty_none(usual);
    f.has_decay = f.has_initial = true;
    f.ignores_decay = i < 2, f.decay_after = i >= 2;
    faulty_write(&f, path);
    efla_kernel_check check = judge(names[i % 2]);
    ck_assert(check.outside && efla_kernel_check_fault(&check));
    const char *expected = i < 2   ? "the decay g is missing"
                           : i % 2 ? "the decay is applied after the token's update, expected before it"
                                   : "the decay is applied after the token's update, expected within it";
    ck_assert_str_eq(efla_kernel_check_fault(&check)->says, expected);
    efla_kernel_check_clear(&check);
  }
}
END_TEST

/* The certified oracle and the recurrence in long double judge a right kernel alike. */
START_TEST(oracles_agree) {
  kernel("joint", false);
  efla_kernel_check_options ask = faulty_question(path);
  ask.decay = faulty_decay("joint");
  const char *names[] = {"longdouble", EFLA_ORACLE_BEST};
  for (int i = 0; i < 2; i++) {
    ask.truth = efla_oracle_find(names[i]);
    efla_kernel_check check = faulty_check(&ask);
    ck_assert_msg(!check.outside, "truth %s", names[i]);
    efla_kernel_check_clear(&check);
  }
}
END_TEST

/* The second run needs the decay's argument too. */
START_TEST(a_second_run_without_the_argument) {
  char second[300];
  kernel("joint", false);
  snprintf(second, sizeof second, "%s.second", path);
  faulty f = faulty_none(usual);
  faulty_write(&f, second);
  efla_kernel_check_options ask = faulty_question(path);
  efla_kernel_check check;
  efla_message why = {{0}};
  ask.against = second, ask.decay = faulty_decay("joint");
  ck_assert_int_eq(efla_kernel_check_run(&check, &ask, 1, &why), EFLA_INPUT);
  ck_assert_msg(strstr(why.text, ".second: g: no such dataset, expected one for decay joint"), "%s", why.text);
  efla_kernel_check_clear(&check);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {each_decay_is_told_from_the_others, the_decay_of_the_file, faults_of_a_decay,
                                oracles_agree, a_second_run_without_the_argument};
  return testing_main("decay_kernels", tests, sizeof tests / sizeof *tests, 120);
}
