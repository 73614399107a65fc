/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The delta rule as an ordinary differential equation, integrated as a textbook does: a right-hand side, Butcher
 * tableaux as data, all stages on the full state.  Nothing here knows that k k^T has rank one; that a step ends in the
 * coefficient form of method.h is therefore something to test. */
#ifndef EFLA_ODE_ODE_H
#define EFLA_ODE_ODE_H

#include "base/status.h"

#include <stddef.h>

#define EFLA_STAGES 7

typedef struct efla_tableau {
  const char *name;
  const char *method; /* the row of the method table with the same stability function; NULL where there is none */
  int stages, order;
  double c[EFLA_STAGES];
  double a[EFLA_STAGES][EFLA_STAGES];
  double b[EFLA_STAGES];
} efla_tableau;

extern const efla_tableau efla_tableaux[]; /* ends with a row whose name is NULL */
const char *efla_tableau_name(size_t i);
const efla_tableau *efla_tableau_find(const char *name);

/* Every stage needs only the ones before it. */
int efla_tableau_is_explicit(const efla_tableau *tableau);

/* phi(x) = b^T (I + x A)^-1 (1,...,1)^T, from R(z) = 1 + z b^T (I - z A)^-1 1 (Hairer and Wanner II, Prop. IV.3.1). */
double efla_tableau_phi(const efla_tableau *tableau, double x);

/* k(t) (dk) and v(t) (dv) as functions of time, and the rates of decay, erasing and writing per unit of time; a constant
 * erase key p. */
typedef struct efla_signal {
  size_t dk, dv;
  void (*sample)(const void *context, double time, double *k, double *v);
  const void *context;
  double decay, erase, write; /* y, rho, b */
  const double *p;            /* (dk); NULL: k(t) */
} efla_signal;

/* Zero-order hold: one key, one value and one erase key (NULL: the key) at all times. */
typedef struct efla_zero_order_hold {
  size_t dk, dv;
  const double *k, *v, *p;
} efla_zero_order_hold;
/* With rates 0, 1, 1: the delta rule without decay, whose time is beta. */
efla_signal efla_signal_hold(const efla_zero_order_hold *hold);

/* dS = -(y I + rho k p^T) S + b k v^T with the signal's rates (docs/derivations.md#e7; without decay #e1, the
 * paper's Eq. 10); k (dk), v (dv), S, dS (dk, dv), not overlapping. */
void efla_ode_rhs(const efla_signal *signal, const double *k, const double *v, const double *S, double *dS);

/* Doubles that a step needs as scratch. */
size_t efla_ode_scratch(const efla_tableau *tableau, size_t dk, size_t dv);

/* steps equal steps from time to time + duration, in place on S (dk, dv).  Implicit tableaux solve the linear system of
 * all stages by LU with pivoting.  Fails only with EFLA_NO_MEMORY (GSL's permutation). */
efla_status efla_ode_advance(const efla_tableau *tableau, const efla_signal *signal, double time, double duration,
                             size_t steps, double *S, double *scratch);

#endif
