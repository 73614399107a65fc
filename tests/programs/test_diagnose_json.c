/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The JSON report of bin/diagnose: its numbers are those of the diagnosis. */
#include "diagnosing.h"
#include "testing.h"

#include <json.h>

/* The same through the library. */
static efla_diagnosis by_the_library(const h5_sizes *sizes) {
  efla_tensors file;
  efla_stream stream;
  efla_diagnosis d;
  efla_message why;
  ck_assert_int_eq(efla_tensors_open(&file, ran.in, &why), EFLA_OK);
  ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){0}, &why), EFLA_OK);
  const efla_diagnosis_options options = {
      sizes->batch, sizes->heads, sizes->dk, sizes->dv, 3, 2048, efla_oracle_find("longdouble"), NULL, false, false};
  ck_assert_int_eq(efla_diagnosis_init(&d, &options, &why), EFLA_OK);
  while (efla_stream_next(&stream, &why) == EFLA_OK && !stream.done)
    for (size_t h = 0; h < stream.x.heads; h++) {
      efla_tokens x = efla_stream_tokens(&stream, h);
      efla_diagnosis_start(&d, h, stream.sequence, stream.block.head + h, NULL, stream.length);
      efla_diagnosis_advance(&d, h, &x);
    }
  ck_assert_int_eq(efla_diagnosis_finish(&d, &why), EFLA_OK);
  efla_stream_clear(&stream);
  efla_tensors_close(&file, NULL);
  return d;
}

/* A member, which must be there. */
static json_object *get(json_object *object, const char *key) {
  json_object *value = NULL;
  ck_assert_msg(json_object_object_get_ex(object, key, &value), "no member %s", key);
  return value;
}

static double number(json_object *object, const char *key) {
  json_object *value = get(object, key);
  if (json_object_is_type(value, json_type_string)) return strtod(json_object_get_string(value), NULL);
  return json_object_get_double(value);
}

static void check_place(json_object *object, const char *key, efla_place place) {
  json_object *value = get(object, key);
  ck_assert_int_eq(value != NULL, efla_somewhere(place));
  if (!value) return;
  ck_assert(number(value, "token") == (double)place.token && number(value, "head") == (double)place.head &&
            number(value, "sequence") == (double)place.sequence);
}

static void check_deviation(json_object *object, const efla_deviation *d) {
  ck_assert_double_eq(number(object, "state_error"), d->state.value);
  ck_assert_double_eq(number(object, "readout_error"), d->readout.value);
  ck_assert_double_eq(number(object, "largest_state_error"), d->largest.value);
  check_place(object, "lost", d->lost);
  check_place(object, "overflow", d->overflow);
}

/* Everything in "total" or in one of "heads" reads back as the very numbers that were found. */
static void check_findings(json_object *object, efla_statistics *f) {
  json_object *x = get(object, "x"), *beyond = get(x, "beyond"), *quantiles = get(x, "quantiles"),
              *bars = get(x, "histogram");
  size_t tokens = 0;
  ck_assert_double_eq(number(object, "tokens"), (double)f->tokens);
  for (size_t i = 0; i < json_object_array_length(quantiles); i++) {
    json_object *quantile = json_object_array_get_idx(quantiles, i);
    ck_assert_double_eq(number(quantile, "x"), efla_quantiles_at(&f->x, number(quantile, "order")));
  }
  for (size_t i = 0; i < json_object_array_length(bars); i++)
    tokens += (size_t)number(json_object_array_get_idx(bars, i), "tokens");
  ck_assert_uint_eq(tokens, f->tokens);
  ck_assert_uint_eq(json_object_array_length(beyond), f->limits);
  for (size_t i = 0; i < f->limits; i++) {
    json_object *limit = json_object_array_get_idx(beyond, i);
    ck_assert_double_eq(number(limit, "x"), f->beyond[i].limit);
    ck_assert_double_eq(number(limit, "tokens"), (double)f->beyond[i].tokens);
    ck_assert_double_eq(number(limit, "share"), (double)f->beyond[i].tokens / (double)f->tokens);
    check_place(limit, "first", f->beyond[i].first);
  }
  for (size_t m = 0; m < f->methods; m++) {
    json_object *method = json_object_array_get_idx(get(object, "methods"), m);
    ck_assert_str_eq(json_object_get_string(get(method, "method")), f->method[m].method->name);
    ck_assert_double_eq(number(method, "growth_rate"), f->method[m].rate.value);
    ck_assert_double_eq(number(method, "growth_rate_by_law"), f->method[m].law.value);
    check_place(method, "overflow_f32", f->method[m].overflow_f32);
    check_deviation(method, &f->method[m].deviation);
  }
  for (size_t c = 0; c < EFLA_STATISTICS_CHUNKS * EFLA_STATISTICS_COEFFICIENTS; c++) {
    json_object *chunk = json_object_array_get_idx(get(object, "chunks"), c);
    const efla_chunk_statistics *expected = &f->chunk[c / EFLA_STATISTICS_COEFFICIENTS];
    ck_assert_double_eq(number(chunk, "chunk"), (double)expected->chunk);
    ck_assert_double_eq(number(chunk, "largest"), expected->largest[c % EFLA_STATISTICS_COEFFICIENTS].value);
    ck_assert_double_eq(number(chunk, "condition"), expected->condition[c % EFLA_STATISTICS_COEFFICIENTS].value);
  }
  for (size_t i = 0; i < f->formats; i++) {
    json_object *format = json_object_array_get_idx(get(object, "precisions"), i);
    ck_assert_str_eq(json_object_get_string(get(format, "precision")), f->format[i].format->name);
    check_deviation(format, &f->format[i].deviation);
  }
  json_object *sufficient = get(object, "sufficient");
  ck_assert_uint_eq(json_object_array_length(sufficient), 2);
  for (size_t i = 0; i < 2; i++) {
    json_object *one = json_object_array_get_idx(sufficient, i);
    const efla_format *expected = efla_diagnosis_sufficient(f, number(one, "tolerance"));
    ck_assert_str_eq(json_object_get_string(get(one, "precision")), expected->name);
  }
}

