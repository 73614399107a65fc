/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the experiments found, as regressions: each program at small size, its table read back. */
#include "testing.h"

#include "tables.h"

/* docs/bounds.md#orders: orders within .1 for h*lambda in [5e-3, .1], coefficients and stages alike; the exact flow
 * moves by rounding only (docs/bounds.md#semigroup: 4 sqrt(n) u, with the oracle's own error on top). */
START_TEST(order_finds_the_orders) {
  efla_csv csv = run_table("order --dk 8 --dv 8 --tokens 1,3 --substeps 512");
  size_t seen = 0;
  for (size_t r = 0; r < csv.rows; r++) {
    if (!row_is(&csv, r, "truth", "longdouble")) continue;
    const efla_method *method = efla_method_find(efla_csv_text(&csv, r, "method"));
    double h_lambda = efla_csv_real(&csv, r, "h_lambda"), order = efla_csv_real(&csv, r, "order");
    if (!strcmp(method->name, "exact")) {
      CHECK_BOUND(efla_csv_real(&csv, r, "error"),
                  efla_csv_real(&csv, r, "rounding") + efla_csv_real(&csv, r, "floor"));
    } else if (h_lambda >= 5e-3 && h_lambda <= 0.1 && !isnan(order)) {
      CHECK_BOUND(fabs(order - method->order), 0.1);
      seen++;
    }
  }
  ck_assert_uint_ge(seen, 40);
  efla_csv_clear(&csv);
}
END_TEST

/* docs/findings.md#accumulation: where the flow contracts, errors saturate, and exact stays at rounding level,
 * docs/bounds.md#long-run: 5e-15 in f64 and 1e-6 in f32; at rms norm 4 every explicit method blows up, and no other
 * does. */
START_TEST(accumulation_saturates_or_explodes) {
  efla_csv csv = run_table("accumulation --family gaussian,unit,spikes --norm 1,4 --tokens 3000 --truth longdouble");
  double early = NAN; /* the error of this run at 100 tokens; rows of one run are in the order of tokens */
  for (size_t r = 0; r < csv.rows; r++) {
    const efla_method *method = efla_method_find(efla_csv_text(&csv, r, "method"));
    double error = efla_csv_real(&csv, r, "error"), tokens = efla_csv_real(&csv, r, "tokens");
    bool f64 = row_is(&csv, r, "precision", "f64"), f32 = row_is(&csv, r, "precision", "f32");
    if (!strcmp(method->name, "exact") && (f64 || f32)) CHECK_BOUND(error, f64 ? 5e-15 : 1e-6);
    if (isinf(method->stable)) ck_assert_str_eq(efla_csv_text(&csv, r, "blowup"), "0");
    if (row_is(&csv, r, "family", "unit") && !strcmp(method->name, "euler") && f64) {
      if (tokens == 100) early = error;
      if (tokens > 100) CHECK_BOUND(error, 2 * early); /* docs/bounds.md#global */
    }
    if (row_is(&csv, r, "family", "gaussian") && row_is(&csv, r, "norm", "4") && isfinite(method->stable) &&
        tokens == 3000)
      ck_assert_msg(efla_csv_real(&csv, r, "blowup") > 0, "%s", method->name);
  }
  ck_assert(!isnan(early));
  efla_csv_clear(&csv);
}
END_TEST

/* An oracle that refuses leaves its rows without errors, says so, and the program ends with status 1. */
START_TEST(accumulation_reports_a_refusal) {
  char err[4096];
  int status = testing_shell(TEST_BIN "/accumulation --family gaussian --norm 1 --beta 20000 --tokens 3 --truth odeiv "
                                      "--out " TEST_WORK "/refusal.csv",
                             NULL, err, sizeof err);
  efla_csv csv;
  ck_assert_int_eq(status, EFLA_EXIT_CHECK);
  ck_assert_ptr_nonnull(strstr(err, "odeiv refuses"));
  ck_assert_int_eq(efla_csv_read(&csv, TEST_WORK "/refusal.csv", NULL), EFLA_OK);
  for (size_t r = 0; r < csv.rows; r++) {
    ck_assert_str_eq(efla_csv_text(&csv, r, "error"), "nan");
    ck_assert_str_eq(efla_csv_text(&csv, r, "floor"), "inf");
  }
  efla_csv_clear(&csv);
}
END_TEST

