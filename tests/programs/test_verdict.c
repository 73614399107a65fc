/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make verdict: computed from tables, refused where they are missing or older than their programs. */
#include "testing.h"

static const struct {
  const char *name, *arguments;
} programs[] = {
    {"reference", ""},    {"zero_order_hold", ""}, {"order", ""},
    {"accumulation", ""}, {"chunk", ""},           {"decay", ""},
    {"noise", ""},        {"stability_plane", ""}, {"throughput", " --panels tokens --tokens 1024,2048,4096"}};

static int verdict(char *out, char *err, size_t size) {
  return testing_shell(TEST_BUILD "/verdict " TEST_WORK "/verdict " TEST_BIN, out, err, size);
}

static void write_tables(void) {
  ck_assert_int_eq(testing_shell("rm -rf " TEST_WORK "/verdict && mkdir -p " TEST_WORK "/verdict", NULL, NULL, 0), 0);
  for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
    char command[256];
    snprintf(command, sizeof command, TEST_BIN "/%s --quick%s --out " TEST_WORK "/verdict/%s.csv", programs[i].name,
             programs[i].arguments, programs[i].name);
    ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
  }
}

START_TEST(verdict_of_quick_tables) {
  static char out[1 << 16], err[1 << 16];
  ck_assert_int_eq(testing_shell("rm -rf " TEST_WORK "/verdict && mkdir -p " TEST_WORK "/verdict", NULL, NULL, 0), 0);
  ck_assert_int_eq(verdict(out, err, sizeof out), 1); /* no table yet */
  ck_assert_ptr_nonnull(strstr(err, "missing"));
  write_tables();
  ck_assert_int_eq(verdict(out, err, sizeof out), 0);
  /* What holds at any size of the experiments, and what is not seen. */
  ck_assert_ptr_nonnull(strstr(out, "the update is the exact solution             holds"));
  ck_assert_ptr_nonnull(strstr(out, "numerically stable                           holds"));
  ck_assert_ptr_nonnull(strstr(out, "DeltaNet's error accumulates                 not seen"));
  ck_assert_ptr_nonnull(strstr(out, "chunkwise form is equivalent                 holds"));
  ck_assert_ptr_nonnull(strstr(out, "gated exact flow: exact                      holds"));
  ck_assert_ptr_nonnull(strstr(out, "gated exact flow: stable                     holds"));
  ck_assert_ptr_nonnull(strstr(out, "split step: error below bf16's unit          not seen"));
  ck_assert_ptr_nonnull(strstr(out, "not asked (no MNIST"));
  ck_assert_ptr_nonnull(strstr(out, "linear time")); /* of time itself nothing is asserted here */
  for (const efla_perturbation *p = efla_perturbations; p->name; p++) ck_assert_ptr_nonnull(strstr(out, p->name));

  /* A wrong number in the table turns the verdict: the closed form off by 1e-3 somewhere. */
  ck_assert_int_eq(testing_shell("sed -i '$s/^\\([^,]*,[^,]*,[^,]*,closed_form\\),[^,]*/\\1,0.001/' " TEST_WORK
                                 "/verdict/reference.csv",
                                 NULL, NULL, 0),
                   0);
  ck_assert_int_eq(verdict(out, err, sizeof out), 0);
  ck_assert_ptr_nonnull(strstr(out, "the update is the exact solution             not seen"));

  ck_assert_int_eq(testing_shell("touch -d 2001-01-01 " TEST_WORK "/verdict/chunk.csv", NULL, NULL, 0), 0);
  ck_assert_int_eq(verdict(out, err, sizeof out), 1);
  ck_assert_ptr_nonnull(strstr(err, "chunk.csv is older"));
}
END_TEST

