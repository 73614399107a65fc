#include "diagnose/stability_run.h"

#include "efla/cpu/chunk.h"
#include "ode/chunk_system.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One more of the n runs. */
static efla_status add_run(const efla_trial *trial, efla_run *runs, size_t *n, const efla_method *method, const char *format) {
  efla_storage storage = efla_storage_state(efla_format_find(format));
  efla_status status = efla_run_init(&runs[*n], method, &storage, trial->dk, trial->columns);
  if (status == EFLA_OK) ++*n;
  return status;
}

static efla_status add_runs(efla_trial *trial) {
  efla_status status = EFLA_OK;
  for (const efla_method *m = efla_methods; m->name && status == EFLA_OK; m++)
    if (isfinite(m->stable)) status = add_run(trial, trial->watch, &trial->watches, m, "f32");
  for (const efla_method *m = efla_methods; m->name && status == EFLA_OK; m++)
    status = add_run(trial, trial->run, &trial->runs, m, "f64");
  for (const efla_format *f = efla_formats; f->name && status == EFLA_OK; f++)
    status = add_run(trial, trial->run, &trial->runs, efla_method_find("exact"), f->name);
  return status;
}

static size_t columns_of(size_t dk, size_t dv) {
  size_t columns = EFLA_TRIAL_STATE / dk;
  return columns < 1 ? 1 : columns < dv ? columns : dv;
}

/* Runs in f64 are the largest; a walk leaves room for 2^22 doubles, a quarter of 128 MiB. */
size_t efla_trial_states(size_t dk, size_t dv) {
  const efla_storage largest = efla_storage_state(efla_format_find("f64"));
  size_t columns = columns_of(dk, dv), block = EFLA_TRIAL_BLOCK, runs = 0;
  for (const efla_method *m = efla_methods; m->name; m++) runs += isfinite(m->stable) ? 2 : 1;
  for (const efla_format *f = efla_formats; f->name; f++) runs++;
  size_t own = (dk * columns + block * (1 + 2 * block) + block * (2 * dk + columns + 1)) * sizeof(double);
  size_t reference = (dk * columns + columns + dk) * sizeof(long double);
  return 1 + (runs * efla_run_memory(&largest, dk, columns) + own + reference) / (4 * dk * dv * sizeof(double));
}

efla_status efla_trial_init(efla_trial *trial, const efla_oracle *truth, size_t dk, size_t dv) {
  size_t block = EFLA_TRIAL_BLOCK;
  *trial = (efla_trial){.dk = dk, .dv = dv, .columns = columns_of(dk, dv)};
  trial->start = malloc((dk * trial->columns + block + 2 * block * block) * sizeof *trial->start);
  if (trial->start && efla_tokens_init(&trial->part, block, dk, trial->columns) == EFLA_OK &&
      efla_reference_init(&trial->reference, truth, dk, trial->columns) == EFLA_OK && add_runs(trial) == EFLA_OK) {
    trial->gate = trial->start + dk * trial->columns;
    trial->system = trial->gate + block;
    return EFLA_OK;
  }
  efla_trial_clear(trial);
  return EFLA_MEMORY;
}

void efla_trial_clear(efla_trial *trial) {
  for (size_t i = 0; i < trial->watches; i++) efla_run_clear(&trial->watch[i]);
  for (size_t i = 0; i < trial->runs; i++) efla_run_clear(&trial->run[i]);
  efla_reference_clear(&trial->reference);
  efla_tokens_clear(&trial->part);
  free(trial->start);
  *trial = (efla_trial){0};
}

/* The first columns of n rows of dv. */
static void take_columns(const efla_trial *trial, size_t n, const double *from, double *to) {
  for (size_t i = 0; i < n; i++) memcpy(to + i * trial->columns, from + i * trial->dv, trial->columns * sizeof *to);
}

void efla_trial_start(efla_trial *trial, const double *S, size_t plan) {
  if (S) take_columns(trial, trial->dk, S, trial->start);
  for (size_t i = 0; i < trial->watches; i++) efla_run_start(&trial->watch[i], S ? trial->start : NULL);
  for (size_t i = 0; i < trial->runs; i++) efla_run_start(&trial->run[i], S ? trial->start : NULL);
  efla_reference_start(&trial->reference, S ? trial->start : NULL);
  trial->token = 0;
  trial->plan = plan;
  trial->stride = (plan + EFLA_TRIAL_COMPARED - 1) / EFLA_TRIAL_COMPARED;
}

/* One run, or past the last the reference, through a part whose decays, if any, come before each token. */
static void advance_one(efla_trial *trial, size_t i, const efla_tokens *part, const double *g) {
  if (i < trial->runs) {
    efla_run_advance_decayed(&trial->run[i], part, g);
    return;
  }
  for (size_t t = 0; t < part->tokens; t += g ? 1 : part->tokens) {
    efla_tokens piece = efla_tokens_slice(part, t, g ? 1 : part->tokens);
    if (g) efla_reference_decay(&trial->reference, g[t]);
    (void)efla_reference_advance(&trial->reference, &piece); /* a refusal is kept in its status */
  }
}

/* Where in the sequence a run blew up, which it counts from 1. */
static void note_blowup(const efla_run *run, efla_place at, efla_place *first) {
  if (run->blowup > 0) efla_place_take(first, (efla_place){at.sequence, at.head, run->blowup - 1});
}

static efla_deviation *deviation_of(size_t run, efla_findings *f) {
  return run < f->methods ? &f->method[run].deviation : &f->format[run - f->methods].deviation;
}

