/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnose/stability_run.h"

#include "efla/cpu/chunk.h"
#include "ode/chunk_system.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Appends a run to the *n runs. */
static efla_status add_run(const efla_stability_run *stability, efla_run *runs, size_t *n, const efla_method *method,
                           const char *format) {
  const efla_rule rule = {.method = method, .decay = stability->decay};
  efla_storage storage = efla_storage_state(efla_format_find(format));
  efla_status status = efla_run_init(&runs[*n], &rule, &storage, stability->dk, stability->columns);
  if (status == EFLA_OK) ++*n;
  return status;
}

static efla_status add_runs(efla_stability_run *stability) {
  efla_status status = EFLA_OK;
  for (const efla_method *m = efla_methods; m->name && status == EFLA_OK; m++)
    if (isfinite(m->stable)) status = add_run(stability, stability->f32_run, &stability->f32_runs, m, "f32");
  for (const efla_method *m = efla_methods; m->name && status == EFLA_OK; m++)
    status = add_run(stability, stability->run, &stability->runs, m, "f64");
  for (const efla_format *f = efla_formats; f->name && status == EFLA_OK; f++)
    status = add_run(stability, stability->run, &stability->runs, efla_method_find("exact"), f->name);
  return status;
}

static size_t columns_of(size_t dk, size_t dv) {
  size_t columns = EFLA_STABILITY_RUN_STATE / dk;
  return columns < 1 ? 1 : columns < dv ? columns : dv;
}

/* An upper bound: all runs as large as those in f64.  efla_walk limits the states of a group of heads to 2^22 doubles,
 * 32 MiB; hence the 4 for 128 MiB. */
size_t efla_stability_run_states(size_t dk, size_t dv) {
  const efla_storage largest = efla_storage_state(efla_format_find("f64"));
  size_t columns = columns_of(dk, dv), block = EFLA_STABILITY_RUN_BLOCK, runs = 0;
  for (const efla_method *m = efla_methods; m->name; m++) runs += isfinite(m->stable) ? 2 : 1;
  for (const efla_format *f = efla_formats; f->name; f++) runs++;
  size_t own = (dk * columns + block * (1 + 2 * block) + block * (2 * dk + columns + 1)) * sizeof(double);
  size_t reference = (dk * columns + columns + dk) * sizeof(long double);
  return 1 + (runs * efla_run_memory(&largest, dk, columns) + own + reference) / (4 * dk * dv * sizeof(double));
}

efla_status efla_stability_run_init(efla_stability_run *stability, const efla_oracle *truth, const efla_decay *decay,
                                    size_t dk, size_t dv) {
  size_t block = EFLA_STABILITY_RUN_BLOCK;
  *stability = (efla_stability_run){.decay = decay, .dk = dk, .dv = dv, .columns = columns_of(dk, dv)};
  stability->start = malloc((dk * stability->columns + 4 * block + 2 * block * block) * sizeof *stability->start);
  if (stability->start && efla_tokens_init(&stability->part, block, dk, stability->columns) == EFLA_OK &&
      efla_reference_init(&stability->reference, truth, dk, stability->columns) == EFLA_OK &&
      add_runs(stability) == EFLA_OK) {
    stability->reference.decay = decay;
    void *c = stability->start + dk * stability->columns;
    stability->c = c;
    stability->coefficient = stability->start + dk * stability->columns + 3 * block;
    stability->system = stability->coefficient + block;
    return EFLA_OK;
  }
  efla_stability_run_clear(stability);
  return EFLA_NO_MEMORY;
}

void efla_stability_run_clear(efla_stability_run *stability) {
  for (size_t i = 0; i < stability->f32_runs; i++) efla_run_clear(&stability->f32_run[i]);
  for (size_t i = 0; i < stability->runs; i++) efla_run_clear(&stability->run[i]);
  efla_reference_clear(&stability->reference);
  efla_tokens_clear(&stability->part);
  free(stability->start);
  *stability = (efla_stability_run){0};
}