/* Each claim without the rows that it is decided by: neither seen nor not seen. */
START_TEST(missing_rows) {
  static const struct {
    const char *claim, *table, *rows;
  } cases[] = {{"the update is the exact solution", "reference", "closed_form"},
               {"... of the continuous dynamics", "zero_order_hold", ",left,"},
               {"... of the continuous dynamics", "zero_order_hold", ",crossover,"},
               {"a Runge-Kutta method of infinite order", "order", ",exact,"},
               {"numerically stable", "accumulation", ",exact,"},
               {"free of error accumulation", "accumulation", "^gaussian,"},
               {"free of error accumulation", "accumulation", "^dictionary,"},
               {"free of error accumulation", "accumulation", ",f64,"},
               {"free of error accumulation", "accumulation", ",100,"},
               {"DeltaNet's error accumulates", "accumulation", ",euler,"},
               {"chunkwise form is equivalent", "chunk", ",substitution,"},
               {"gated exact flow: exact", "decay", "^stream,.*,exact,joint,"},
               {"gated exact flow: stable", "stability_plane", "^plane,exact,"},
               {"gated exact flow: stable", "stability_plane", "^stream,exact,"},
               {"split step: error below bf16's unit", "decay", "^stream,.*,exact,split,"},
               {"linear time", "throughput", ",1024,"},
               {"robust against DeltaNet: burst", "noise", ",burst,"}};
  static char out[1 << 16], err[1 << 16];
  write_tables();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char command[256], line[128];
    snprintf(command, sizeof command, "cd " TEST_WORK "/verdict && mv %s.csv whole && grep -v -e '%s' whole >%s.csv",
             cases[i].table, cases[i].rows, cases[i].table);
    ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
    ck_assert_msg(verdict(out, err, sizeof out) == 1, "%s without %s: %.1500s", cases[i].claim, cases[i].rows, out);
    snprintf(line, sizeof line, "%-44s missing  \n", cases[i].claim);
    ck_assert_msg(strstr(out, line) != NULL, "%s without %s: %.1500s", cases[i].claim, cases[i].rows, out);
    snprintf(line, sizeof line, "%s.csv has too few rows for '%s'", cases[i].table, cases[i].claim);
    ck_assert_msg(strstr(err, line) != NULL, "%s without %s: %.1500s", cases[i].claim, cases[i].rows, err);
    snprintf(command, sizeof command, "cd " TEST_WORK "/verdict && mv whole %s.csv", cases[i].table);
    ck_assert_int_eq(testing_shell(command, NULL, NULL, 0), 0);
  }
  ck_assert_int_eq(verdict(out, err, sizeof out), 0);
}
END_TEST

/* A study of three seeds in which the method makes robust against scale, keys against noise, and nothing against
 * dropout; accuracies scatter by .01 from seed to seed, unlike in every model. */
static void write_study(FILE *file) {
  static const struct {
    const char *name;
    double method, keys;
  } perturbations_of_study[] = {{"clean", 0, 0}, {"scale", 0.2, 0.1}, {"noise", 0, 0.2}, {"dropout", 0, 0}};
  fprintf(file, "method,keys,lr,seed,epoch,perturbation,level,accuracy\n");
  for (int i = 0; i < 4 * 8 * 3; i++) {
    int p = i / 24, exact = i / 4 % 2, raw = i / 2 % 2, fast = i % 2, seed = i / 8 % 3;
    fprintf(file, "%s,%s,%g,%d,0,%s,1,%.17g\n", exact ? "exact" : "euler", raw ? "raw" : "unit", fast ? 3e-3 : 1e-3,
            seed, perturbations_of_study[p].name,
            0.5 + exact * perturbations_of_study[p].method + raw * perturbations_of_study[p].keys +
                0.01 * (i * i % 7 % 3));
  }
}

START_TEST(verdict_of_a_study) {
  static char out[1 << 16], err[1 << 16];
  ck_assert_int_eq(testing_shell("rm -rf " TEST_WORK "/verdict && mkdir -p " TEST_WORK "/verdict", NULL, NULL, 0), 0);
  verdict(out, err, sizeof out);
  ck_assert_ptr_nonnull(strstr(out, "not asked (no gallery/study.csv"));
  FILE *file = fopen(TEST_WORK "/verdict/study.csv", "w");
  ck_assert_ptr_nonnull(file);
  write_study(file);
  ck_assert_int_eq(fclose(file), 0);
  ck_assert_int_eq(testing_shell(TEST_BIN "/effects --input " TEST_WORK "/verdict/study.csv --out " TEST_WORK
                                          "/verdict/effects.csv",
                                 NULL, NULL, 0),
                   0);
  verdict(out, err, sizeof out);
  static const char *const expected[] = {
      "robust once trained, by its method: clean    not seen", "robust once trained, by its method: scale    holds  ",
      "robust once trained, by its method: noise    holds if  keys and learning rate change",
      "robust once trained, by its method: dropout  not seen"};
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
    ck_assert_msg(strstr(out, expected[i]) != NULL, "%s", out);
}
END_TEST

START_TEST(usage) { ck_assert_int_eq(testing_shell(TEST_BUILD "/verdict", NULL, NULL, 0), 2); }
END_TEST

int main(void) {
  const TTest *const tests[] = {verdict_of_quick_tables, missing_rows, verdict_of_a_study, usage};
  return testing_main("verdict", tests, sizeof tests / sizeof *tests, 120);
}
