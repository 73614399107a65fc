/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Regression tests of the findings: each experiment is run at small size and its table read back. */
#include "testing.h"

#include "tables.h"

/* docs/bounds.md#orders: orders within .1 for h*lambda in [5e-3, .1], coefficients and stages alike; the exact flow
 * moves by rounding only (docs/bounds.md#semigroup: 4 sqrt(n) u, with the oracle's own error on top). */
START_TEST(order_finds_the_orders) {
  efla_csv csv = run_table("order --dk 8 --dv 8 --tokens 1,3 --substeps 512");
  size_t compared = 0;
  FOR_ROWS (&csv, r, 2 * 10, "truth=longdouble method=exact") /* token counts, 1 ... 512 substeps */
    CHECK_BOUND(efla_csv_real(&csv, r, "error"), efla_csv_real(&csv, r, "rounding") + efla_csv_real(&csv, r, "floor"));
  /* The steps .0625 to .0078 of x = 4 are within the interval: 4 for each count of tokens and of each method beside the
   * exact one by its coefficient, and for one token by its tableaux; where rounding rules there is no order.  It rules
   * where (h lambda)^p < 4u sqrt(n) or so: not for p <= 4 at the first three. */
  for (const efla_method *m = efla_methods; m->name; m++) {
    char where[100];
    size_t forms = 2;
    if (m->order == EFLA_ORDER_INFINITE) continue;
    for (const efla_tableau *t = efla_tableaux; t->name; t++) forms += t->method && !strcmp(t->method, m->name);
    snprintf(where, sizeof where, "truth=longdouble method=%s h_lambda>0.005 h_lambda<0.1", m->name);
    FOR_ROWS (&csv, r, 4 * forms, where) {
      double order = efla_csv_real(&csv, r, "order");
      ck_assert_msg(!isnan(order) || m->order > 4 || efla_csv_real(&csv, r, "h_lambda") < 0.01, "%s", where);
      if (isnan(order)) continue;
      CHECK_BOUND(fabs(order - m->order), 0.1);
      compared++;
    }
  }
  ck_assert_uint_ge(compared, 40);
  efla_csv_clear(&csv);
}
END_TEST

enum { FAMILIES = 5, MARKS = 27 }; /* families and their norms; numbers of tokens at which rows are written */

/* docs/findings.md#accumulation: where the flow contracts, errors saturate, and exact stays at rounding level,
 * docs/bounds.md#long-run; at rms norm 4 every explicit method blows up, and no other does. */
START_TEST(accumulation_saturates_or_explodes) {
  efla_csv csv = run_table("accumulation --family gaussian,unit,spikes --norm 1,4 --tokens 3000 --truth longdouble "
                           "--precision f64,f32 --dk 32");
  double early = NAN; /* the error after 100 tokens */
  FOR_ROWS (&csv, r, FAMILIES * MARKS, "method=exact precision=f64")
    CHECK_BOUND(efla_csv_real(&csv, r, "error"), sqrt(2 * 32) * U);
  FOR_ROWS (&csv, r, FAMILIES * MARKS, "method=exact precision=f32")
    CHECK_BOUND(efla_csv_real(&csv, r, "error"), sqrt(2 * 32) * U32);
  FOR_ROWS (&csv, r, 1, "family=unit method=euler precision=f64 tokens=100") early = efla_csv_real(&csv, r, "error");
  FOR_ROWS (&csv, r, 12, "family=unit method=euler precision=f64 tokens>100") /* 8 a decade up to 2371, and 3000 */
    CHECK_BOUND(efla_csv_real(&csv, r, "error"), 2 * early);                  /* docs/bounds.md#global */
  FOR_ROWS (&csv, r, 2 * FAMILIES * (count_methods(false) + count_methods(true)), "tokens=3000") {
    const char *name = efla_csv_text(&csv, r, "method");
    bool large = row_is(&csv, r, "family", "gaussian") && row_is(&csv, r, "norm", "4"),
         blown = !row_is(&csv, r, "blowup", "0");
    if (isinf(efla_method_find(name)->stable))
      ck_assert_msg(!blown, "%s", name);
    else
      ck_assert_msg(blown || !large, "%s", name);
  }
  require_rows(&csv, 2 * count_methods(false), "tokens=3000 family=gaussian norm=4 method=euler|rk2|rk4|rk8");
  efla_csv_clear(&csv);
}
END_TEST

/* docs/bounds.md#long-run for the exact flow with every decay; beside it w errs by 10 u and d by 3 u a token
 * (docs/bounds.md#rates), which a state that forgets at the rate y makes 3 u/y.  Growth rates, measured and predicted:
 * a decay before the step adds -y, and the exact flow has that of split with joint too; a step of growth rounds (dk +
 * 16) times. */
