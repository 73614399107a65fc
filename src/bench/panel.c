/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/panel.h"

#include "bench/interleave.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef efla_bench_row row;

const efla_column efla_bench_columns[] = {
    EFLA_COLUMN(row, kernel, "",
                "form that was timed; gemm: BLAS's product for n = 1024, bf16: on a matrix unit, memory: reads and "
                "writes only"),
    EFLA_COLUMN(row, pass, "", "pass that was timed; rmw: reads and writes every number of the states"),
    EFLA_COLUMN(row, precision, "", "number format"),
    EFLA_COLUMN(row, layout, "", "layout in memory; batch, heads, tokens and features by their initials"),
    EFLA_COLUMN(row, dk, "", "length of keys, dk"),
    EFLA_COLUMN(row, dv, "", "length of values"),
    EFLA_COLUMN(row, heads, "", "heads; in decoding: states"),
    EFLA_COLUMN(row, tokens, "", "tokens of a sequence"),
    EFLA_COLUMN(row, threads, "", "threads"),
    EFLA_COLUMN(row, seconds, "s", "time; median over executions"),
    EFLA_COLUMN(row, tokens_per_s, "1/s", "tokens per second; of all heads together"),
    EFLA_COLUMN(row, gflops, "Gflop/s", "rate; 6 dk dv operations per token and head, softmax and gemm: their own"),
    EFLA_COLUMN(row, of_gemm, "", "rate / rate of square product; the product by BLAS on one thread, times threads"),
    EFLA_COLUMN(row, of_naive, "", "rate / rate of the naive recurrence"),
    EFLA_COLUMN(row, of_bandwidth, "",
                "rate / rate of memory; for decoding: of reading and writing the same amount, in or out of cache"),
    EFLA_COLUMN(row, panel, "", "panel; rows of one panel were timed in turn and can be compared"),
    EFLA_COLUMN(row, isa, "", "instruction set"),
    EFLA_COLUMN(row, chunk, "", "tokens per chunk; 0: a form without chunks"),
    EFLA_COLUMN(row, seconds_min, "s", "shortest time"),
    EFLA_COLUMN(row, seconds_max, "s", "longest time"),
    EFLA_COLUMN(
        row, of_plain, "",
        "rate / rate without decay; of kernel_decay, bf16_decay (one per head) and kernel_channels (one per channel)"),
    EFLA_COLUMNS_END(row)};

static size_t at_least_one(size_t n) { return n ? n : 1; }

void efla_bench_add(efla_bench_panel *panel, const char *kernel, const char *pass, bool f64, efla_heads heads,
                    size_t chunk) {
  assert(panel->n < EFLA_BENCH_MOST);
  heads.batch = at_least_one(heads.batch), heads.heads = at_least_one(heads.heads),
  heads.threads = at_least_one(heads.threads);
  heads.tokens = at_least_one(heads.tokens), heads.dk = at_least_one(heads.dk), heads.dv = at_least_one(heads.dv);
  if (!heads.isa) heads.isa = efla_isa_best();
  panel->problems[panel->n] =
      (efla_bench_problem){.entry = efla_benchmark_case_find(kernel, pass), .f64 = f64, .heads = heads, .chunk = chunk};
  assert(panel->problems[panel->n].entry);
  panel->n++;
}

const char *efla_bench_precision_name(size_t i) {
  static const char *const names[] = {"f32", "f64"};
  return i < sizeof names / sizeof *names ? names[i] : NULL;
}

efla_bench_panel efla_bench_open(const char *name, bool f64, size_t repeats, double least) {
  efla_bench_panel panel = {.name = name, .repeats = repeats, .least = least};
  efla_bench_add(&panel, "gemm", "forward", f64, (efla_heads){.tokens = 1024, .dk = 1024}, 0);
  return panel;
}

static void work(void *context, size_t i) {
  efla_bench_problem *p = (efla_bench_problem *)context + i;
  p->entry->work(p);
}

/* What the two problems of a ratio must have in common besides the type: nothing, the shape of a head, or
 * number of states and threads. */
typedef enum common_part { TYPE, SHAPE, STATES } common_part;

static const efla_bench_problem *find(const efla_bench_panel *panel, const char *kernel, const efla_bench_problem *like,
                                      common_part how) {
  const efla_heads *b = &like->heads;
  for (size_t i = 0; i < panel->n; i++) {
    const efla_bench_problem *p = &panel->problems[i];
    const efla_heads *a = &p->heads;
    if (strcmp(p->entry->kernel, kernel) != 0 || p->f64 != like->f64) continue;
    if (how == SHAPE && (a->dk != b->dk || a->dv != b->dv)) continue;
    if (how == STATES && (efla_bench_states(a) != efla_bench_states(b) || a->threads != b->threads)) continue;
    return p;
  }
  return NULL;
}

