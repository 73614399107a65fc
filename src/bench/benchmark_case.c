/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/benchmark_case.h"

#include "efla/cpu/kernel.h"
#include "efla/cpu/matrix.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t size_of(const efla_bench_problem *p) { return p->f64 ? sizeof(double) : sizeof(float); }

void *efla_bench_at(const efla_bench_problem *p, void *array, size_t n) { return (char *)array + n * size_of(p); }

double efla_bench_number(const efla_bench_problem *p, const void *array, size_t n) {
  return p->f64 ? ((const double *)array)[n] : (double)((const float *)array)[n];
}

static void set(const efla_bench_problem *p, void *array, size_t n, double value) {
  if (p->f64)
    ((double *)array)[n] = value;
  else
    ((float *)array)[n] = (float)value;
}

size_t efla_bench_rows(const efla_heads *heads) { return heads->batch * heads->heads * heads->tokens; }

size_t efla_bench_states(const efla_heads *heads) {
  return efla_heads_sequences(heads) * heads->heads * heads->dk * heads->dv;
}

const efla_benchmark_case *efla_benchmark_case_find(const char *kernel, const char *pass) {
  const efla_benchmark_case *tables[] = {efla_bench_forms, efla_bench_gradients, efla_bench_baselines};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    for (const efla_benchmark_case *c = tables[i]; c->kernel; c++)
      if (!strcmp(c->kernel, kernel) && !strcmp(c->pass, pass)) return c;
  return NULL;
}

bool efla_benchmark_case_runs(const efla_benchmark_case *c, bool f64) {
  return !c->bf16 || (!f64 && efla_matrix_best(efla_isa_best()));
}

/* The next array of a block, aligned to a whole tile as an allocator for such kernels would align it. base
 * NULL: only the offset is counted. */
static void *next_array(const efla_bench_problem *p, char *base, size_t *offset, size_t n) {
  size_t here = *offset;
  *offset += (n * size_of(p) + EFLA_TILE_BYTES - 1) / EFLA_TILE_BYTES * EFLA_TILE_BYTES;
  return base ? base + here : NULL;
}

/* Assigns the arrays their places in the block; returns the bytes that the block must have. */
static size_t divide(efla_bench_problem *p, char *base) {
  size_t rows = efla_bench_rows(&p->heads), dk = p->heads.dk, dv = p->heads.dv, size = 0;
  p->q = next_array(p, base, &size, rows * dk), p->k = next_array(p, base, &size, rows * dk),
  p->v = next_array(p, base, &size, rows * dv);
  p->beta = next_array(p, base, &size, rows), p->coefficient = next_array(p, base, &size, rows),
  p->erase = next_array(p, base, &size, rows), p->decay = next_array(p, base, &size, rows),
  p->g = next_array(p, base, &size, p->entry->decay == EFLA_BENCH_PER_CHANNEL ? rows * dk : 0);
  p->o = next_array(p, base, &size, rows * dv);
  p->S = next_array(p, base, &size, efla_bench_states(&p->heads));
  p->extra = next_array(p, base, &size, p->entry->extra ? p->entry->extra(p) : 0);
  return size;
}

/* Fills n numbers. Past the first million they repeat: times do not depend on the values. */
enum { DIFFERENT = 1 << 20 };
static void fill(const efla_bench_problem *p, void *array, size_t n, double sigma, gsl_rng *draw) {
  for (size_t e = 0; e < n && e < DIFFERENT; e++)
    set(p, array, e, sigma > 0 ? gsl_ran_gaussian_ziggurat(draw, sigma) : gsl_rng_uniform(draw));
  for (size_t done = DIFFERENT; done < n; done += DIFFERENT)
    memcpy(efla_bench_at(p, array, done), array, (n - done < DIFFERENT ? n - done : DIFFERENT) * size_of(p));
}

efla_status efla_bench_prepare(efla_bench_problem *p, size_t seed) {
  const efla_heads *h = &p->heads;
  size_t rows = efla_bench_rows(h);
  size_t size = divide(p, NULL);
  p->block = aligned_alloc(EFLA_TILE_BYTES, size);
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_taus2);
  if (!p->block || !draw) {
    gsl_rng_free(draw);
    efla_bench_clear(p);
    return EFLA_NO_MEMORY;
  }
  divide(p, p->block);
  memset(p->block, 0, size); /* maps every page before anything is timed */
  gsl_rng_set(draw, seed);
  double unit = 1 / sqrt((double)h->dk);
  fill(p, p->q, rows * h->dk, 1, draw);
  fill(p, p->k, rows * h->dk, unit, draw);
  fill(p, p->v, rows * h->dv, 1, draw);
  fill(p, p->beta, rows, 0, draw);
  fill(p, p->S, efla_bench_states(h), unit, draw);
  gsl_rng_free(draw);
  const efla_method *exact = efla_method_find("exact");
  if (p->f64)
    efla_kernel_coefficients_f64(h, exact, p->k, p->beta, p->coefficient);
  else
    efla_kernel_coefficients_f32(h, exact, p->k, p->beta, p->coefficient);
  const bool channels = p->entry->decay == EFLA_BENCH_PER_CHANNEL;
  for (size_t r = 0; r < rows; r++) {
    double decay = channels ? 1 : 1 - (double)(r * 37 % 64) / 1024; /* a number of either type */
    set(p, p->decay, r, decay), set(p, p->erase, r, decay * efla_bench_number(p, p->coefficient, r));
    for (size_t i = 0; i < h->dk && channels; i++)
      set(p, p->g, r * h->dk + i, -(double)((r * 37 + i * 11) % 64) / 1024);
  }
  if (p->entry->start) p->entry->start(p);
  return EFLA_OK;
}

void efla_bench_clear(efla_bench_problem *p) {
  free(p->block);
  p->block = NULL;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

efla_status efla_bench_check(const efla_bench_problem *p, size_t seed, efla_message *why) {
  if (!p->entry->deviation) return EFLA_OK;
  efla_bench_problem done = *p, given;
  done.heads.tokens = least(p->heads.tokens, 150), done.heads.heads = least(p->heads.heads, 5);
  given = done;
  if (efla_bench_prepare(&done, seed) != EFLA_OK) return efla_fail_memory(why);
  if (efla_bench_prepare(&given, seed) != EFLA_OK) {
    efla_bench_clear(&done);
    return efla_fail_memory(why);
  }
  done.entry->work(&done);
  if (done.entry->finish) done.entry->finish(&done);
  double deviation = done.entry->deviation(&done, &given);
  efla_bench_clear(&done);
  efla_bench_clear(&given);
  if (deviation <= 1) return EFLA_OK; /* false for nan too */
  return efla_fail(why, EFLA_UNTRUSTED,
                   "%s, %s, %s, dk %zu, dv %zu: differs from the definition by %g times what rounding explains",
                   p->entry->kernel, p->entry->pass, p->f64 ? "f64" : "f32", p->heads.dk, p->heads.dv, deviation);
}
