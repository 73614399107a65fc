/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/substeps.h"

#include "efla/cpu/isa.h"
#include "efla/cpu/kernel.h"

#include <stdlib.h>
#include <string.h>

efla_status efla_substeps_init(efla_substeps *s, size_t dk, size_t dv) {
  size_t longest = 0;
  for (const efla_tableau *t = efla_tableaux; t->name; t++)
    if (efla_ode_scratch(t, dk, dv) > longest) longest = efla_ode_scratch(t, dk, dv);
  double *block = calloc(2 * dk * dv + longest, sizeof *block);
  *s = (efla_substeps){.dk = dk, .dv = dv, .start = block};
  s->state = aligned_alloc(EFLA_TILE_BYTES, efla_decode_state_f64(dk, dv) * sizeof *s->state); /* whole tiles */
  if (!block || !s->state) return EFLA_NO_MEMORY;
  s->S = block + dk * dv;
  s->scratch = s->S + dk * dv;
  return EFLA_OK;
}

void efla_substeps_clear(efla_substeps *s) {
  free(s->start);
  free(s->state);
  *s = (efla_substeps){0};
}

/* A substep is one token to the kernel. */
static void by_coefficient(efla_substeps *s, const efla_method *method, const efla_tokens *x, size_t n) {
  const efla_heads head = efla_heads_one(1, s->dk, s->dv);
  efla_decode_load_f64(&head, s->S, s->state);
  for (size_t t = 0; t < x->tokens; t++) {
    const double *k = x->k + t * s->dk, *v = x->v + t * s->dv;
    double coefficient = efla_coefficient(method, x->beta[t] / (double)n, efla_lambda(s->dk, k));
    for (size_t i = 0; i < n; i++)
      efla_decode_step_f64(&head, &(efla_kernel_f64){.k = k, .v = v, .write = &coefficient}, s->state);
  }
  efla_decode_store_f64(&head, s->state, s->S);
}

static efla_status by_stages(efla_substeps *s, const efla_tableau *tableau, const efla_tokens *x, size_t n) {
  efla_status status = EFLA_OK;
  for (size_t t = 0; t < x->tokens && status == EFLA_OK; t++) {
    efla_zero_order_hold hold = {s->dk, s->dv, x->k + t * s->dk, x->v + t * s->dv, NULL};
    efla_signal signal = efla_signal_hold(&hold);
    status = efla_ode_advance(tableau, &signal, 0, x->beta[t], n, s->S, s->scratch);
  }
  return status;
}

efla_status efla_substeps_solve(efla_substeps *s, const efla_method *method, const efla_tableau *tableau,
                                const efla_tokens *x, size_t n) {
  memcpy(s->S, s->start, s->dk * s->dv * sizeof *s->S);
  if (tableau) return by_stages(s, tableau, x, n);
  by_coefficient(s, method, x, n);
  return EFLA_OK;
}
