/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The benchmark: it finds wrong outputs before it measures time, and its ratios agree with its times.  No
 * time itself is asserted. */
#include "tables.h"
#include "testing.h"

#include "bench/interleave.h"

static const efla_heads awkward = {
    .batch = 1, .heads = 3, .tokens = 67, .dk = 17, .dv = 35, .layout = EFLA_BHTD, .threads = 2};

static efla_bench_problem problem_of(const efla_benchmark_case *entry, bool f64, efla_heads heads) {
  heads.isa = efla_isa_best();
  return (efla_bench_problem){.entry = entry, .f64 = f64, .heads = heads, .chunk = 16};
}

static void each_case(void (*check)(const efla_benchmark_case *entry, bool f64)) {
  const efla_benchmark_case *tables[] = {efla_bench_forms, efla_bench_gradients, efla_bench_baselines};
  for (size_t i = 0; i < 3; i++)
    for (const efla_benchmark_case *c = tables[i]; c->kernel; c++)
      for (int f64 = 0; f64 < 2; f64++)
        if (efla_benchmark_case_runs(c, f64)) check(c, f64);
}

/* A decoding step and softmax attention have one token, or one head, at a time. */
static efla_heads shape_for(const efla_benchmark_case *c) {
  efla_heads heads = awkward;
  if (!strncmp(c->pass, "decode", 6)) heads.tokens = 1;
  if (!strcmp(c->kernel, "softmax")) heads.heads = 1;
  return heads;
}

static void check_right(const efla_benchmark_case *c, bool f64) {
  efla_message why = {""};
  efla_bench_problem p = problem_of(c, f64, shape_for(c));
  ck_assert_msg(efla_bench_check(&p, testing_seed(), &why) == EFLA_OK, "%s", why.text);
}
START_TEST(every_case_is_right) { each_case(check_right); }
END_TEST

/* The same benchmark cases with one number of what they read changed by 1 %, in bf16 a hundredfold, or not a number,
 * before they work. */
static const efla_benchmark_case *original;
static double factor;
static void spoiled(efla_bench_problem *p) {
  void *array = !strcmp(original->kernel, "coefficients") ? p->beta : !strcmp(original->kernel, "gemm") ? p->q : p->v;
  if (p->f64)
    ((double *)array)[0] *= factor;
  else
    ((float *)array)[0] *= (float)factor;
  if (original->start) original->start(p);
  original->work(p);
}
static void check_wrong(const efla_benchmark_case *c, bool f64) {
  if (!c->deviation) return;
  efla_benchmark_case wrong = *c;
  efla_message why = {""};
  wrong.work = spoiled, original = c;
  efla_bench_problem p = problem_of(&wrong, f64, shape_for(c));
  const double factors[] = {c->bf16 ? 100 : 1.01, NAN};
  for (size_t i = 0; i < 2; i++) {
    factor = factors[i];
    ck_assert_msg(efla_bench_check(&p, testing_seed(), &why) == EFLA_UNTRUSTED, "%s, %s was not found wrong", c->kernel,
                  c->pass);
    ck_assert_msg(strstr(why.text, c->kernel) != NULL, "%s", why.text);
  }
}
START_TEST(wrong_outputs_are_found) { each_case(check_wrong); }
END_TEST

static size_t calls[3];
static void count(void *context, size_t i) {
  (void)context;
  double start = efla_seconds();
  while (efla_seconds() - start < 1e-4 * (double)(i + 1)) continue;
  calls[i]++;
}

/* Three pieces that take .1, .2, .3 ms at least: each timing says so, and has as many calls as fill the least time. */
START_TEST(times_are_of_one_execution) {
  double seconds[3 * 5];
  efla_progress progress;
  efla_progress_start(&progress, "test", 15);
  efla_bench_interleave(3, count, NULL, 5, 2e-3, seconds, &progress);
  efla_progress_end(&progress);
  for (size_t i = 0; i < 3; i++) {
    for (size_t r = 0; r < 5; r++) ck_assert_double_ge(seconds[i * 5 + r], 1e-4 * (double)(i + 1));
    ck_assert_uint_gt(calls[i], 5);
  }
}
END_TEST

START_TEST(summaries) {
  efla_bench_summary s;
  ck_assert_int_eq(efla_bench_summarise((const double[]){5, 1, 4}, 3, &s), EFLA_OK);
  ck_assert(s.median == 4 && s.least == 1 && s.most == 5);
  ck_assert_int_eq(efla_bench_summarise((const double[]){2, 8, 4, 1}, 4, &s), EFLA_OK);
  ck_assert(s.median == 3 && s.least == 1 && s.most == 8);
}
END_TEST