/* Copies the first `columns` numbers of n rows of dv. */
static void take_columns(const efla_stability_run *stability, size_t n, const double *from, double *to) {
  for (size_t i = 0; i < n; i++)
    memcpy(to + i * stability->columns, from + i * stability->dv, stability->columns * sizeof *to);
}

void efla_stability_run_start(efla_stability_run *stability, const double *S, size_t planned) {
  if (S) take_columns(stability, stability->dk, S, stability->start);
  for (size_t i = 0; i < stability->f32_runs; i++) efla_run_start(&stability->f32_run[i], S ? stability->start : NULL);
  for (size_t i = 0; i < stability->runs; i++) efla_run_start(&stability->run[i], S ? stability->start : NULL);
  efla_reference_start(&stability->reference, S ? stability->start : NULL);
  stability->token = 0;
  stability->planned = planned;
  stability->stride = (planned + EFLA_STABILITY_RUN_COMPARED - 1) / EFLA_STABILITY_RUN_COMPARED;
}

/* Advances run i, or the reference where i = runs. */
static void advance_one(efla_stability_run *stability, size_t i, const efla_tokens *part) {
  if (i < stability->runs)
    efla_run_advance(&stability->run[i], part);
  else
    (void)efla_reference_advance(&stability->reference, part); /* a failure stays in reference.status */
}

/* Records the token at which a run overflowed, which run->blowup counts from 1. */
static void note_blowup(const efla_run *run, efla_place at, efla_place *first) {
  if (run->blowup > 0) efla_place_take(first, (efla_place){at.sequence, at.head, run->blowup - 1});
}

static efla_deviation *deviation_of(size_t run, efla_statistics *f) {
  return run < f->methods ? &f->method[run].deviation : &f->format[run - f->methods].deviation;
}

/* Errors of all runs after the token `at`. */
static void compare(efla_stability_run *stability, efla_place at, efla_statistics *f) {
  const efla_reference *reference = &stability->reference;
  size_t n = stability->dk * stability->columns;
  double state = efla_norm(n, reference->S), readout = efla_norm(stability->columns, reference->o);
  f->state_norm = hypot(f->state_norm, state), f->readout_norm = hypot(f->readout_norm, readout);
  for (size_t i = 0; i < stability->runs; i++) {
    const efla_run *run = &stability->run[i];
    efla_deviation *d = deviation_of(i, f);
    double error = efla_distance(n, run->S, reference->S),
           readout_error = efla_distance(stability->columns, run->o, reference->o);
    double relative = error == 0 ? 0 : error / state;
    d->state_norm = hypot(d->state_norm, error), d->readout_norm = hypot(d->readout_norm, readout_error);
    efla_worst_take(&d->largest, relative, at);
    if (!(relative <= 1)) efla_place_take(&d->lost, at);
    note_blowup(run, at, &d->overflow);
  }
}

/* The triangular system of one chunk: entry (i, j) of L is e_i k_i^T k_j d_{j+1} ... d_{i-1}, or with a_i = e_i/d_i, by
 * which it is scaled, a_i k_i^T k_j d_{j+1} ... d_i. */
static void measure_chunk(efla_stability_run *stability, const efla_tokens *x, size_t coefficient, efla_place at,
                          efla_chunk_statistics *f) {
  size_t C = x->tokens;
  double largest, condition, *L = stability->system;
  const efla_rule rule = {.method = efla_statistics_coefficient(coefficient), .decay = stability->decay};
  efla_token_coefficients(&rule, x, stability->c);
  for (size_t t = 0; t < C; t++) {
    const efla_coefficients *c = &stability->c[t];
    stability->coefficient[t] = rule.decay->proportional ? c->write : c->decay > 0 ? c->erase / c->decay : c->erase;
  }
  efla_chunk_system_f64(C, stability->dk, x->k, stability->coefficient, L);
  for (size_t j = 0; rule.decay->gated && j < C; j++) {
    double fade = 1;
    for (size_t i = j + 1; i < C; i++) {
      const double d = stability->c[i].decay;
      L[i * C + j] *= rule.decay->proportional || d > 0 ? fade * d : fade;
      fade *= d;
    }
  }
  efla_chunk_condition(C, L, stability->coefficient, L + C * C, &largest, &condition);
  efla_worst_take(&f->largest[coefficient], largest, at);
  efla_worst_take(&f->condition[coefficient], condition, at);
}

