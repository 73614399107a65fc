/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bin/compare, run as a program: report, table, exit status. */
#include "channel_kernel.h"
#include "faulty.h"
#include "files.h"
#include "testing.h"

#include <json.h>

static char path[256], second[256], said[1 << 16], complained[4096];

static void set_up(const char *name) {
  const char *directory = files_directory(name);
  snprintf(path, sizeof path, "%s/in.h5", directory);
  snprintf(second, sizeof second, "%s/second.h5", directory);
}

static const h5_sizes usual = {2, 100, 3, 12, 12};

static int run(const char *arguments) {
  char *command;
  ck_assert_int_ge(asprintf(&command, TEST_BIN "/compare --input %s %s", path, arguments), 0);
  int status = testing_shell(command, said, complained, sizeof complained);
  free(command);
  return status;
}

/* The report's lines, the table, the exit status. */
START_TEST(report_and_table) {
  char arguments[700], table[300];
  set_up("compare-report");
  snprintf(table, sizeof table, "%s.csv", path);
  snprintf(arguments, sizeof arguments, "--out %s", table);
  faulty f = faulty_none(usual);
  faulty_write(&f, path);
  ck_assert_int_eq(run(arguments), 0);
  ck_assert_msg(strstr(said, "\nverdict: within the tolerance\n") && !strstr(said, "fault:"), "%s", said);
  ck_assert_ptr_nonnull(strstr(said, "\nheld against: method exact, decay none, keys raw, truth longdouble\n"));
  ck_assert_str_eq(complained, "");
  efla_csv csv;
  efla_message why;
  ck_assert_int_eq(efla_csv_read(&csv, table, &why), EFLA_OK);
  double tokens = 0, granted = 0;
  for (size_t r = 0; r < csv.rows; r++) {
    tokens += efla_csv_real(&csv, r, "tokens");
    granted = fmax(granted, efla_csv_real(&csv, r, "granted"));
    ck_assert_double_le(efla_csv_real(&csv, r, "first"), efla_csv_real(&csv, r, "last"));
  }
  ck_assert_double_eq(tokens, 2 * 100 * 3);
  ck_assert(granted > 0 && granted < 1);
  efla_csv_clear(&csv);
  f.coefficient = faulty_euler;
  faulty_write(&f, path);
  ck_assert_int_eq(run(""), 1);
  ck_assert_msg(strstr(said, "\nfirst out of tolerance: token 0, sequence 0, head 0: o[0,0,0,") != NULL, "%s", said);
  ck_assert_msg(strstr(said, "\nfault: beta itself is used as the coefficient") != NULL, "%s", said);
  ck_assert_msg(strstr(said, "\nverdict: outside the tolerance\n") && !strstr(said, "# program"), "%s",
                said); /* no table there */
  ck_assert_int_eq(run("--method euler"), 0);
  f.unit_keys = f.unit_coefficient = true; /* DeltaNet as it is used */
  faulty_write(&f, path);
  ck_assert_int_eq(run("--method euler --keys unit"), 0);
}
END_TEST

/* Tolerances of one's own, and outputs in a file of their own, as bin/run writes them. */
START_TEST(tolerances_and_separate_outputs) {
  char arguments[700];
  set_up("compare-tolerances");
  faulty f = faulty_none(usual);
  f.nudged = 50, f.nudge = 1e-4;
  faulty_write(&f, path);
  ck_assert_int_eq(run(""), 1);
  ck_assert_int_eq(run("--tolerance rms=1e-4"), 0);
  ck_assert_int_eq(run("--tolerance rms=1e-8"), 1);
  ck_assert_int_eq(run("--tolerance ulps=1e5"), 0);
  ck_assert_int_eq(run("--tolerance ulps=1"), 1);
  snprintf(arguments, sizeof arguments, TEST_BIN "/run --input %s --output %s --precision bf16", path, second);
  ck_assert_int_eq(testing_shell(arguments, NULL, NULL, 0), 0);
  snprintf(arguments, sizeof arguments, "--outputs %s", second);
  ck_assert_int_eq(run(arguments), 0);
  ck_assert_msg(strstr(said, "state kept in bf16") != NULL, "%s", said);
  snprintf(arguments, sizeof arguments, "--outputs %s --precision f32", second);
  ck_assert_int_eq(run(arguments), 1);
  ck_assert_msg(strstr(said, "fault: the state is kept in bf16") != NULL, "%s", said);
}
END_TEST

