/* SPDX-License-Identifier: GPL-3.0-or-later */
/* throughput: how fast is each form of the delta rule, beside what the machine can do?
 *
 * Inputs    Gaussian q, k, v with |k| about 1, beta uniform, coefficients of the exact method; heads in the
 *           layout of the row.
 * Varies    the form, shape, layout, precision, threads, instruction set and number of tokens.
 * Measures  seconds, all benchmark cases of a panel in turn, each output compared with the definition first;
 *           rates as parts of BLAS's square product (n = 1024), of the naive recurrence, of reading and
 *           writing memory, and with decay of the same without.
 * Expects   the kernel near gemm's rate and in proportion to threads; cold decoding near the memory's; time
 *           in proportion to tokens, but for softmax attention, whose grows with their square.
 * Writes    one row per panel and benchmark case; with --backend one per call of libefla by that backend. */
#include "laboratory.h"

#include "bench/library.h"

#include <math.h>

static size_t repeats, cold, softmax_most;
static double least;
static size_t backend, library_tokens;
static efla_list sizes, lengths, precisions, panels;
static const char *panel_name(size_t i);

/* The processor's forms, or calls of the library by one of its backends, whether the build has it or not. */
static const char *const backends[] = {"forms", "cpu", "reference", "cuda", NULL};
static const char *backend_name(size_t i) { return backends[i]; }

static const efla_option options[] = {
    {"panels", "LIST", "all", NULL, "what is measured", EFLA_NAMES, &panels, 0, 0, panel_name},
    {"precision", "LIST", "all", NULL, "number formats; panel tokens takes the first", EFLA_NAMES, &precisions, 0, 0,
     efla_bench_precision_name},
    {"dk", "LIST", "16,32,64,96,128,192,256", "16,64,128", "panel sizes: lengths of keys and values", EFLA_COUNTS,
     &sizes, 1, 2048, NULL},
    {"tokens", "LIST", "256,512,1024,2048,4096,8192,16384,32768,65536,131072,262144,524288,1048576", "256,1024,4096",
     "panel tokens: lengths of a sequence (a million take 3 GB in f32, 7 in f64)", EFLA_COUNTS, &lengths, 1, 1e8, NULL},
    {"softmax", "N", "16384", "4096", "panel tokens: most tokens that softmax attention is given", EFLA_COUNT,
     &softmax_most, 0, 1e6, NULL},
    {"cold", "N", "32768", "512",
     "panel decode: states of 64 x 64, more than the caches hold (32768: 3 GB in f32, 7 in f64)", EFLA_COUNT, &cold, 1,
     1e7, NULL},
    {"backend", "NAME", "forms", NULL,
     "forms: the panels above; else instead of them calls of libefla by this backend, on a GPU beside cuBLAS",
     EFLA_NAME, &backend, 0, 0, backend_name},
    {"each", "N", "8192", "256", "tokens of each of 4 sequences of 16 heads, with backend", EFLA_COUNT, &library_tokens,
     64, 1e6, NULL},
    {"repeats", "N", "11", "3", "timings of each case, in turn", EFLA_COUNT, &repeats, 1, 1000, NULL},
    {"least", "S", "0.005", "0.001", "seconds that one timing takes at least", EFLA_REAL, &least, 1e-6, 100, NULL},
    {.name = NULL},
};

static const char *const kernels[] = {"kernel", "kernel_decay", "kernel_channels"};

/* Whole sequences at the sizes that models have: every form, every layout, one thread and all of them, every isa. */
static efla_status prefill(const efla_cli *cli, size_t d, bool f64, efla_table *table, efla_message *why) {
  efla_bench_panel panel = efla_bench_open("prefill", f64, repeats, least);
  efla_heads one = {.tokens = 4096, .dk = d, .dv = d, .layout = EFLA_BHTD},
             few = {.tokens = 1024, .dk = d, .dv = d, .layout = EFLA_BHTD}, many = few;
  static const char *const passes[] = {"forward", "backward", "forward_backward"};
  efla_bench_add(&panel, "naive", "forward", f64, few, 0);
  efla_bench_add(&panel, "row_loop", "forward", f64, few, 0);
  efla_bench_add(&panel, "coefficients", "forward", f64, one, 0);
  for (size_t c = 16; c <= 64; c *= 2) efla_bench_add(&panel, "chunk", "forward", f64, one, c);
  for (size_t threads = 1; threads <= cli->threads; threads += cli->threads > 1 ? cli->threads - 1 : 1) {
    one.threads = many.threads = threads;
    for (size_t p = 0; p < 3; p++) efla_bench_add(&panel, "kernel", passes[p], f64, one, 0);
    if (threads < 2 && efla_benchmark_case_runs(efla_benchmark_case_find("bf16", "forward"), f64)) {
      many.heads = 16, many.layout = EFLA_BTHD, efla_bench_add(&panel, "bf16", "forward", f64, many, 0);
      efla_bench_add(&panel, "bf16", "forward", f64, one, 0),
          efla_bench_add(&panel, "bf16_decay", "forward", f64, one, 0);
    }
    for (size_t p = 0; p < 4 && threads < 2 && !f64; p++)
      efla_bench_add(&panel, kernels[1 + p / 2], passes[p % 2], f64, one, 0);
    many.heads = 16, many.layout = EFLA_BTHD, efla_bench_add(&panel, "kernel", "forward", f64, many, 0);
    many.layout = EFLA_BHTD, efla_bench_add(&panel, "kernel", "forward", f64, many, 0);
  }
  one.threads = 1;
  for (size_t l = 0; efla_isa_name(l); l++) {
    one.isa = efla_isa_at(l);
    if (one.isa != efla_isa_best() && one.isa->supported()) efla_bench_add(&panel, "kernel", "forward", f64, one, 0);
  }
  return efla_bench_run(&panel, cli->seed, table, why);
}

