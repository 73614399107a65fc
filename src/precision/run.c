#include "precision/run.h"

#include "flow/recurrence.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

efla_status efla_run_init(efla_run *run, const efla_method *method, const efla_format *format, size_t dk, size_t dv) {
  *run = (efla_run){0};
  size_t state = dk * dv;
  double *block = calloc(2 * state + dk + 2 * dv, sizeof *block); /* floats need at most half of a double each */
  if (!block) return EFLA_MEMORY;
  void *rest = block + state + dv;
  float *floats = rest;
  *run = (efla_run){.method = method,
                    .format = format,
                    .dk = dk,
                    .dv = dv,
                    .S = block,
                    .o = block + state,
                    .f32 = format->digits <= 24,
                    .S32 = floats,
                    .k32 = floats + state,
                    .v32 = floats + state + dk,
                    .block = block};
  return EFLA_OK;
}

void efla_run_clear(efla_run *run) {
  free(run->block);
  *run = (efla_run){0};
}

static void advance_f32(efla_run *run, size_t dk, size_t dv, const double *k, const double *v, double gate) {
  for (size_t i = 0; i < dk; i++) run->k32[i] = (float)k[i];
  for (size_t j = 0; j < dv; j++) run->v32[j] = (float)v[j];
  float gate32 = (float)gate;
  efla_recurrence_f32(1, dk, dv, NULL, run->k32, run->v32, &gate32, run->S32, NULL);
  efla_format_round_f32(run->format, run->S32, dk * dv);
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

void efla_run_advance(efla_run *run, const efla_tokens *x) {
  size_t dk = run->dk, dv = run->dv;
  assert(x->dk == dk && x->dv == dv);
  for (size_t t = 0; t < x->tokens && !run->blowup; t++) {
    const double *k = x->k + t * dk, *v = x->v + t * dv;
    double gate = efla_gate(run->method, x->beta[t], efla_lambda(dk, k));
    if (run->f32)
      advance_f32(run, dk, dv, k, v, gate);
    else
      efla_recurrence_f64(1, dk, dv, NULL, k, v, &gate, run->S, NULL);
    if (!finite_state(run)) run->blowup = run->tokens + t + 1;
  }
  run->tokens += x->tokens;
  if (run->f32)
    for (size_t e = 0; e < dk * dv; e++) run->S[e] = (double)run->S32[e];
  if (x->tokens > 0) efla_readout_f64(dk, dv, x->q + (x->tokens - 1) * dk, run->S, run->o);
}
