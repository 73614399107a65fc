/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Oracles for decay per channel (ode/channel_decay.h): the exact flow of each token, and how far it may be off. */
#ifndef EFLA_ORACLE_CHANNEL_H
#define EFLA_ORACLE_CHANNEL_H

#include "base/status.h"
#include "base/tokens.h"
#include "oracle/oracle.h"

typedef struct efla_channel_oracle {
  const char *name;
  const char *what;
  efla_error_kind error_kind;
  double limit; /* it refuses where its own error exceeds this part of the state's norm */
  /* Advances S (dk, dv) in place through x with rates y (tokens, dk) and writes the error that this alone brings in. */
  efla_status (*advance)(const efla_tokens *x, const double *y, long double *S, double *error, efla_message *why);
} efla_channel_oracle;

extern const efla_channel_oracle efla_channel_oracles[]; /* gsl, chebyshev, arb; ends with a row whose name is NULL */
const char *efla_channel_oracle_name(size_t i);
const efla_channel_oracle *efla_channel_oracle_find(const char *name);

/* S (dk, dv): state in, state out. *error: on entry how far S is from the true state, on exit the same for the new one
 * (Frobenius norm); the flow, whose transitions have norm e^-(least rate) at most, carries the old error. x->g is not
 * used. Returns
 *   EFLA_UNTRUSTED  the oracle's own error is too large: S is then all nan, *error inf;
 *   EFLA_NOT_BUILT  the library behind it was not there at build time;
 *   EFLA_NO_MEMORY. */
efla_status efla_channel_oracle_advance(const efla_channel_oracle *oracle, const efla_tokens *x, const double *y,
                                        long double *S, double *error, efla_message *why)
    __attribute__((warn_unused_result));

/* Not for users: the row `arb`, in a file of its own. The exponential of the dense augmented matrix in balls; as in
 * arb.c midpoints are carried and radii added up in norm. */
efla_status efla_channel_arb_advance(const efla_tokens *x, const double *y, long double *S, double *error,
                                     efla_message *why);

#endif
