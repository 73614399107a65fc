/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reference: an oracle that follows a stream of tokens, and the errors of others measured against it. */
#ifndef EFLA_ORACLE_REFERENCE_H
#define EFLA_ORACLE_REFERENCE_H

#include "oracle/oracle.h"

typedef struct efla_reference {
  const efla_oracle *oracle;
  const efla_decay *decay; /* NULL, as init leaves it: none */
  size_t dk, dv;
  long double *S;     /* (dk, dv), the true state so far */
  long double *o;     /* (dv), its read-out with the last query */
  long double *q;     /* (dk), that query */
  double error;       /* how far S may be off, Frobenius */
  efla_status status; /* EFLA_UNTRUSTED: it has refused, and follows no further */
  efla_message why;
} efla_reference;

/* Starts from the zero state.  Fails with EFLA_NO_MEMORY. */
efla_status efla_reference_init(efla_reference *reference, const efla_oracle *oracle, size_t dk, size_t dv);
void efla_reference_clear(efla_reference *reference);

/* Starts anew from a state S (dk, dv) that is taken as true, NULL: zero; after a refusal, too. */
void efla_reference_start(efla_reference *reference, const double *S);

/* Follows a block.  A refusal is remembered in status; all errors are nan from then on. */
efla_status efla_reference_advance(efla_reference *reference, const efla_tokens *x);

/* Relative errors, and the reference's own (floor): of a state S (dk, dv) and of a read-out o (dv), 0 where both are
 * zero; o NULL: of the state only, the read-out's are nan. |q| times the state's error bounds the read-out's. */
typedef struct efla_errors {
  double state, state_floor, readout, readout_floor;
} efla_errors;
efla_errors efla_reference_compare(const efla_reference *reference, const double *S, const double *o);

#endif
