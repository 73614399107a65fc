/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens cut into substeps: the zero-order hold of every token integrated in n equal steps of one method, in one of its
 * two forms, as coefficient (docs/derivations.md#e3) or by all stages of a tableau on the full state. */
#ifndef EFLA_ODE_SUBSTEPS_H
#define EFLA_ODE_SUBSTEPS_H

#include "base/tokens.h"
#include "efla/rule.h"
#include "ode/ode.h"

typedef struct efla_substeps {
  size_t dk, dv;
  double *start;   /* (dk, dv), the state to start from: the caller's to fill */
  double *S;       /* (dk, dv), the last solution */
  double *scratch; /* as long as the longest of all tableaux needs */
  double *state;   /* S as decoding holds it */
} efla_substeps;

/* start is zero.  Fails with EFLA_NO_MEMORY; clear it in any case. */
efla_status efla_substeps_init(efla_substeps *s, size_t dk, size_t dv);
void efla_substeps_clear(efla_substeps *s);

/* Computes s->S from s->start through all tokens of x, without their decays, each in n >= 1 substeps: of the tableau,
 * or where that is NULL of the method, at the speed of decoding.  Fails with EFLA_NO_MEMORY, and only by an implicit
 * tableau. */
efla_status efla_substeps_solve(efla_substeps *s, const efla_method *method, const efla_tableau *tableau,
                                const efla_tokens *x, size_t n);

#endif
