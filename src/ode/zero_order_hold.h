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

/* steps equal steps from time to time + duration, in place on S (dk, dv); in each, k and v are held at their values at
 * the part `point` of the step (0: left end, 1/2: midpoint) and advanced by the method's coefficient.  Never fails. */
void efla_zero_order_hold_advance(const efla_method *method, double point, const efla_signal *signal, double time,
                                  double duration, size_t steps, double *S, double *scratch);

/* The same at the midpoints of steps, extrapolated (Richardson): the midpoint rule is symmetric, its error has even
 * powers of the step only, and (4 S_2 - S_1)/3, from twice as many steps and from steps, drops the first of them; order
 * 4. */
void efla_zero_order_hold_extrapolate(const efla_method *method, const efla_signal *signal, double time,
                                      double duration, size_t steps, double *S, double *scratch);

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
 * keys. */
void efla_cf4_advance(const efla_signal *signal, double time, double duration, size_t steps, double *S,
                      double *scratch);

#endif
