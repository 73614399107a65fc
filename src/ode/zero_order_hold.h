/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The delta rule with k(t), v(t) that truly depend on time: what a hold makes of it, and an integrator that needs none.
 *
 * "Exact" is a statement about the zero-order hold.  Where k and v move within a step, sampling them once leaves an
 * error of first order (left end) or second order (midpoint). */
#ifndef EFLA_ODE_ZERO_ORDER_HOLD_H
#define EFLA_ODE_ZERO_ORDER_HOLD_H

#include "base/tokens.h"
#include "efla/rule.h"
#include "ode/ode.h"

/* Doubles of scratch for the functions below. */
size_t efla_zero_order_hold_scratch(size_t dk, size_t dv);

/* steps equal steps from time to time + duration, in place on S (dk, dv); each is a token, whose beta is its length, by
 * the rule with k and v held at their values at the part `point` of the step (0: left end, 1/2: midpoint), and with the
 * signal's rate of decay, which a rule without decay does not use.  Erasing and writing have the rate 1.  Never
 * fails. */
void efla_zero_order_hold_advance(const efla_rule *rule, double point, const efla_signal *signal, double time,
                                  double duration, size_t steps, double *S, double *scratch);

/* The same at the midpoints of steps, extrapolated (Richardson): the midpoint rule is symmetric, its error has even
 * powers of the step only, and (4 S_2 - S_1)/3, from twice as many steps and from steps, drops the first of them; order
 * 4. */
void efla_zero_order_hold_extrapolate(const efla_rule *rule, const efla_signal *signal, double time, double duration,
                                      size_t steps, double *S, double *scratch);

/* The exact flow over a unit of time of two keys at once, dS/dt = -sum_i w_i k_i (k_i^T S - v_i^T), with weights of any
 * sign.  With K = [k_1 k_2], W = diag(w), G = K^T K, V = [v_1 v_2] the change stays in the span of K:
 *
 *     S' = S + K W phi_1(-G W) (V^T - K^T S),      phi_1(A) = int_0^1 exp(A s) ds.
 *
 * k (2, dk), v (2, dv), w (2), S (dk, dv); scratch (2, dv). */
void efla_flow_of_two(size_t dk, size_t dv, const double *k, const double *v, const double *w, double *S,
                      double *scratch);

/* The commutator-free exponential integrator of order 4 with two exponentials per step and two Gauss points (Blanes and
 * Moan 2006; Celledoni, Marthinsen, Owren 2003), for the linear problem in (S, 1); each exponential is one flow of two
 * keys.  A decay of rate y is taken out of it: e^(yt) S obeys the equation without decay with e^(yt) v in place of v. */
void efla_cf4_advance(const efla_signal *signal, double time, double duration, size_t steps, double *S,
                      double *scratch);

/* Ways to take a state through a signal: the two above and the extrapolation by a rule, and integrators of the true
 * equation, which use no rule. */
typedef struct efla_hold_scheme {
  const char *name, *what; /* what: its entry in the legend of figures */
  void (*advance)(const efla_rule *rule, const efla_signal *signal, double time, double duration, size_t steps,
                  double *S, double *scratch); /* scratch: efla_hold_scheme_scratch(dk, dv) */
} efla_hold_scheme;

extern const efla_hold_scheme efla_hold_schemes[]; /* ends with a row whose name is NULL */
size_t efla_hold_scheme_scratch(size_t dk, size_t dv);

#endif