/* The kernel's rate against the size of a head, with one thread and with all. */
static efla_status sizes_of_heads(const efla_cli *cli, size_t any, bool f64, efla_table *table, efla_message *why) {
  (void)any;
  efla_bench_panel panel = efla_bench_open("sizes", f64, repeats, least);
  for (size_t i = 0; i < sizes.n; i++) {
    size_t d = sizes.count[i];
    efla_heads heads = {.heads = 4, .tokens = 1024, .dk = d, .dv = d, .layout = EFLA_BHTD};
    efla_bench_add(&panel, "kernel", "forward", f64, heads, 0);
    heads.threads = cli->threads;
    if (cli->threads > 1) efla_bench_add(&panel, "kernel", "forward", f64, heads, 0);
  }
  return efla_bench_run(&panel, cli->seed, table, why);
}

/* One token for many states: few that stay in the cache, and more than it holds beside the memory's own rate. */
static efla_status decode(const efla_cli *cli, size_t d, bool f64, efla_table *table, efla_message *why) {
  efla_bench_panel panel = efla_bench_open("decode", f64, repeats, least);
  for (size_t threads = 1; threads <= cli->threads; threads += cli->threads > 1 ? cli->threads - 1 : 1) {
    size_t many = cold * 64 * 64 / (d * d) + 1, states[] = {1, 8, 32, many};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
      efla_heads heads = {.heads = states[i], .dk = d, .dv = d, .threads = threads};
      const char *pass = states[i] == many ? "decode_cold" : "decode_hot";
      for (size_t k = 0; k < 3; k++) efla_bench_add(&panel, kernels[k], pass, f64, heads, 0);
      efla_bench_add(&panel, "memory", "rmw", f64, heads, 0);
    }
  }
  return efla_bench_run(&panel, cli->seed, table, why);
}

/* Time against the number of tokens, one head, one thread. */
static efla_status tokens_of_a_head(const efla_cli *cli, size_t tokens, bool f64, efla_table *table,
                                    efla_message *why) {
  efla_bench_panel panel = efla_bench_open("tokens", f64, repeats, least);
  efla_heads heads = {.tokens = tokens, .dk = 64, .dv = 64, .layout = EFLA_BHTD};
  efla_bench_add(&panel, "naive", "forward", f64, heads, 0);
  efla_bench_add(&panel, "kernel", "forward", f64, heads, 0);
  efla_bench_add(&panel, "chunk", "forward", f64, heads, 16);
  if (tokens <= softmax_most) efla_bench_add(&panel, "softmax", "forward", f64, heads, 0);
  return efla_bench_run(&panel, cli->seed, table, why);
}

/* Panels are run for each of these numbers, lengths of keys or tokens; panel sizes takes its list as a whole. */
static const efla_list models = {.n = 2, .count = {64, 128}}, once = {.n = 1};

static const struct panel {
  const char *name;
  efla_status (*run)(const efla_cli *cli, size_t number, bool f64, efla_table *table, efla_message *why);
  const efla_list *numbers;
  bool first; /* in the first precision only */
} all_panels[] = {{"prefill", prefill, &models, false},
                  {"sizes", sizes_of_heads, &once, false},
                  {"decode", decode, &models, false},
                  {"tokens", tokens_of_a_head, &lengths, true}};

static const char *panel_name(size_t i) {
  return i < sizeof all_panels / sizeof *all_panels ? all_panels[i].name : NULL;
}

static efla_status run_panel(const struct panel *panel, const efla_cli *cli, efla_table *table, efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t p = 0; p < (panel->first ? 1 : precisions.n); p++)
    for (size_t i = 0; i < panel->numbers->n && status == EFLA_OK; i++)
      status = panel->run(cli, panel->numbers->count[i], precisions.row[p] == 1, table, why);
  return status;
}

static efla_status time_library(const efla_cli *cli, efla_table *table, efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < models.n && status == EFLA_OK; i++) {
    const efla_bench_library what = {.backend = backends[backend],
                                     .batch = 4,
                                     .tokens = library_tokens,
                                     .heads = 16,
                                     .d = models.count[i],
                                     .threads = cli->threads,
                                     .repeats = repeats,
                                     .least = least};
    status = efla_bench_library_run(&what, cli->seed, table, why);
  }
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  efla_status status = EFLA_OK;
  if (backend > 0) return time_library(cli, table, why);
  for (size_t i = 0; i < panels.n && status == EFLA_OK; i++)
    status = run_panel(&all_panels[panels.row[i]], cli, table, why);
  return status;
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "throughput",
      .summary = "Speed of every form of the delta rule, beside what the machine can do.",
      .description = "Outputs are compared with the definition first, and the exit status is 1 if one is wrong.",
      .options = options,
      .columns = efla_bench_columns,
      .run = run};
  return efla_program_main(&program, argc, argv);
}
