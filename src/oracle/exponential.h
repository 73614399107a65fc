/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One matrix exponential, E = exp(-beta k k^T), as a trial of oracles: how far each of them is from another one that is
 * taken as the truth, and what a call costs.
 *
 * A token with v = 0 turns the first dv columns of the identity into those of E. */
#ifndef EFLA_ORACLE_EXPONENTIAL_H
#define EFLA_ORACLE_EXPONENTIAL_H

#include "oracle/oracle.h"

typedef struct efla_exponential {
  efla_tokens x;      /* the token: its k and beta are the caller's to set, v stays zero */
  long double *truth; /* (dk, dv), columns of E */
  long double *E;     /* (dk, dv), what was computed last */
  double *E64;        /* (dk, dv), scratch */
  double floor;       /* relative error of the truth */
} efla_exponential;

/* Space for a key of length dk and dv <= dk columns.  Fails with EFLA_NO_MEMORY; clear it in any case. */
efla_status efla_exponential_init(efla_exponential *e, size_t dk, size_t dv);
void efla_exponential_clear(efla_exponential *e);

/* Computes the truth about e->x, whose lambda must not be 0, and its floor.  Fails as efla_oracle_advance does; after
 * EFLA_UNTRUSTED all errors below are nan until the next call. */
efla_status efla_exponential_know(efla_exponential *e, const efla_oracle *oracle, efla_message *why);

/* How somebody computes E.  Errors are nan where there is no truth, and inf or nan where that is what came out. */
typedef struct efla_exponential_trial {
  double error;             /* relative, of the columns (Frobenius norm) */
  double coefficient_error; /* relative, of the coefficient a of E = I - a k k^T that one would read off the diagonal */
  double claimed; /* the error that the oracle itself states, relative to the truth's norm; nan: it states none */
  bool vouched;   /* the oracle takes this token and does not refuse its own result */
  double seconds; /* of a call, over calls of a millisecond together; nan: the token was not taken */
} efla_exponential_trial;

/* By an oracle, whether it would vouch for the result or not.  A token that it does not admit is not tried: errors are
 * nan.  Fails with EFLA_NOT_BUILT and EFLA_NO_MEMORY. */
efla_status efla_exponential_try(efla_exponential *e, const efla_oracle *oracle, efla_exponential_trial *trial,
                                 efla_message *why);

/* By the closed form in f64: the recurrence with the coefficient of the method `exact`. */
efla_exponential_trial efla_exponential_try_closed_form(efla_exponential *e);

#endif
