/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bin/diagnose on files with g per channel and with an erase key: JSON, table, text and figure. */
#include "diagnosing.h"
#include "files.h"
#include "testing.h"

#include <json.h>
#include <unistd.h>

enum { T = 300, H = 2, DK = 6, DV = 3 };

static const h5_sizes sizes = {1, T, H, DK, DV};

/* In head 1 p is -k; in head 0 it is k, and every channel's half-life is 2 or 4 tokens. */
static void make(bool channels, bool erase_key) {
  double *k = h5_numbers(&sizes, 'k', 1), g[T * H * DK];
  hid_t file = diagnosing_create("diagnose-channels");
  h5_inputs(file, &sizes, 1);
  for (size_t i = 0; i < T * H * DK; i++) {
    g[i] = i % 2 ? -M_LN2 / 2 : -M_LN2 / 4;
    if (i / DK % H == 1) k[i] = -k[i];
  }
  if (channels) h5_put_tokens(file, "g", H5T_IEEE_F64LE, &sizes, DK, g);
  if (erase_key) h5_put_tokens(file, "p", H5T_IEEE_F64LE, &sizes, DK, k);
  h5_close(file);
  free(k);
}

static json_object *get(json_object *object, const char *key) {
  json_object *value = NULL;
  ck_assert_msg(json_object_object_get_ex(object, key, &value), "no member %s", key);
  return value;
}

static json_object *report(const char *options) {
  ck_assert_msg(diagnosing_run("", "--json --out %s/table.csv %s", ran.work, options) == 0, "%s", ran.err);
  json_object *all = json_tokener_parse(ran.out);
  ck_assert_ptr_nonnull(all);
  return all;
}

static double number(json_object *object, const char *key) { return json_object_get_double(get(object, key)); }

/* Rows of a study in the table, whose `value` they add to *sum. */
static size_t rows(const char *study, const char *name, double *sum) {
  char path[300];
  efla_csv csv;
  efla_message why;
  size_t n = 0;
  *sum = 0;
  snprintf(path, sizeof path, "%s/table.csv", ran.work);
  ck_assert_msg(efla_csv_read(&csv, path, &why) == EFLA_OK, "%s", why.text);
  for (size_t r = 0; r < csv.rows; r++)
    if (!strcmp(efla_csv_text(&csv, r, "study"), study) && !strcmp(efla_csv_text(&csv, r, "name"), name))
      n++, *sum += efla_csv_real(&csv, r, "value");
  efla_csv_clear(&csv);
  return n;
}

START_TEST(channels) {
  static const char *const names[] = {"lie", "strang", "exact"};
  make(true, false);
  for (size_t i = 0; i < 3; i++) {
    char options[100];
    double sum, lie;
    snprintf(options, sizeof options, "--tokens 100 --decay %s", names[i]);
    json_object *all = report(options), *total = get(all, "total"), *decay = get(total, "decay"),
                *splittings = get(total, "splittings");
    ck_assert_str_eq(json_object_get_string(get(all, "decay")), names[i]);
    json_object *lives = get(decay, "half_life");
    ck_assert_double_eq_tol(number(json_object_array_get_idx(lives, 1), "tokens"), 2, 2 * 0.0028);
    ck_assert_double_eq_tol(number(json_object_array_get_idx(lives, 7), "tokens"), 4, 4 * 0.0028);
    ck_assert_uint_eq((size_t)number(splittings, "tokens"), 100 * H);
    ck_assert_double_gt(lie = number(get(splittings, "lie"), "state_error"), 0);
    ck_assert_double_lt(number(get(splittings, "strang"), "state_error"), lie);
    ck_assert(!get(total, "erase_key"));
    ck_assert_uint_eq(json_object_array_length(get(decay, "lie_differs_from_exact")), EFLA_STATISTICS_UNITS);
    json_object_put(all);
    ck_assert_uint_eq(rows("half-life", names[i], &sum), H * EFLA_DIAGNOSIS_QUANTILES);
    ck_assert_uint_eq(rows("lie-exact", "bf16", &sum), H);
    ck_assert(sum > 1 && sum <= H);
    ck_assert_uint_eq(rows("splitting", "lie", &sum), H);
    ck_assert_double_ge(sum, lie);
    ck_assert_uint_eq(rows("splitting", "strang", &sum), H);
    ck_assert_int_eq(diagnosing_run("", "%s", options), 0);
    snprintf(options, sizeof options, "Decay %s: quantiles of the half-life in tokens, of all channels", names[i]);
    ck_assert_msg(strstr(ran.out, options), "%s", ran.out);
    ck_assert_msg(strstr(ran.out, "Measured on the first 100 tokens of every head: splittings"), "%s", ran.out);
  }
}
END_TEST

START_TEST(erase_keys) {
  for (int with = 0; with < 2; with++) {
    double sum;
    make(with, true);
    json_object *all = report(""), *total = get(get(all, "total"), "erase_key"),
                *head = get(json_object_array_get_idx(get(all, "heads"), 1), "erase_key");
    ck_assert_str_eq(json_object_get_string(get(all, "step")), "beta*p^T k");
    ck_assert(number(total, "share") == 0.5 && number(head, "share") == 1);
    ck_assert_uint_eq((size_t)number(total, "negative"), T);
    ck_assert_double_gt(number(total, "largest_log_growth"), 0);
    ck_assert_int_eq(!get(get(all, "total"), "splittings"), true);
    json_object_put(all);
    ck_assert_uint_eq(rows("erase-key", "mu", &sum), H * EFLA_DIAGNOSIS_QUANTILES);
    ck_assert_uint_eq(rows("erase-key", "negative", &sum), H);
    ck_assert_double_eq(sum, 1);
    ck_assert_int_eq(diagnosing_run("", " "), 0);
    ck_assert_msg(strstr(ran.out, "Erase key: quantiles of mu = p^T k"), "%s", ran.out);
    ck_assert_msg(strstr(ran.out, "50 % of tokens p^T k < 0: there the flow itself grows"), "%s", ran.out);
  }
}
END_TEST

/* Lines keep to 132 columns, and a figure is drawn of both. */
START_TEST(text_and_figure) {
  for (int which = 0; which < 3; which++) {
    char path[300];
    make(which != 1, which > 0);
    ck_assert_msg(diagnosing_run("", "--figure %s/figure.svg", ran.work) == 0, "%s", ran.err);
    snprintf(path, sizeof path, "%s/figure.svg", ran.work);
    ck_assert_int_eq(access(path, R_OK), 0);
    remove(path);
    char *end = strrchr(ran.out, '\n');
    for (char *line = ran.out, *next; line < end; line = next + 1) {
      next = strchr(line, '\n');
      if (next == end || next + 1 == end) break;
      ck_assert_msg(next - line <= 132 || next[1] == 0, "%.*s", (int)(next - line), line);
    }
  }
}
END_TEST

START_TEST(refusals) {
  make(true, false);
  ck_assert_int_eq(diagnosing_run("", "--decay joint"), 3);
  ck_assert_msg(strstr(ran.err, "g: one number per channel, expected one per head for decay joint"), "%s", ran.err);
  make(false, true);
  ck_assert_int_eq(diagnosing_run("", "--decay lie"), 3);
  ck_assert_msg(strstr(ran.err, "g: no such dataset, expected one number per channel"), "%s", ran.err);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {channels, erase_keys, text_and_figure, refusals};
  return testing_main("diagnose_channels", tests, sizeof tests / sizeof *tests, 120);
}