static bool same_heads(const efla_heads *a, const efla_heads *b) {
  return a->batch == b->batch && a->heads == b->heads && a->tokens == b->tokens && a->dk == b->dk && a->dv == b->dv &&
         a->layout == b->layout && a->threads == b->threads && a->isa == b->isa;
}

/* The same problem without decay; NULL where p is without, or the panel has none. */
static const efla_bench_problem *find_plain(const efla_bench_panel *panel, const efla_bench_problem *p) {
  for (size_t i = 0; i < panel->n && p->entry->decay; i++) {
    const efla_bench_problem *plain = &panel->problems[i];
    if (!plain->entry->decay && !strcmp(plain->entry->kernel, p->entry->bf16 ? "bf16" : "kernel") &&
        !strcmp(plain->entry->pass, p->entry->pass) && same_heads(&plain->heads, &p->heads))
      return plain;
  }
  return NULL;
}

/* Median over the repeats of (amount / time of p) / (other_amount / time of other); nan where other is NULL.
 * work (repeats): scratch. */
static double ratio(const efla_bench_panel *panel, const double *seconds, const efla_bench_problem *p, double amount,
                    const efla_bench_problem *other, double other_amount, double *work) {
  efla_bench_summary summary;
  if (!other) return NAN;
  const double *mine = seconds + (size_t)(p - panel->problems) * panel->repeats;
  const double *its = seconds + (size_t)(other - panel->problems) * panel->repeats;
  for (size_t r = 0; r < panel->repeats; r++) work[r] = amount / mine[r] / (other_amount / its[r]);
  return efla_bench_summarise(work, panel->repeats, &summary) == EFLA_OK ? summary.median : NAN;
}

static efla_status write_row(const efla_bench_panel *panel, const double *seconds, const efla_bench_problem *p,
                             double *spare, efla_table *table) {
  const efla_heads *h = &p->heads;
  const efla_benchmark_case *c = p->entry;
  efla_bench_summary s;
  if (efla_bench_summarise(seconds + (size_t)(p - panel->problems) * panel->repeats, panel->repeats, &s) != EFLA_OK)
    return EFLA_NO_MEMORY;
  const efla_bench_problem *gemm = find(panel, "gemm", p, TYPE), *naive = find(panel, "naive", p, SHAPE);
  const efla_bench_problem *memory = c->bytes ? find(panel, "memory", p, STATES) : NULL;
  double flops = c->flops(p), threads = (double)h->threads;
  double of_gemm = ratio(panel, seconds, p, flops, gemm, gemm ? threads * gemm->entry->flops(gemm) : 0, spare);
  double of_naive = ratio(panel, seconds, p, flops, naive, naive ? naive->entry->flops(naive) : 0, spare);
  double of_bandwidth =
      ratio(panel, seconds, p, c->bytes ? c->bytes(p) : 0, memory, memory ? memory->entry->bytes(memory) : 0, spare);
  double of_plain = ratio(panel, seconds, p, 1, find_plain(panel, p), 1, spare);
  efla_table_put(table, &(row){c->kernel,
                               c->pass,
                               efla_bench_precision_name(p->f64),
                               efla_layout_name(h->layout),
                               h->dk,
                               h->dv,
                               h->batch * h->heads,
                               h->tokens,
                               h->threads,
                               s.median,
                               (double)h->tokens / s.median,
                               flops / s.median * 1e-9,
                               of_gemm,
                               of_naive,
                               of_bandwidth,
                               panel->name,
                               h->isa->name,
                               p->chunk,
                               s.least,
                               s.most,
                               of_plain});
  return EFLA_OK;
}

efla_status efla_bench_run(efla_bench_panel *panel, size_t seed, efla_table *table, efla_message *why) {
  efla_status status = EFLA_OK;
  efla_progress progress;
  double *seconds = malloc((panel->n + 1) * panel->repeats * sizeof *seconds);
  if (!seconds) return efla_fail_memory(why);
  double *spare = seconds + panel->n * panel->repeats;
  for (size_t i = 0; i < panel->n && status == EFLA_OK; i++) status = efla_bench_check(&panel->problems[i], seed, why);
  for (size_t i = 0; i < panel->n && status == EFLA_OK; i++)
    if (efla_bench_prepare(&panel->problems[i], seed) != EFLA_OK) status = efla_fail_memory(why);
  if (status == EFLA_OK) {
    efla_progress_start(&progress, panel->name, panel->n * panel->repeats);
    efla_bench_interleave(panel->n, work, panel->problems, panel->repeats, panel->least, seconds, &progress);
    efla_progress_end(&progress);
  }
  for (size_t i = 0; i < panel->n && status == EFLA_OK; i++)
    if (write_row(panel, seconds, &panel->problems[i], spare, table) != EFLA_OK) status = efla_fail_memory(why);
  for (size_t i = 0; i < panel->n; i++) efla_bench_clear(&panel->problems[i]);
  free(seconds);
  return status;
}
