/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bin/run --bf16-products, judged by bin/compare: files of bf16, f32 on request, and what is refused. */
#include "files.h"
#include "testing.h"

#include "efla/cpu/matrix.h"

static char stem[256], said[1 << 16], complained[4096];

static int run(const char *program, const char *arguments) {
  char *command;
  ck_assert_int_ge(asprintf(&command, TEST_BIN "/%s %s", program, arguments), 0);
  const int status = testing_shell(command, said, complained, sizeof complained);
  free(command);
  return status;
}

/* Outputs of an awkward case are within the tolerance; `rule` is both programs', `kept` what compare is told. */
static void judge(const char *name, const char *rule, const char *kept) {
  char arguments[1024];
  snprintf(arguments, sizeof arguments,
           "--input %s-%s.npz --output %s.out.npz --precision f32 --backend cpu --bf16-products %s", stem, name, stem,
           rule);
  ck_assert_msg(run("run", arguments) == 0, "%s: %s", arguments, complained);
  snprintf(arguments, sizeof arguments, "--input %s-%s.npz --outputs %s.out.npz %s %s", stem, name, stem, kept, rule);
  ck_assert_msg(run("compare", arguments) == 0, "%s: %s%s", arguments, said, complained);
  ck_assert_ptr_nonnull(strstr(said, "verdict: within the tolerance"));
}

static void make(const char *type, const char *cases) {
  char arguments[1024];
  snprintf(stem, sizeof stem, "%s/in", files_directory("bf16-products"));
  snprintf(arguments, sizeof arguments, "--make %s.npz --type %s --cases %s", stem, type, cases);
  ck_assert_msg(run("compare", arguments) == 0, "%s", complained);
}

static bool has_unit(void) { return efla_matrix_best(efla_isa_best()) != NULL; }

/* A kernel of bf16, of which the roundings of operands are granted; raw keys with lambda up to 600 are of the case
 * limit. */
START_TEST(files_of_bf16) {
  static const char *const cases[] = {
      "tails",         "one-token",     "widths", "limit", "repeated",     "zeros",     "groups",   "packed",
      "packed-states", "initial-state", "scale",  "decay", "decay-strong", "retention", "channels", "bf16"};
  if (!has_unit()) return;
  make("bf16", "awkward");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) judge(cases[i], "", "");
  ck_assert_ptr_nonnull(strstr(said, "operands of products of 8 bits"));
  judge("decay", "--decay joint", "");
  judge("limit", "--keys unit", ""), judge("decay", "--keys unit --method euler", "");
}
END_TEST

START_TEST(f32_on_request) {
  if (!has_unit()) return;
  make("f32", "limit,repeated,decay");
  judge("limit", "", "--precision bf16"), judge("repeated", "", "--precision bf16");
  judge("decay", "--keys unit", "--precision bf16");
}
END_TEST

START_TEST(refused) {
  char arguments[1024];
  make("f32", "tails");
  static const char *const wrong[][2] = {
      {"--precision f64", "precision f64: with products of bf16, expected f32"},
      {"--precision f32 --form chunk", "form chunk: with products of bf16, expected form recurrence"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    snprintf(arguments, sizeof arguments, "--input %s-tails.npz --output %s.out.npz --bf16-products %s", stem, stem,
             wrong[i][0]);
    ck_assert_int_eq(run("run", arguments), 2);
    ck_assert_msg(strstr(complained, wrong[i][1]) != NULL, "%s", complained);
  }
  snprintf(arguments, sizeof arguments,
           "--input %s-tails.npz --output %s.out.npz --bf16-products --precision f32 --backend reference", stem, stem);
  ck_assert_int_eq(run("run", arguments), 2);
  ck_assert_msg(strstr(complained, "bf16_products") != NULL, "%s", complained);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {files_of_bf16, f32_on_request, refused};
  return testing_main("bf16_products", tests, sizeof tests / sizeof *tests, 120);
}
