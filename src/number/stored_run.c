/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "number/stored_run.h"

#include "efla/cpu/chunk.h"
#include "efla/cpu/kernel.h"
#include "efla/reference/recurrence.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* How many tokens can be advanced before something is to be rounded. */
static size_t at_once(const efla_storage *storage) {
  if (storage->chunk > 1) return storage->chunk;
  return storage->state && storage->format->digits < 24 ? 1 : EFLA_BLOCK;
}

static size_t scratch_of(const efla_storage *storage, size_t dk, size_t dv) {
  efla_heads heads = efla_heads_one(at_once(storage), dk, dv);
  return storage->chunk > 1 ? efla_chunk_scratch(heads.tokens, dk, dv)
                            : efla_kernel_scratch_f32(&heads); /* more than f64's */
}

/* What a run holds in f64, and in f32. */
static size_t doubles_of(const efla_storage *storage, size_t dk, size_t dv) {
  return 2 * dk * dv + dv + 6 * at_once(storage) + scratch_of(storage, dk, dv);
}

static size_t floats_of(const efla_storage *storage, size_t dk, size_t dv) {
  return dk * dv + at_once(storage) * (dk + dv + 3) + dk + scratch_of(storage, dk, dv);
}

size_t efla_run_memory(const efla_storage *storage, size_t dk, size_t dv) {
  return doubles_of(storage, dk, dv) * sizeof(double) + floats_of(storage, dk, dv) * sizeof(float);
}

efla_status efla_run_init(efla_run *run, const efla_rule *rule, const efla_storage *storage, size_t dk, size_t dv) {
  size_t most = at_once(storage), state = dk * dv, doubles = doubles_of(storage, dk, dv);
  *run = (efla_run){0};
  double *block = calloc(doubles + (floats_of(storage, dk, dv) + 1) / 2, sizeof *block);
  if (!block) return EFLA_NO_MEMORY;
  void *rest = block + doubles, *c = block + 2 * state + dv;
  float *block32 = rest;
  *run = (efla_run){.rule = *rule,
                    .storage = *storage,
                    .dk = dk,
                    .dv = dv,
                    .S = block,
                    .o = block + state,
                    .f32 = storage->format->digits <= 24,
                    .most = most,
                    .before = block + state + dv,
                    .c = c,
                    .write = block + 2 * state + dv + 3 * most,
                    .erase = block + 2 * state + dv + 4 * most,
                    .decay = block + 2 * state + dv + 5 * most,
                    .scratch = block + 2 * state + dv + 6 * most,
                    .S32 = block32,
                    .k32 = block32 + state,
                    .v32 = block32 + state + most * dk,
                    .write32 = block32 + state + most * (dk + dv),
                    .erase32 = block32 + state + most * (dk + dv + 1),
                    .decay32 = block32 + state + most * (dk + dv + 2),
                    .q32 = block32 + state + most * (dk + dv + 3),
                    .scratch32 = block32 + state + most * (dk + dv + 3) + dk,
                    .block = block};
  return EFLA_OK;
}

void efla_run_clear(efla_run *run) {
  free(run->block);
  *run = (efla_run){0};
}

static void store_state(efla_run *run) {
  size_t n = run->dk * run->dv;
  if (run->storage.stochastic) {
    efla_format_round_stochastic_f32(run->storage.format, run->S32, n, run->storage.seed, run->draws);
    run->draws += n;
  } else {
    efla_format_round_f32(run->storage.format, run->S32, n);
  }
}

void efla_run_start(efla_run *run, const double *S) {
  for (size_t e = 0; e < run->dk * run->dv; e++) {
    run->S[e] = S ? S[e] : 0;
    run->S32[e] = (float)run->S[e];
  }
  if (S && run->f32 && run->storage.state) store_state(run);
  run->tokens = run->blowup = 0;
}

/* To f32, and on to the format where inputs are stored in it. */
static void store_input(const efla_run *run, const double *values, size_t n, float *stored) {
  for (size_t i = 0; i < n; i++) stored[i] = (float)values[i];
  if (run->storage.inputs) efla_format_round_f32(run->storage.format, stored, n);
}

static bool decays(const efla_run *run, const efla_tokens *x) {
  return x->g && run->rule.decay && run->rule.decay->gated;
}

static void advance_f64(efla_run *run, const efla_tokens *x) {
  efla_heads heads = efla_heads_one(x->tokens, run->dk, run->dv);
  efla_token_coefficients(&run->rule, x, run->c);
  if (run->storage.chunk > 1) {
    efla_chunk_f64(x->tokens, run->dk, run->dv, run->most, NULL, x->k, x->v, run->c, run->S, NULL, run->scratch);
  } else if (x->tokens > 1) {
    for (size_t t = 0; t < x->tokens; t++)
      run->write[t] = run->c[t].write, run->erase[t] = run->c[t].erase, run->decay[t] = run->c[t].decay;
    const efla_kernel_f64 k = {.k = x->k,
                               .v = x->v,
                               .write = run->write,
                               .erase = run->erase,
                               .decay = decays(run, x) ? run->decay : NULL,
                               .initial = run->S,
                               .final = run->S};
    efla_kernel_forward_f64(&heads, &k, run->scratch);
  } else {
    efla_recurrence_f64(1, run->dk, run->dv, NULL, x->k, x->v, run->c, run->S, NULL);
  }
}

