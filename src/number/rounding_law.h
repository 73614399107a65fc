/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drift: the error that storing the state in a format brings in, in the mean square, predicted from the steps alone.
 *
 * Rounded to nearest, a number s is off by something uniform over the gap 2 u 2^e about it, 2^e <= |s| < 2^(e+1),
 * that is (u 2^e)^2/3 in the mean square; where log|s| is spread evenly, s^2 is 3/(2 log 2) 4^e in the mean, hence
 *
 *     kappa u^2 s^2,  kappa = (2/9) log 2 = 0.154 to nearest,  twice that stochastically.
 *
 * Every token adds this over the whole state, its error included.  It multiplies the error across its key by the decay
 * d and along it by D = d - e lambda, R(-beta*lambda) where there is no decay; if keys come in m random directions, the
 * part of the error in their span thus keeps d^2 - (d^2 - D^2)/m of its square per token, and the part outside, to which
 * (1 - m/dk) of what is added belongs, d^2.  In units of |S|^2 (Frobenius), which does not grow:
 *
 *     seen'   = (d^2 - (d^2 - D^2)/m) seen + (m/dk) kappa u^2 (1 + seen + unseen)        a plateau,
 *     unseen' = d^2 unseen + (1 - m/dk) kappa u^2 (1 + seen + unseen),
 *
 * a random walk where d = 1, t^(1/2) and exponential in the end; a plateau too where the state decays.
 *
 * Not in it: the rounding of f32 arithmetic itself, overflow, and updates too small to move an entry. */
#ifndef EFLA_NUMBER_ROUNDING_LAW_H
#define EFLA_NUMBER_ROUNDING_LAW_H

#include "base/tokens.h"
#include "efla/rule.h"
#include "number/stored_run.h"

typedef struct efla_drift {
  double added;        /* kappa u^2, per token */
  double dk, m;        /* dimensions, directions of keys */
  double seen, unseen; /* mean square error, in units of |S|^2 */
} efla_drift;

/* No error so far; directions >= 1, those beyond dk count as dk.  The state is stored after every token, whatever
 * storage says of state and chunk. */
efla_drift efla_drift_start(const efla_storage *storage, size_t dk, size_t directions);
/* The rule's decay has its arguments in x. */
void efla_drift_advance(efla_drift *drift, const efla_rule *rule, const efla_tokens *x);

/* The relative error of the state, root mean square. */
double efla_drift_error(const efla_drift *drift);

#endif