START_TEST(json_reads_back) {
  hid_t file = diagnosing_create("diagnose-json");
  diagnosing_put(file);
  h5_close(file);
  ck_assert_int_eq(diagnosing_run("", "--json"), 0);
  json_object *all = json_tokener_parse(ran.out), *heads;
  ck_assert_ptr_nonnull(all);
  efla_diagnosis d = by_the_library(&diagnosing_sizes);
  char sentence[EFLA_SENTENCE];
  efla_diagnosis_sentence(&d, sentence);
  ck_assert_str_eq(json_object_get_string(get(all, "verdict")), sentence);
  ck_assert_str_eq(json_object_get_string(get(all, "input")), ran.in);
  ck_assert(number(all, "dk") == 16 && number(all, "dv") == 8 && number(all, "sequences") == 2);
  check_findings(get(all, "total"), &d.total);
  heads = get(all, "heads");
  ck_assert_uint_eq(json_object_array_length(heads), diagnosing_sizes.heads);
  for (size_t h = 0; h < diagnosing_sizes.heads; h++) check_findings(json_object_array_get_idx(heads, h), &d.head[h]);
  json_object_put(all);
  efla_diagnosis_clear(&d);
}
END_TEST

/* A file with all that there can be: packed sequences, decays, an initial state from which Euler soon overflows.  inf
 * is a string. */
START_TEST(everything_in_a_file) {
  const h5_sizes sizes = {1, 90, 2, 4, 3};
  const double bounds[] = {0, 30, 90};
  double g[180], S[2 * 2 * 12] = {0};
  S[2 * 12 + 1] = 1e38; /* sequence 1, head 0 */
  for (size_t i = 0; i < 180; i++) g[i] = -2;
  hid_t file = diagnosing_create("diagnose-all");
  h5_inputs(file, &sizes, 12);
  h5_put_tokens(file, "g", H5T_IEEE_F32LE, &sizes, 0, g);
  H5_PUT(file, "cu_seqlens", H5T_STD_I64LE, bounds, 3);
  H5_PUT(file, "initial_state", H5T_IEEE_F64LE, S, 2, 2, 4, 3);
  h5_close(file);
  ck_assert_int_eq(diagnosing_run("", "--json"), 0);
  json_object *all = json_tokener_parse(ran.out);
  json_object *euler = json_object_array_get_idx(get(json_object_array_get_idx(get(all, "heads"), 0), "methods"), 0);
  ck_assert_str_eq(json_object_get_string(get(euler, "method")), "euler");
  ck_assert(number(get(euler, "overflow_f32"), "sequence") == 1 && number(get(euler, "overflow_f32"), "token") < 4);
  ck_assert(number(all, "sequences") == 2 && number(get(all, "total"), "tokens") == 180);
  json_object *total = get(all, "total"), *exact = json_object_array_get_idx(get(total, "methods"), 8);
  ck_assert_str_eq(json_object_get_string(get(exact, "method")), "exact");
  CHECK_BOUND(number(exact, "growth_rate"), -2); /* it fades, and decays on top of that */
  CHECK_BOUND(number(exact, "growth_rate_by_law"), -2);
  json_object *fp16 = json_object_array_get_idx(get(total, "precisions"), 4);
  ck_assert_str_eq(json_object_get_string(get(fp16, "precision")), "fp16");
  ck_assert_str_eq(json_object_get_string(get(fp16, "state_error")), "inf"); /* fp16 has no 1e38 */
  json_object_put(all);
}
END_TEST

