/* The family of one-step methods, and the gate that each gives the delta rule.
 *
 * For dS/dt = -k k^T S + k v^T over a time beta, every one-step method with stability function R ends in
 *
 *     S' = (I - a k k^T) S + a k v^T,   a = beta*phi(x),   phi(x) = (1 - R(-x))/x,   x = beta*lambda,   lambda = k^T k,
 *
 * (docs/derivations.md#e3; the paper's Eqs. 12-15 for the exact flow).  A method is its phi.  phi is a ratio of polynomials with
 * integer coefficients for all Runge-Kutta methods and an exponential for the exact flow; adding a method is one row of
 * the table in method.c.  R is never formed: 1 - R loses all digits for small x. */
#ifndef EFLA_METHOD_H
#define EFLA_METHOD_H

#include "base/tokens.h"

#include <stdbool.h>

#define EFLA_PHI_TERMS      8    /* coefficients of phi's numerator and denominator */
#define EFLA_ORDER_INFINITE 1000 /* the order of the exact flow: beyond any that a double can show */

typedef struct efla_method {
  const char *name;                   /* option, CSV and legend */
  const char *known_as;               /* in the literature */
  int order;                          /* R(z) = e^z + O(z^(order+1)) */
  double stable;                      /* |R(-x)| <= 1 for 0 <= x <= stable */
  double positive;                    /* R(-x) >= 0 for 0 <= x <= positive */
  double numerator[EFLA_PHI_TERMS];   /* of phi, in rising powers of x; exact integers */
  double denominator[EFLA_PHI_TERMS]; /* the same value at 0; all zero: see closed */
  double (*closed)(double x);         /* phi and phi' where phi is no ratio of polynomials */
  double (*closed_slope)(double x);
  long double (*closed_long)(long double x); /* phi again */
} efla_method;

extern const efla_method efla_methods[]; /* ends with a row whose name is NULL */

/* The name of row i, NULL past the end: what the command line lists. */
const char *efla_method_name(size_t i);
/* The row of that name, NULL if there is none. */
const efla_method *efla_method_find(const char *name);

/* phi(x) and phi'(x) to a few ulp for every finite x >= 0, also next to the zeros of phi, where an absolute error of
 * (2 n u)^2 sum |c_i| x^i remains (degree n, coefficients c); -inf or inf where an explicit method overflows. */
double efla_phi(const efla_method *method, double x);
double efla_phi_slope(const efla_method *method, double x);

/* R(-x) = 1 - x*phi(x), the factor by which a step multiplies what the state holds along k.  Absolute error of a few u:
 * for stability, not for gates. */
double efla_stability(const efla_method *method, double x);

/* The gate a (unit of beta) for beta >= 0, lambda >= 0: relative error at most 4u for the exact flow.  beta at lambda =
 * 0. */
double efla_gate(const efla_method *method, double beta, double lambda);

/* The same in the widest format of the machine, for truths: relative error of a few of its units, or next to a zero of phi the
 * absolute error above in them. */
long double efla_gate_long(const efla_method *method, long double beta, long double lambda);

/* Its derivatives: da/dbeta = phi + x phi', da/dlambda = beta^2 phi'. */
void efla_gate_slopes(const efla_method *method, double beta, double lambda, double *by_beta, double *by_lambda);

/* The gates of a block: gate (x->tokens) from the keys as they are. */
void efla_gates(const efla_method *method, const efla_tokens *x, double *gate);

/* Key treatment: a choice apart from the method.  EFLA takes keys as they are, DeltaNet scales them to norm one. */
typedef struct efla_key_treatment {
  const char *name;
  const char *what;
  void (*apply)(size_t dk, double *k); /* one key (dk), in place */
  bool unit;                           /* it is k/|k|: for layers that need its derivative */
} efla_key_treatment;

extern const efla_key_treatment efla_key_treatments[];
const char *efla_key_treatment_name(size_t i);

/* Treats all keys of x in place. */
void efla_keys_apply(const efla_key_treatment *treatment, efla_tokens *x);

#endif