/* Every row: rates follow from seconds and shape; baselines are 1 of themselves; medians lie between least and most. */
START_TEST(rows_are_consistent) {
  efla_csv csv = run_table("throughput --quick --threads 2 --tokens 64,128 --softmax 64 --cold 8 --dk 16");
  size_t gemms = 0, naives = 0, memories = 0, softmaxes = 0;
  for (size_t r = 0; r < csv.rows; r++) {
    double seconds = efla_csv_real(&csv, r, "seconds"), dk = efla_csv_real(&csv, r, "dk"),
           dv = efla_csv_real(&csv, r, "dv");
    double tokens = efla_csv_real(&csv, r, "tokens"), heads = efla_csv_real(&csv, r, "heads"),
           flops = 6 * dk * dv * tokens * heads;
    bool gemm = row_is(&csv, r, "kernel", "gemm"), naive = row_is(&csv, r, "kernel", "naive");
    bool memory = row_is(&csv, r, "kernel", "memory"), softmax = row_is(&csv, r, "kernel", "softmax");
    ck_assert(efla_csv_real(&csv, r, "seconds_min") <= seconds && seconds <= efla_csv_real(&csv, r, "seconds_max"));
    ck_assert_double_gt(seconds, 0);
    CHECK_BOUND(fabs(efla_csv_real(&csv, r, "tokens_per_s") * seconds / tokens - 1), 4 * U);
    if (row_is(&csv, r, "kernel", "coefficients")) flops = 2 * dk * tokens * heads;
    if (gemm) flops = 2 * pow(1024, 3);
    if (memory) flops = dk * dv * heads;
    if (softmax) flops = tokens * tokens * (dk + dv);
    CHECK_BOUND(fabs(efla_csv_real(&csv, r, "gflops") * 1e9 * seconds / flops - 1), 8 * U);
    if (gemm) CHECK_BOUND(fabs(efla_csv_real(&csv, r, "of_gemm") - 1), 0);
    if (naive) CHECK_BOUND(fabs(efla_csv_real(&csv, r, "of_naive") - 1), 0);
    if (memory) CHECK_BOUND(fabs(efla_csv_real(&csv, r, "of_bandwidth") - 1), 0);
    ck_assert((row_is(&csv, r, "kernel", "kernel_decay") || row_is(&csv, r, "kernel", "bf16_decay") ||
               row_is(&csv, r, "kernel", "kernel_channels")) == isfinite(efla_csv_real(&csv, r, "of_plain")));
    ck_assert_double_gt(efla_csv_real(&csv, r, "of_gemm"), 0);
    gemms += gemm, naives += naive, memories += memory, softmaxes += softmax;
  }
  ck_assert(gemms == 2 * (2 + 1 + 2) + 2 && naives == 2 * 2 + 2 && memories == 2 * 2 * 2 * 4 && softmaxes == 1);
  efla_csv_clear(&csv);
}
END_TEST

/* Calls of the library: what is there is timed, what is not built says so. */
START_TEST(calls_of_the_library) {
  efla_csv csv = run_table("throughput --quick --backend cpu --each 64 --threads 2 --repeats 1");
  ck_assert_uint_eq(csv.rows, 2 * 4);
  for (size_t r = 0; r < csv.rows; r++) {
    const bool copy = row_is(&csv, r, "kernel", "memory");
    ck_assert(copy || row_is(&csv, r, "kernel", "cpu"));
    const double seconds = efla_csv_real(&csv, r, "seconds"), dk = efla_csv_real(&csv, r, "dk"),
                 flops = 6 * dk * dk * efla_csv_real(&csv, r, "heads") * efla_csv_real(&csv, r, "tokens");
    ck_assert_double_gt(seconds, 0);
    if (copy) CHECK_BOUND(fabs(efla_csv_real(&csv, r, "of_bandwidth") - 1), U);
    if (!copy) CHECK_BOUND(fabs(efla_csv_real(&csv, r, "gflops") * 1e9 * seconds / flops - 1), 8 * U);
  }
  efla_csv_clear(&csv);
  bool built = false;
  for (size_t i = 0; efla_backend_name(i); i++) built |= !strcmp(efla_backend_name(i), "cuda");
  csv = run_table("throughput --quick --backend cuda");
  ck_assert(csv.rows >= 2 && row_is(&csv, 0, "kernel", "cuda") && (built || row_is(&csv, 0, "isa", "not built")));
  ck_assert(isnan(efla_csv_real(&csv, 0, "seconds")) || row_is(&csv, 0, "isa", "device"));
  efla_csv_clear(&csv);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {calls_of_the_library,       every_case_is_right, wrong_outputs_are_found,
                                times_are_of_one_execution, summaries,           rows_are_consistent};
  return testing_main("throughput", tests, sizeof tests / sizeof *tests, 300);
}
