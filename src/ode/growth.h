/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Growth of what a run forgets: the homogeneous product of transitions (d_t I - e_t k_t k_t^T) acting on a vector.
 *
 * Its mean logarithmic rate per token is what decides between saturation and blow-up: below zero an error made now
 * fades, above zero it wins. */
#ifndef EFLA_ODE_GROWTH_H
#define EFLA_ODE_GROWTH_H

#include "base/tokens.h"
#include "efla/rule.h"

#include <stddef.h>

#define EFLA_GROWTH_NODES 512

/* The law for independent keys of uniformly random direction: one token whose key multiplies what lies along it by R
 * changes the norm of a vector by log(1 + (R^2 - 1) c^2)/2, where c^2 ~ Beta(1/2, (dk-1)/2) is the squared cosine
 * between both. */
typedef struct efla_growth_law {
  size_t dk, nodes;
  double square[EFLA_GROWTH_NODES], weight[EFLA_GROWTH_NODES]; /* z^2 and its density times the step, z rising */
  double at_one;
} efla_growth_law;

void efla_growth_law_init(efla_growth_law *law, size_t dk);

/* The expectation of that change, for any R: absolute error about 1e-14 (1 + log(1 + |R|)). */
double efla_growth_expected(const efla_growth_law *law, double R);

/* The same of one token by a rule, and its coefficients: log|d| and the expectation for R = (d - e lambda)/d, -inf where
 * nothing is left. */
double efla_growth_of_token(const efla_growth_law *law, const efla_rule *rule, double lambda, double beta, double g,
                            efla_coefficients *c);

/* A generic vector of norm one to start with, w (dk): no entry is zero and none equals another, so that no family of
 * keys is orthogonal to it. */
void efla_growth_start(size_t dk, double *w);

/* w <- (d I - e k k^T) w, scaled back to norm one; returns the logarithm of the norm it had.  k, w (dk), |w| = 1 on
 * entry.  Where nothing is left (-inf) or the norm overflows (inf, nan), w starts again as the first unit vector. */
double efla_growth_transition(size_t dk, const double *k, double d, double e, double *w);

/* The same of w <- D w - e k (p^T w), with D = diag(decay), decay (dk): a decay per channel, or another erase key p. */
double efla_growth_wide_transition(size_t dk, const double *decay, const double *k, const double *p, double e,
                                   double *w);

/* Scales w (dk) back to norm one, as these two do. */
double efla_growth_rescale(size_t dk, double *w);

/* Both rates of one rule along a stream of tokens: as measured on one vector, and as the law says for the x of these
 * tokens if their keys had random directions. */
typedef struct efla_growth {
  efla_rule rule; /* its keys and scale are not used */
  efla_growth_law law;
  double *w;                  /* (dk) */
  double measured, predicted; /* summed over the tokens */
  size_t tokens;
} efla_growth;

/* Fails with EFLA_NO_MEMORY. */
efla_status efla_growth_init(efla_growth *growth, const efla_rule *rule, size_t dk);
void efla_growth_clear(efla_growth *growth);
void efla_growth_advance(efla_growth *growth, const efla_tokens *x);

#endif
