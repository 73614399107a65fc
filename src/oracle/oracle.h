/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Oracles: what is true, and how sure of it we are.
 *
 * An oracle advances a state through tokens under the continuous delta rule (docs/derivations.md#e7, zero-order hold)
 * and says how far it may be off.  All have one signature and one row in a table.  States are long double, so that an
 * oracle better than f64 can hand its state on. */
#ifndef EFLA_ORACLE_ORACLE_H
#define EFLA_ORACLE_ORACLE_H

#include "base/tokens.h"
#include "base/status.h"
#include "oracle/state.h"

#include <stdbool.h>

typedef enum efla_error_kind {
  EFLA_ERROR_CERTIFIED, /* an enclosure computed in ball arithmetic */
  EFLA_ERROR_BOUND,     /* an a-priori bound for the algorithm, its constant checked against certified truth */
  EFLA_ERROR_ESTIMATED  /* measured against a second reference */
} efla_error_kind;

typedef struct efla_oracle {
  const char *name;
  const char *what;
  const char *trust; /* where it can be trusted, in words */
  efla_error_kind error_kind;
  double limit;      /* it refuses where its own error exceeds this part of the state's norm */
  double largest_x;  /* it refuses tokens with a larger y + rho*lambda, INFINITY: none; and all below -600 */
  size_t largest_dk; /* it refuses longer keys */
  /* Advances S (dk, dv) in place over x with the rates of a decay, but for what decays before a token; *error: the
   * error of this alone (Frobenius norm). */
  efla_status (*advance)(const efla_tokens *x, const efla_decay *decay, long double *S, double *error,
                         efla_message *why);
} efla_oracle;

extern const efla_oracle efla_oracles[]; /* ends with a row whose name is NULL */
const char *efla_oracle_name(size_t i);
const efla_oracle *efla_oracle_find(const char *name);
/* The best oracle of this build. */
#ifdef EFLA_HAVE_ARB
#define EFLA_ORACLE_BEST "arb"
#else
#define EFLA_ORACLE_BEST "longdouble"
#endif

/* S (dk, dv): state in, state out.  *error: on entry how far S is from the true state, on exit the same for the new
 * one (Frobenius norm); the old error is carried through the tokens by the norm of their product of transitions, at
 * most 1 unless x has erase keys. Keys are taken as they are; decay (NULL: none) says how the tokens' rates follow from
 * beta and g.  What decays before a token, as in `split`, and with g per channel around it, as in `strang`, is computed
 * in long double whatever the oracle; `joint` with g per channel is refused (oracle/channel.h has it).  Returns
 *
 *   EFLA_UNTRUSTED  the oracle cannot serve here: S is then all nan, *error inf, and why says where it can be trusted;
 *   EFLA_NOT_BUILT  the library behind it was not there at build time;
 *   EFLA_NO_MEMORY. */
efla_status efla_oracle_advance(const efla_oracle *oracle, const efla_decay *decay, const efla_tokens *x,
                                long double *S, double *error, efla_message *why) __attribute__((warn_unused_result));

/* The two halves of that judgement: before, whether the oracle takes these tokens at all (EFLA_UNTRUSTED and why if
 * not); and after, whether `own`, the error that it says it made, is small enough beside S (n entries). */
efla_status efla_oracle_admits(const efla_oracle *oracle, const efla_decay *decay, const efla_tokens *x,
                               efla_message *why);
bool efla_oracle_vouches(const efla_oracle *oracle, size_t n, const long double *S, double own);

/* The same without judgement and without what decays before a token, for those who study oracles: S is whatever came
 * out, inf and nan included, and *error what the oracle says of it. */
efla_status efla_oracle_raw(const efla_oracle *oracle, const efla_decay *decay, const efla_tokens *x, long double *S,
                            double *error, efla_message *why) __attribute__((warn_unused_result));

#endif