START_TEST(accumulation_with_decay) {
  enum { DK = 32, TOKENS_MARKS = 23 };
  const double y = 0.05, rounding = (DK + 16) * U;
  efla_csv csv = run_table("accumulation --family gaussian,dictionary --norm 1 --tokens 1000 --truth longdouble "
                           "--precision f64 --methods exact,euler --decay all --rate 0.05 --dk 32");
  size_t decays = 0;
  while (efla_decay_name(decays)) decays++;
  FOR_ROWS (&csv, r, decays * 2 * TOKENS_MARKS, "method=exact")
    CHECK_BOUND(efla_csv_real(&csv, r, "error"), (sqrt(2 * DK) + 10 + 3 / y) * U);
  FOR_ROWS (&csv, r, 2 * 2, "decay=none tokens=1000") {
    static const char *const columns[] = {"growth", "growth_predicted"};
    char where[120];
    for (int joint = 0; joint < 2; joint++) {
      snprintf(where, sizeof where, "decay=%s tokens=1000 family=%s method=%s", joint ? "joint" : "split",
               efla_csv_text(&csv, r, "family"), efla_csv_text(&csv, r, "method"));
      if (joint && !row_is(&csv, r, "method", "exact")) continue;
      FOR_ROWS (&csv, other, 1, where)
        for (int i = 0; i < 2; i++)
          CHECK_BOUND(fabs(efla_csv_real(&csv, other, columns[i]) + y - efla_csv_real(&csv, r, columns[i])), rounding);
    }
  }
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
  ck_assert_uint_gt(csv.rows, 0);
  FOR_ROWS (&csv, r, csv.rows, "tokens>0") {
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
  efla_csv csv = run_table("reference --dk 16,64 --per-decade 1 --family gaussian,flat --largest 1e5");
  enum { POINTS = 2 * 27 }; /* of a family: two dk; 14 decades of x and 13 points just below dk*10^j */
  FOR_ROWS (&csv, r, 2 * POINTS, "oracle=closed_form") CHECK_BOUND(efla_csv_real(&csv, r, "error"), 8 * U);
  /* Of the trace, that is sqrt(dk) |E| <= dk times as much (Cauchy and Schwarz); and a lambda = 1 - exp(-x) is read off
   * it, with all dk columns. */
  FOR_ROWS (&csv, r, POINTS, "oracle=closed_form dk=16")
    CHECK_BOUND(efla_csv_real(&csv, r, "coefficient_error"), 8 * U * 16 / -expm1(-efla_csv_real(&csv, r, "x")));
  FOR_ROWS (&csv, r, 2 * POINTS, "oracle=expm1")
    CHECK_BOUND(efla_csv_real(&csv, r, "error"),
                (2 * efla_csv_real(&csv, r, "dk") + 16) * U * fmax(1, efla_csv_real(&csv, r, "x")));
  static const struct {
    size_t rows;
    const char *where;
  } vouched[] = {{4 * POINTS, "verdict=vouched oracle=expm1|longdouble"},
                 {POINTS, "verdict=vouched oracle=gsl family=gaussian"},
                 {POINTS - 2, "verdict=vouched oracle=gsl family=flat"},
                 {2 * POINTS - 2 * 2 * 2, "verdict=vouched oracle=odeiv"}}; /* two points of each x pass its 1e4 */
  for (size_t i = 0; i < sizeof vouched / sizeof *vouched; i++)
    FOR_ROWS (&csv, r, vouched[i].rows, vouched[i].where)
      CHECK_BOUND(efla_csv_real(&csv, r, "error"),
                  efla_csv_real(&csv, r, "claimed") + 2 * efla_csv_real(&csv, r, "floor"));
  FOR_ROWS (&csv, r, 1, "oracle=gsl family=flat dk=64 x>600 x<640 verdict=refused")
    ck_assert_double_ge(efla_csv_real(&csv, r, "error"), 1);
  ck_assert_ptr_nonnull(strstr(csv.header, "\n# oracle gsl: ")); /* for the figure's legend */
  ck_assert_ptr_nonnull(strstr(csv.header, "\n# oracle closed_form: "));
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
  const TTest *const tests[] = {order_finds_the_orders,        accumulation_saturates_or_explodes,
                                accumulation_with_decay,       accumulation_reports_a_refusal,
                                reference_finds_whom_to_trust, reference_without_a_truth,
                                inputs_are_checked_first};
  return testing_main("experiments", tests, sizeof tests / sizeof *tests, 120);
}
