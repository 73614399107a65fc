/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bin/recall and bin/mad: rows of small trainings, kept configs, wrong options. */
#include "tables.h"
#include "testing.h"

static char out[1 << 16], err[1 << 16];

static int run(const char *arguments) {
  char command[1024];
  snprintf(command, sizeof command, TEST_BIN "/%s", arguments);
  return testing_shell(command, out, err, sizeof out);
}

START_TEST(recall) {
  efla_csv csv = run_table("recall --quick --steps 6 --pairs 2,4 --method exact,euler --mixer delta,softmax");
  ck_assert_uint_eq(csv.rows, 2 * 3);
  for (size_t r = 0; r < csv.rows; r++) {
    ck_assert_str_eq(efla_csv_text(&csv, r, "task"), "mqar");
    const double accuracy = efla_csv_real(&csv, r, "accuracy"), loss = efla_csv_real(&csv, r, "loss");
    ck_assert(accuracy >= 0 && accuracy < 1 && loss > 1 && loss < 8 && efla_csv_real(&csv, r, "diverged") == 0);
  }
  efla_csv_clear(&csv);
}
END_TEST

/* A training that diverges is a row of the whole training's end, among those that bin/effects compares. */
START_TEST(diverged) {
  efla_csv csv = run_table("recall --quick --method euler --lr 1e3");
  ck_assert_uint_eq(csv.rows, 1);
  ck_assert(efla_csv_real(&csv, 0, "step") == 40 && efla_csv_real(&csv, 0, "diverged") > 0);
  ck_assert(isnan(efla_csv_real(&csv, 0, "accuracy")));
  efla_csv_clear(&csv);
}
END_TEST

START_TEST(mad) {
  testing_shell("rm -rf " TEST_WORK "/mad", NULL, NULL, 0); /* of an earlier run */
  const char *command = "mad --quick --steps 6 --tested 5 --tasks all --configs " TEST_WORK "/mad";
  efla_csv first = run_table(command), second = run_table(command); /* then from the checkpoints */
  ck_assert_uint_eq(first.rows, 6);
  for (size_t r = 0; r < first.rows; r++) {
    ck_assert_str_eq(efla_csv_text(&first, r, "loss"), efla_csv_text(&second, r, "loss"));
    ck_assert(isfinite(efla_csv_real(&first, r, "loss")));
  }
  efla_csv_clear(&first), efla_csv_clear(&second);
  first = run_table("mad --quick --steps 2 --tested 2 --warmup 1 --tasks all --published");
  ck_assert_uint_eq(first.rows, 6);
  efla_csv_clear(&first);
}
END_TEST

START_TEST(wrong_options) {
  static const struct {
    const char *arguments, *said;
  } wrong[] = {{"recall --quick --pairs 2,9 --length 32", "mqar"},
               {"recall --quick --vocabulary 32 --length 32", "mqar"},
               {"recall --quick --heads 3", "--heads: 3"},
               {"recall --quick --group 3", "--group: 3"},
               {"mad --quick --warmup 40", "--warmup: 40"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const int status = run(wrong[i].arguments);
    ck_assert_msg(status == 2 && strstr(err, wrong[i].said) && !strstr(err, "accuracy"), "%s: status %d, %s",
                  wrong[i].arguments, status, err);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {recall, diverged, mad, wrong_options};
  return testing_main("recall", tests, sizeof tests / sizeof *tests, 60);
}
