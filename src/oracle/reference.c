/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "oracle/reference.h"

#include "efla/reference/recurrence.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

efla_status efla_reference_init(efla_reference *reference, const efla_oracle *oracle, size_t dk, size_t dv) {
  long double *block = calloc(dk * dv + dv + dk, sizeof *block);
  *reference = (efla_reference){.oracle = oracle, .dk = dk, .dv = dv, .S = block};
  if (!block) return EFLA_NO_MEMORY;
  reference->o = block + dk * dv;
  reference->q = reference->o + dv;
  return EFLA_OK;
}

void efla_reference_clear(efla_reference *reference) {
  free(reference->S);
  *reference = (efla_reference){0};
}

void efla_reference_start(efla_reference *reference, const double *S) {
  for (size_t e = 0; e < reference->dk * reference->dv; e++) reference->S[e] = S ? S[e] : 0;
  reference->error = 0;
  reference->status = EFLA_OK;
}

efla_status efla_reference_advance(efla_reference *reference, const efla_tokens *x) {
  if (reference->status != EFLA_OK || x->tokens == 0) return reference->status;
  reference->status =
      efla_oracle_advance(reference->oracle, reference->decay, x, reference->S, &reference->error, &reference->why);
  const double *q = x->q + (x->tokens - 1) * x->dk;
  for (size_t i = 0; i < x->dk; i++) reference->q[i] = q[i];
  efla_readout_long(x->dk, x->dv, reference->q, reference->S, reference->o);
  return reference->status;
}

static double relative(double part, double whole) { return part == 0 && whole == 0 ? 0 : part / whole; }

efla_errors efla_reference_compare(const efla_reference *reference, const double *S, const double *o) {
  if (reference->status != EFLA_OK) return (efla_errors){NAN, INFINITY, NAN, INFINITY};
  size_t n = reference->dk * reference->dv;
  double norm = efla_norm(n, reference->S), readout_norm = efla_norm(reference->dv, reference->o);
  return (efla_errors){
      .state = relative(efla_distance(n, S, reference->S), norm),
      .state_floor = relative(reference->error, norm),
      .readout = o ? relative(efla_distance(reference->dv, o, reference->o), readout_norm) : NAN,
      .readout_floor = o ? relative(efla_norm(reference->dk, reference->q) * reference->error, readout_norm) : NAN,
  };
}