/* The coefficients of tokens from keys in f32. */
static void form_coefficients(efla_run *run, const efla_tokens *x) {
  for (size_t t = 0; t < x->tokens; t++) {
    const float *k = run->k32 + t * run->dk;
    double lambda = 0;
    for (size_t i = 0; i < run->dk; i++) lambda += (double)k[i] * (double)k[i];
    efla_rule_coefficients(&run->rule, lambda, x->beta[t], x->g ? x->g[t] : 0, run->c + t);
    run->write32[t] = (float)run->c[t].write, run->erase32[t] = (float)run->c[t].erase;
    run->decay32[t] = (float)run->c[t].decay;
  }
}

static void advance_f32(efla_run *run, const efla_tokens *x) {
  size_t dk = run->dk, n = x->tokens;
  efla_heads heads = efla_heads_one(n, dk, run->dv);
  store_input(run, x->k, n * dk, run->k32);
  store_input(run, x->v, n * run->dv, run->v32);
  form_coefficients(run, x);
  if (run->storage.chunk > 1) {
    efla_chunk_f32(n, dk, run->dv, run->most, NULL, run->k32, run->v32, run->c, run->S32, NULL, run->scratch32);
  } else if (n > 1) {
    const efla_kernel_f32 k = {.k = run->k32,
                               .v = run->v32,
                               .write = run->write32,
                               .erase = run->erase32,
                               .decay = decays(run, x) ? run->decay32 : NULL,
                               .initial = run->S32,
                               .final = run->S32};
    efla_kernel_forward_f32(&heads, &k, run->scratch32);
  } else {
    efla_recurrence_f32(1, dk, run->dv, NULL, run->k32, run->v32, run->c, run->S32, NULL);
  }
  if (run->storage.state) store_state(run);
}

static void advance_part(efla_run *run, const efla_tokens *x) {
  if (run->f32)
    advance_f32(run, x);
  else
    advance_f64(run, x);
}

/* inf and nan are the numbers whose exponent is all ones: adding one to it carries into the sign bit, which was
 * cleared.  In integers, so that the compiler can do many at a time. */
static bool finite_state(const efla_run *run) {
  size_t n = run->dk * run->dv;
  uint64_t carried = 0;
  uint32_t carried32 = 0;
  for (size_t e = 0; e < n && !run->f32; e++) {
    uint64_t bits;
    memcpy(&bits, run->S + e, sizeof bits);
    carried |= (bits & UINT64_C(0x7ff0000000000000)) + UINT64_C(0x0010000000000000);
  }
  for (size_t e = 0; e < n && run->f32; e++) {
    uint32_t bits;
    memcpy(&bits, run->S32 + e, sizeof bits);
    carried32 |= (bits & UINT32_C(0x7f800000)) + UINT32_C(0x00800000);
  }
  return !(carried >> 63) && !(carried32 >> 31);
}

/* The first of these tokens, from 1, after which the state is not finite, by going through them again one by one; the
 * last of them where it is finite that way. */
static size_t find_blowup(efla_run *run, const efla_tokens *x) {
  for (size_t t = 1; t <= x->tokens; t++) {
    efla_tokens one = efla_tokens_slice(x, t - 1, 1);
    advance_part(run, &one);
    if (!finite_state(run)) return t;
  }
  return x->tokens;
}

void efla_run_advance(efla_run *run, const efla_tokens *x) {
  size_t dk = run->dk, dv = run->dv;
  assert(x->dk == dk && x->dv == dv);
  void *S = run->f32 ? (void *)run->S32 : run->S;
  const size_t size = dk * dv * (run->f32 ? sizeof *run->S32 : sizeof *run->S);
  for (size_t t = 0; t < x->tokens && !run->blowup; t += run->most) {
    size_t count = x->tokens - t < run->most ? x->tokens - t : run->most;
    efla_tokens part = efla_tokens_slice(x, t, count);
    memcpy(run->before, S, size);
    advance_part(run, &part);
    if (finite_state(run)) continue;
    if (run->storage.chunk <= 1) {
      memcpy(S, run->before, size);
      count = find_blowup(run, &part);
    }
    run->blowup = run->tokens + t + count;
  }
  run->tokens += x->tokens;
  if (x->tokens == 0) return;
  const double *q = x->q + (x->tokens - 1) * dk;
  if (run->f32) {
    store_input(run, q, dk, run->q32);
    for (size_t e = 0; e < dk * dv; e++) run->S[e] = (double)run->S32[e];
    for (size_t j = 0; j < dv; j++) run->o[j] = 0;
    for (size_t i = 0; i < dk; i++)
      for (size_t j = 0; j < dv; j++)
        run->o[j] += (double)run->q32[i] * run->S[i * dv + j]; /* the read-out adds no rounding of its own */
  } else {
    efla_readout_f64(dk, dv, q, run->S, run->o);
  }
}

double efla_run_distance(const efla_run *run, const efla_run *from) {
  size_t n = run->dk * run->dv;
  double difference = 0;
  for (size_t e = 0; e < n; e++) difference += (run->S[e] - from->S[e]) * (run->S[e] - from->S[e]);
  return sqrt(difference / efla_lambda(n, from->S));
}