/* The decay by its name: half-lives and the share of tokens where split and joint differ, in JSON, table and text. */
START_TEST(decays_in_a_file) {
  const h5_sizes sizes = {1, 90, 2, 4, 3};
  double g[180];
  for (size_t i = 0; i < 180; i++) g[i] = i % 2 ? -0.25 : 0; /* head 0 does not decay */
  hid_t file = diagnosing_create("diagnose-decay");
  h5_inputs(file, &sizes, 1);
  h5_put_tokens(file, "g", H5T_IEEE_F64LE, &sizes, 0, g);
  h5_close(file);
  for (size_t i = 0; i < 2; i++) {
    const char *decay = i ? "joint" : "split";
    ck_assert_int_eq(diagnosing_run("", "--json --decay %s --out %s/table.csv", decay, ran.work), 0);
    json_object *all = json_tokener_parse(ran.out);
    ck_assert_str_eq(json_object_get_string(get(all, "decay")), decay);
    ck_assert_str_eq(json_object_get_string(get(all, "step")), i ? "beta*lambda - g" : "beta*lambda");
    for (size_t h = 0; h < 2; h++) {
      json_object *fading = get(json_object_array_get_idx(get(all, "heads"), h), "decay");
      json_object *median = json_object_array_get_idx(get(fading, "half_life"), 4),
                  *f32 = json_object_array_get_idx(get(fading, "split_differs_from_joint"), 0);
      ck_assert_double_eq(number(median, "order"), 0.5);
      ck_assert_double_eq(number(median, "tokens"), h ? M_LN2 / 0.25 : INFINITY);
      ck_assert_str_eq(json_object_get_string(get(f32, "precision")), "f32");
      ck_assert(number(f32, "share") == (double)h && number(f32, "tokens") == 90 * (double)h);
    }
    json_object_put(all);
    char path[300];
    efla_csv csv;
    efla_message why;
    size_t lives = 0, shares = 0;
    snprintf(path, sizeof path, "%s/table.csv", ran.work);
    ck_assert_msg(efla_csv_read(&csv, path, &why) == EFLA_OK, "%s", why.text);
    for (size_t r = 0; r < csv.rows; r++) {
      const char *study = efla_csv_text(&csv, r, "study"), *name = efla_csv_text(&csv, r, "name");
      if (!strcmp(study, "half-life") && !strcmp(name, decay)) lives++;
      if (!strcmp(study, "split-joint")) shares += efla_csv_real(&csv, r, "value") == efla_csv_real(&csv, r, "head");
    }
    ck_assert(lives == 2 * EFLA_DIAGNOSIS_QUANTILES && shares == 2 * EFLA_STATISTICS_UNITS);
    efla_csv_clear(&csv);
    ck_assert_int_eq(diagnosing_run("", "--decay %s", decay), 0);
    ck_assert_ptr_nonnull(strstr(ran.out, i ? "Decay joint: quantiles of the half-life" : "Decay split: quantiles of"));
  }
  ck_assert_int_eq(diagnosing_run("", "--decay none --json"), 0);
  json_object *all = json_tokener_parse(ran.out);
  ck_assert(!get(get(all, "total"), "decay") && !strcmp(json_object_get_string(get(all, "decay")), "none"));
  json_object_put(all);
  ck_assert_int_eq(diagnosing_run("", "--decay retention"), 3);
  ck_assert_ptr_nonnull(strstr(ran.err, "alpha: no such dataset, expected one for decay retention"));
  ck_assert_int_eq(diagnosing_run("", "--decay joint --truth expm1"), 0);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {json_reads_back, everything_in_a_file, decays_in_a_file};
  return testing_main("diagnose_json", tests, sizeof tests / sizeof *tests, 120);
}