static void measure_chunks(efla_stability_run *stability, const efla_tokens *x, efla_place at, efla_statistics *f) {
  for (size_t c = 0; c < EFLA_STATISTICS_CHUNKS; c++)
    for (size_t coefficient = 0; coefficient < EFLA_STATISTICS_COEFFICIENTS; coefficient++)
      for (size_t t = 0, length = f->chunk[c].chunk; t < x->tokens; t += length) {
        efla_tokens chunk = efla_tokens_slice(x, t, x->tokens - t < length ? x->tokens - t : length);
        measure_chunk(stability, &chunk, coefficient, (efla_place){at.sequence, at.head, at.token + t}, &f->chunk[c]);
      }
}

/* Copies the tokens first ... first+count-1, with the first `columns` values of each. */
static efla_tokens copy_part(efla_stability_run *stability, const efla_tokens *x, size_t first, size_t count) {
  efla_tokens from = efla_tokens_slice(x, first, count), part = efla_tokens_slice(&stability->part, 0, count);
  memcpy(part.q, from.q, count * stability->dk * sizeof *part.q);
  memcpy(part.k, from.k, count * stability->dk * sizeof *part.k);
  memcpy(part.beta, from.beta, count * sizeof *part.beta);
  take_columns(stability, count, from.v, part.v);
  part.g = stability->decay->gated ? from.g : NULL;
  return part;
}

/* The runs in f32, on all tokens. */
static void advance_f32_runs(efla_stability_run *stability, const efla_tokens *x, efla_place at, efla_statistics *f) {
  for (size_t done = 0; done < x->tokens; done += EFLA_STABILITY_RUN_BLOCK) {
    size_t left = x->tokens - done;
    efla_tokens part = copy_part(stability, x, done, left < EFLA_STABILITY_RUN_BLOCK ? left : EFLA_STABILITY_RUN_BLOCK);
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t i = 0; i < stability->f32_runs; i++) efla_run_advance(&stability->f32_run[i], &part);
  }
  for (size_t i = 0, m = 0; i < stability->f32_runs; i++, m++) {
    while (f->method[m].method != stability->f32_run[i].rule.method) m++;
    note_blowup(&stability->f32_run[i], at, &f->method[m].overflow_f32);
  }
}

/* How many tokens to advance: up to the next one where states are compared, at most `left` and a block. */
static size_t part_length(const efla_stability_run *stability, size_t left) {
  size_t goal = (stability->token / stability->stride + 1) * stability->stride;
  if (left > EFLA_STABILITY_RUN_BLOCK) left = EFLA_STABILITY_RUN_BLOCK;
  return goal - stability->token < left ? goal - stability->token : left;
}

static void measure(efla_stability_run *stability, const efla_tokens *x, efla_place at, efla_statistics *f) {
  for (size_t done = 0, count; done < x->tokens; done += count) {
    count = part_length(stability, x->tokens - done);
    efla_tokens part = copy_part(stability, x, done, count);
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t i = 0; i <= stability->runs; i++) advance_one(stability, i, &part);
    stability->token += count;
    if (stability->token == stability->planned || stability->token % stability->stride == 0)
      compare(stability, (efla_place){at.sequence, at.head, stability->token - 1}, f);
  }
  f->measured += x->tokens;
  if (stability->token > f->most_measured) f->most_measured = stability->token;
}

efla_status efla_stability_run_advance(efla_stability_run *stability, const efla_tokens *x, efla_place at,
                                       efla_statistics *f, efla_message *why) {
  size_t planned = stability->planned - stability->token;
  efla_tokens measured = efla_tokens_slice(x, 0, x->tokens < planned ? x->tokens : planned);
  advance_f32_runs(stability, x, at, f);
  measure_chunks(stability, &measured, at, f);
  measure(stability, &measured, at, f);
  if (stability->reference.status == EFLA_OK) return EFLA_OK;
  *why = stability->reference.why;
  return stability->reference.status;
}