/* docs/derivations.md#ground-truth: the closed form is right everywhere (error of one step, docs/bounds.md#step: 8u),
 * expm1 squaring within docs/bounds.md#dense, each oracle within what it claims; GSL is wrong, and refused, for flat
 * keys below the edges of its table. */
START_TEST(reference_finds_whom_to_trust) {
  efla_csv csv = run_table("reference --dk 16,64 --per-decade 1 --largest 1e5");
  size_t refused = 0;
  for (size_t r = 0; r < csv.rows; r++) {
    double error = efla_csv_real(&csv, r, "error"), x = efla_csv_real(&csv, r, "x");
    double claimed = efla_csv_real(&csv, r, "claimed"), dk = efla_csv_real(&csv, r, "dk");
    double floor = efla_csv_real(&csv, r, "floor");
    bool vouched = row_is(&csv, r, "verdict", "vouched"), gsl = row_is(&csv, r, "oracle", "gsl");
    if (row_is(&csv, r, "oracle", "closed_form")) CHECK_BOUND(error, 8 * U);
    if (row_is(&csv, r, "oracle", "expm1")) CHECK_BOUND(error, (2 * dk + 16) * U * fmax(1, x));
    if (vouched && !isnan(claimed)) CHECK_BOUND(error, claimed + 2 * floor);
    if (gsl && row_is(&csv, r, "family", "flat") && dk == 64 && x > 600 && x < 640) {
      ck_assert(!vouched);
      ck_assert_double_ge(error, 1);
      refused++;
    }
    if (gsl && row_is(&csv, r, "family", "gaussian")) ck_assert(vouched);
  }
  ck_assert_uint_eq(refused, 1);
  efla_csv_clear(&csv);
}
END_TEST

/* With one entry a key erases all of the state but exp(-x), which is soon below the rounding errors of any truth: then
 * errors are nan, everything else is there, and the sentence says why. */
START_TEST(reference_without_a_truth) {
  char err[4096];
  int status = testing_shell(TEST_BIN "/reference --quick --dk 1,4 --family gaussian --out " TEST_WORK "/scalar.csv",
                             NULL, err, sizeof err);
  efla_csv csv;
  size_t known[2] = {0}, unknown = 0;
  ck_assert_int_eq(status, EFLA_EXIT_CHECK);
  ck_assert_msg(strstr(err, "refuses: its own error is ") && strstr(err, "of a state of norm ") &&
                    strstr(err, "unless they erase"),
                "%s", err);
  ck_assert_int_eq(efla_csv_read(&csv, TEST_WORK "/scalar.csv", NULL), EFLA_OK);
  for (size_t r = 0; r < csv.rows; r++) {
    if (!row_is(&csv, r, "oracle", "closed_form")) continue;
    bool scalar = row_is(&csv, r, "dk", "1"), nan = isnan(efla_csv_real(&csv, r, "error"));
    if (!nan) known[scalar]++;
    unknown += nan;
    ck_assert(!nan || (scalar && efla_csv_real(&csv, r, "x") > 1));
  }
  ck_assert_msg(unknown > 0 && known[1] > 0 && unknown + known[1] == known[0], "%zu, %zu, %zu", unknown, known[1],
                known[0]);
  efla_csv_clear(&csv);
}
END_TEST

/* An input that cannot be had is known before the first token of any other. */
START_TEST(inputs_are_checked_first) {
  static const char *const commands[] = {"accumulation --family gaussian,mnist --tokens 1000000000",
                                         "precision --family gaussian,mnist --tokens 1000000000",
                                         "noise --family mnist --trials 1000000", "reference --family gaussian,mnist",
                                         "accumulation --family all --tokens 1000000000"};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    char command[200], out[4096], err[4096];
    snprintf(command, sizeof command, "EFLA_MNIST= timeout 30 " TEST_BIN "/%s", commands[i]);
    int status = testing_shell(command, out, err, sizeof err);
    ck_assert_msg(status == EFLA_EXIT_IO && !*out && strcasestr(err, "mnist"), "%s: status %d, %s", command, status,
                  err);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {order_finds_the_orders,         accumulation_saturates_or_explodes,
                                accumulation_reports_a_refusal, reference_finds_whom_to_trust,
                                reference_without_a_truth,      inputs_are_checked_first};
  return testing_main("experiments", tests, sizeof tests / sizeof *tests, 120);
}
