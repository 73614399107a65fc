/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decay per channel: every row of the state has a decay rate of its own (docs/derivations.md#channel-decay). Within
 * a token, over the unit interval,
 *
 *     dS/dtau = -(diag(y) + beta k k^T) S + beta k v^T,      y >= 0 (dk).
 *
 * diag(y) and k k^T do not commute, so that no step S' = d S + k (w v - e S^T k)^T is exact. Here: two splittings of
 * the token into its decay and its delta-rule step, each exact, and how far the first is from the solution.
 *
 * In all functions y (tokens, dk) holds the rates of the tokens of x, whose own decays g are not used; keys are
 * taken as they are; S (dk, dv): initial state in, final state out; inf and nan propagate as data. */
#ifndef EFLA_ODE_CHANNEL_DECAY_H
#define EFLA_ODE_CHANNEL_DECAY_H

#include "base/tokens.h"
#include "efla/rule.h"

/* Lie splitting, order 1, first the decay: S' = (I - a k k^T) diag(e^-y) S + a k v^T, a the coefficient of the method
 * (KDA, arXiv 2510.26692, for Euler and unit keys). o (tokens, dv): S'^T q of every token; NULL: not wanted. */
void efla_channel_lie(const efla_method *method, const efla_tokens *x, const double *y, double *S, double *o);

/* Strang splitting, order 2, half of the decay before the step and half after it:
 * S' = diag(e^(-y/2)) ((I - a k k^T) diag(e^(-y/2)) S + a k v^T), computed as written. */
void efla_channel_strang(const efla_method *method, const efla_tokens *x, const double *y, double *S, double *o);

/* What turns a Lie splitting into Strang's: between two tokens the half decays of both are one. Token t of the Lie
 * splitting gets the rates (y_(t-1) + y_t)/2, the first one y/2, and the query diag(e^(-y_t/2)) q_t; the final state
 * then still lacks the last half decay. rates, queries (tokens, dk), not overlapping y and x. */
void efla_channel_merge(const efla_tokens *x, const double *y, double *rates, double *queries);

/* Strang's splitting by efla_channel_merge and efla_channel_lie. Fails with EFLA_NO_MEMORY. */
efla_status efla_channel_strang_by_lie(const efla_method *method, const efla_tokens *x, const double *y, double *S,
                                       double *o);

/* The error of the Lie splitting in one token, S'_Lie - S', for the exact method
 * (docs/derivations.md#channel-commutator): E (dk, dv), its part of first order in the rates, for any x =
 * beta*lambda; as x goes to 0, half of what the commutator of both parts of the right-hand side makes of S. k, y
 * (dk), v (dv); E does not overlap S (dk, dv). */
void efla_channel_lie_leading(size_t dk, size_t dv, const double *k, const double *v, double beta, const double *y,
                              const double *S, double *E);

/* An upper bound of its norm (Frobenius), without rounding, for any rates. */
double efla_channel_lie_bound(size_t dk, size_t dv, const double *k, const double *v, double beta, const double *y,
                              const double *S);

/* The error of the Lie splitting along tokens, in theory (Frobenius norms). */
typedef struct efla_channel_lie_theory {
  double bound; /* the tokens' bounds, each carried by the later decays, whose norm is e^-(least rate) */
  double
      leading; /* an estimate: the norm of the sum of the tokens' parts of first order, carried by later transitions */
} efla_channel_lie_theory;

/* S goes through x by the exact flow in f64. Fails with EFLA_NO_MEMORY. */
efla_status efla_channel_lie_predict(const efla_tokens *x, const double *y, double *S, efla_channel_lie_theory *theory);

/* The splittings, and the exact flow by its Chebyshev series (ode/channel_exact.h), in f64. */
typedef struct efla_channel_scheme {
  const char *name;
  int order; /* with an exact or symmetric method; EFLA_ORDER_INFINITE: no splitting error */
  /* Fails with EFLA_NO_MEMORY. */
  efla_status (*advance)(const efla_method *method, const efla_tokens *x, const double *y, double *S);
} efla_channel_scheme;

extern const efla_channel_scheme efla_channel_schemes[]; /* ends with a row whose name is NULL */
const char *efla_channel_scheme_name(size_t i);

#endif