/* At the place of the last token consumed. */
static void compare(efla_trial *trial, efla_place at, efla_findings *f) {
  const efla_reference *reference = &trial->reference;
  size_t n = trial->dk * trial->columns;
  double state = efla_norm(n, reference->S), readout = efla_norm(trial->columns, reference->o);
  f->state_norm = hypot(f->state_norm, state), f->readout_norm = hypot(f->readout_norm, readout);
  for (size_t i = 0; i < trial->runs; i++) {
    const efla_run *run = &trial->run[i];
    efla_deviation *d = deviation_of(i, f);
    double error = efla_distance(n, run->S, reference->S), readout_error = efla_distance(trial->columns, run->o, reference->o);
    double relative = error == 0 ? 0 : error / state;
    d->state_norm = hypot(d->state_norm, error), d->readout_norm = hypot(d->readout_norm, readout_error);
    efla_worst_take(&d->largest, relative, at);
    if (!(relative <= 1)) efla_place_take(&d->lost, at);
    note_blowup(run, at, &d->overflow);
  }
}

/* The system of one chunk with decays: entry (i, j) of L also fades by what the state lost in between. */
static void judge_chunk(efla_trial *trial, const efla_tokens *x, const double *g, size_t gate, efla_place at,
                        efla_chunk_finding *f) {
  size_t C = x->tokens;
  double largest, condition, *L = trial->system;
  efla_gates(efla_findings_gate(gate), x, trial->gate);
  efla_chunk_system_f64(C, trial->dk, x->k, trial->gate, L);
  for (size_t j = 0; g && j < C; j++) {
    double fade = 0;
    for (size_t i = j + 1; i < C; i++) fade += g[i], L[i * C + j] *= exp(fade);
  }
  efla_chunk_condition(C, L, trial->gate, L + C * C, &largest, &condition);
  efla_worst_take(&f->largest[gate], largest, at);
  efla_worst_take(&f->condition[gate], condition, at);
}

static void judge_chunks(efla_trial *trial, const efla_tokens *x, const double *g, efla_place at, efla_findings *f) {
  for (size_t c = 0; c < EFLA_FINDINGS_CHUNKS; c++)
    for (size_t gate = 0; gate < EFLA_FINDINGS_GATES; gate++)
      for (size_t t = 0, length = f->chunk[c].chunk; t < x->tokens; t += length) {
        efla_tokens chunk = efla_tokens_slice(x, t, x->tokens - t < length ? x->tokens - t : length);
        judge_chunk(trial, &chunk, g ? g + t : NULL, gate, (efla_place){at.sequence, at.head, at.token + t}, &f->chunk[c]);
      }
}

/* Copies the tokens first ... first+count-1, with the columns that are run. */
static efla_tokens copy_part(efla_trial *trial, const efla_tokens *x, size_t first, size_t count) {
  efla_tokens from = efla_tokens_slice(x, first, count), part = efla_tokens_slice(&trial->part, 0, count);
  memcpy(part.q, from.q, count * trial->dk * sizeof *part.q);
  memcpy(part.k, from.k, count * trial->dk * sizeof *part.k);
  memcpy(part.beta, from.beta, count * sizeof *part.beta);
  take_columns(trial, count, from.v, part.v);
  return part;
}

/* All tokens through the watches. */
static void keep_watch(efla_trial *trial, const efla_tokens *x, const double *g, efla_place at, efla_findings *f) {
  for (size_t done = 0; done < x->tokens; done += EFLA_TRIAL_BLOCK) {
    size_t left = x->tokens - done;
    efla_tokens part = copy_part(trial, x, done, left < EFLA_TRIAL_BLOCK ? left : EFLA_TRIAL_BLOCK);
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t i = 0; i < trial->watches; i++) efla_run_advance_decayed(&trial->watch[i], &part, g ? g + done : NULL);
  }
  for (size_t i = 0, m = 0; i < trial->watches; i++, m++) {
    while (f->method[m].method != trial->watch[i].method) m++;
    note_blowup(&trial->watch[i], at, &f->method[m].overflow_f32);
  }
}

/* To the next token where states are compared, or as far as there are tokens and room. */
static size_t part_length(const efla_trial *trial, size_t left) {
  size_t goal = (trial->token / trial->stride + 1) * trial->stride;
  if (left > EFLA_TRIAL_BLOCK) left = EFLA_TRIAL_BLOCK;
  return goal - trial->token < left ? goal - trial->token : left;
}

static void measure(efla_trial *trial, const efla_tokens *x, const double *g, efla_place at, efla_findings *f) {
  for (size_t done = 0, count; done < x->tokens; done += count) {
    count = part_length(trial, x->tokens - done);
    efla_tokens part = copy_part(trial, x, done, count);
#pragma omp parallel for schedule(dynamic, 1)
    for (size_t i = 0; i <= trial->runs; i++) advance_one(trial, i, &part, g ? g + done : NULL);
    trial->token += count;
    if (trial->token == trial->plan || trial->token % trial->stride == 0)
      compare(trial, (efla_place){at.sequence, at.head, trial->token - 1}, f);
  }
  f->measured += x->tokens;
  if (trial->token > f->most_measured) f->most_measured = trial->token;
}

efla_status efla_trial_advance(efla_trial *trial, const efla_tokens *x, const double *g, efla_place at, efla_findings *f,
                               efla_message *why) {
  size_t planned = trial->plan - trial->token;
  efla_tokens measured = efla_tokens_slice(x, 0, x->tokens < planned ? x->tokens : planned);
  keep_watch(trial, x, g, at, f);
  judge_chunks(trial, &measured, g, at, f);
  measure(trial, &measured, g, at, f);
  if (trial->reference.status == EFLA_OK) return EFLA_OK;
  *why = trial->reference.why;
  return trial->reference.status;
}