START_TEST(questions_that_cannot_be_answered) {
  static const struct {
    const char *arguments, *word;
    int status;
  } wrong[] = {{"--tolerance 5", "'5'", 2},
               {"--tolerance ulps=", "'ulps='", 2},
               {"--tolerance ulps=-1", "'ulps=-1'", 2},
               {"--tolerance rms=nan", "'rms=nan'", 2},
               {"--tolerance bounded", "'bounded'", 2},
               {"--truth gsl", "'gsl'", 2},
               {"--truth arb --method euler", "exact flow only", 2},
               {"--outputs no/such/file.h5", "no/such/file.h5: cannot read", 3},
               {"--against no/such/file.h5", "no/such/file.h5: cannot read", 3},
               {"--out no/such/directory/file", "no/such/directory/file", 3}};
  set_up("compare-questions");
  faulty f = faulty_none((h5_sizes){1, 5, 1, 3, 2});
  faulty_write(&f, path);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    int status = run(wrong[i].arguments);
    ck_assert_msg(status == wrong[i].status && strstr(complained, wrong[i].word), "%s: status %d: %s",
                  wrong[i].arguments, status, complained);
  }
  hid_t made = h5_create(path);
  h5_inputs(made, &f.sizes, 1);
  h5_close(made);
  ck_assert_int_eq(run(""), 3);
  ck_assert_msg(strstr(complained, ": o: no such dataset, expected one") != NULL, "%s", complained);
  const h5_sizes wide = {1, 2, 1, 4097, 1};
  made = h5_create(path);
  h5_inputs(made, &wide, 1);
  h5_put_tokens(made, "o", H5T_IEEE_F32LE, &wide, 1, (double[]){0, 0});
  h5_close(made);
  ck_assert_int_eq(run(""), 3);
  ck_assert_msg(strstr(complained, ": q: last size 4097, expected at most 4096") != NULL, "%s", complained);
  files_write(path, "nothing", 7);
  ck_assert_int_eq(run(""), 3);
}
END_TEST

/* g per channel and an erase key, from a file: lie is what the file suggests, and no other passes. */
START_TEST(decays_per_channel) {
  static const struct {
    const char *kernel, *arguments, *expected;
    int status;
  } runs[] = {
      {"lie", "", "\nheld against: method exact, decay lie, keys raw, erase key p, truth longdouble\n", 0},
      {"lie", "--decay lie --truth longdouble", "\nverdict: within the tolerance\n", 0},
      {"lie", "--decay strang",
       "\nfault: the decay per channel is split as Lie's, all of it before the update (lie), expected", 1},
      {"lie", "--decay none", "\nfault: ", 1},
      {"strang", "--decay strang", "\nverdict: within the tolerance\n", 0},
      {"exact", "--decay exact", "\nheld against: method exact, decay exact, keys raw, truth longdouble\n", 0},
      {"exact", "--decay lie", "\nfault: the decay per channel is one flow with the erasure (exact)", 1},
      {"split", "--decay split", "\nheld against: method exact, decay split, keys raw, erase key p", 0},
  };
  set_up("compare-channels");
  for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
    channel_kernel k = channel_kernel_right(runs[i].kernel);
    k.erase_key = strcmp(k.decay, "exact") != 0;
    channel_kernel_write(&k, path);
    ck_assert_msg(run(runs[i].arguments) == runs[i].status, "%s %s: %s", k.decay, runs[i].arguments, said);
    ck_assert_msg(strstr(said, runs[i].expected) != NULL, "%s %s: %s", k.decay, runs[i].arguments, said);
  }
}
END_TEST

static const char *word(json_object *object, const char *key) {
  json_object *value = NULL;
  ck_assert_msg(json_object_object_get_ex(object, key, &value), "no member %s", key);
  return json_object_get_string(value);
}

/* Few tokens of many heads: a file whose axes of heads and tokens are exchanged, most likely. */
START_TEST(exchanged_axes) {
  set_up("compare-axes");
  for (int wrong = 0; wrong < 2; wrong++) {
    faulty f = faulty_none((h5_sizes){1, 3, 20, 4, 4});
    f.coefficient = wrong ? faulty_euler : NULL;
    faulty_write(&f, path);
    ck_assert_int_eq(run(""), wrong);
    ck_assert(!strstr(said, "read as (B,T,H,D), 3 tokens of 20 heads; if their axes are (B,H,T,D)") == !wrong);
  }
}
END_TEST

/* The object has the verdict, and where it is outside the judgement; the exit status is the same as of the text. */
START_TEST(report_as_json) {
  set_up("compare-json");
  for (int wrong = 0; wrong < 2; wrong++) {
    faulty f = faulty_none(usual);
    f.coefficient = wrong ? faulty_euler : NULL;
    faulty_write(&f, path);
    ck_assert_int_eq(run("--json"), wrong);
    json_object *all = json_tokener_parse(said), *judgement = NULL, *findings = NULL;
    ck_assert_ptr_nonnull(all);
    ck_assert_str_eq(word(all, "verdict"), wrong ? "outside" : "within");
    ck_assert(json_object_object_get_ex(all, "judgement", &judgement) && (judgement != NULL) == wrong);
    if (wrong) {
      ck_assert_str_eq(word(judgement, "kind"), "named");
      ck_assert(json_object_object_get_ex(judgement, "findings", &findings));
      ck_assert_uint_eq(json_object_array_length(findings), 1);
      ck_assert_str_eq(word(json_object_array_get_idx(findings, 0), "name"), "method-euler");
    }
    json_object_put(all);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {report_and_table,
                                tolerances_and_separate_outputs,
                                questions_that_cannot_be_answered,
                                decays_per_channel,
                                report_as_json,
                                exchanged_axes};
  return testing_main("compare", tests, sizeof tests / sizeof *tests, 120);
}
