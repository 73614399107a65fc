/* SPDX-License-Identifier: MIT */
/* The rule that is computed: a method, a decay and a key treatment, each a row of a table.
 *
 * Within a token, key k, value v and the rates are constant, and over the unit interval
 *
 *     dS/dtau = -(y I + rho k k^T) S + b k v^T,      o = scale S^T q afterwards,
 *
 * with decay rate y >= 0, erase rate rho >= 0, write rate b >= 0. Before it the state may decay on its own,
 * S <- exp(before) S. With lambda = k^T k, x = rho lambda, z = y + x, a one-step method with stability
 * function R reduces to three coefficients:
 *
 *     S' = d S + k (w v - e S^T k)^T,
 *     d = exp(before) R(-y),   e = exp(before) rho psi(y, z),   w = b phi(z),
 *     phi(z) = (1 - R(-z))/z,   psi(y, z) = (R(-y) - R(-z))/(z - y).
 *
 * A decay says how the rates follow from a token's beta and the decay's argument. Without decay d = 1 and e =
 * w = a = beta phi(beta lambda), the coefficient (arXiv 2512.12602, Eqs. 12-15 for the exact flow). A method
 * is given by its phi: a ratio of polynomials with integer coefficients for all Runge-Kutta methods, an
 * exponential for the exact flow. phi is never computed from R: 1 - R loses all digits for small x. */
#ifndef EFLA_RULE_H
#define EFLA_RULE_H

#include "efla/status.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- methods ---- */

#define EFLA_PHI_TERMS 8 /* coefficients of phi's numerator and denominator */
#define EFLA_ORDER_INFINITE                                                                                            \
  1000 /* the order of the exact flow: larger than any that is observable in double precision */

/* Derivatives of psi(y, y + x). */
typedef struct efla_psi_slopes {
  double by_y, by_x;
  double of_product; /* of x psi(y, y + x) = R(-y) - R(-y - x) by x: -dR(-z)/dz at z = y + x */
} efla_psi_slopes;

/* A one-step method. Members named closed are for a phi that is no ratio of polynomials, and NULL otherwise. */
typedef struct efla_method {
  const char *name;                                             /* in options, tables and legends */
  const char *known_as;                                         /* its name in the literature */
  int order;                                                    /* R(z) = e^z + O(z^(order+1)) */
  double stable;                                                /* |R(-x)| <= 1 for 0 <= x <= stable */
  double positive;                                              /* R(-x) >= 0 for 0 <= x <= positive */
  double numerator[EFLA_PHI_TERMS];                             /* of phi, in increasing powers of x; exact integers */
  double denominator[EFLA_PHI_TERMS];                           /* has the same value at 0; all zero: see closed */
  double (*closed)(double x);                                   /* phi where it is not a ratio of polynomials */
  double (*closed_slope)(double x);                             /* phi' */
  long double (*closed_long)(long double x);                    /* phi in long double */
  double (*closed_stability)(double x);                         /* R(-x) */
  long double (*closed_stability_long)(long double x);          /* and in long double */
  double (*closed_psi)(double y, double x);                     /* psi(y, y + x) */
  long double (*closed_psi_long)(long double y, long double x); /* and in long double */
  void (*closed_psi_slopes)(double y, double x, efla_psi_slopes *s); /* and its derivatives */
} efla_method;

extern const efla_method efla_methods[]; /* ends with a row whose name is NULL */

/* The name of row i, NULL past the end. */
const char *efla_method_name(size_t i);
/* The row of that name, NULL if there is none. */
const efla_method *efla_method_find(const char *name);

/* phi(x) and phi'(x) to a few ulp for every finite x >= 0; near the zeros of phi an absolute error of (2 n
 * u)^2 sum |c_i| x^i remains (degree n, coefficients c). -inf or inf where an explicit method overflows. */
double efla_phi(const efla_method *method, double x);
double efla_phi_slope(const efla_method *method, double x);

/* psi(y, z) for y, z >= 0, symmetric in both; psi(0, x) = phi(x) bit for bit. Computed as a divided
 * difference without cancellation as y approaches z: with x phi(x) = P(x)/Q(x) it is M(y, z)/(Q(y) Q(z)),
 * where M = (P(z) Q(y) - P(y) Q(z))/(z - y) is a polynomial whose integer coefficients are computed first;
 * exp(-y) phi(z - y) for the exact flow. Accurate to a few ulp, but near the zeros of M an absolute error of
 * (4 n u)^2 times the sum of the absolute values of its terms remains; -inf or inf where an explicit method
 * overflows. */
double efla_psi(const efla_method *method, double y, double z);
/* psi(y, y + x) for y, x >= 0, with the same accuracy whatever y + x rounds to. */
double efla_psi_offset(const efla_method *method, double y, double x);
/* The same in long double, with the rounding errors of plain Horner's rule. */
long double efla_psi_long(const efla_method *method, long double y, long double z);
long double efla_psi_offset_long(const efla_method *method, long double y, long double x);
/* Its derivatives for y, x >= 0, computed as psi is: ratios of polynomials whose integer coefficients are
 * formed first. A few ulp, but for the exact flow the product's has the relative error of exp(-y) exp(-x). */
void efla_psi_derivatives(const efla_method *method, double y, double x, efla_psi_slopes *s);

/* R(-x) = 1 - x phi(x), the factor by which a step multiplies the component of the state along k. Absolute
 * error of a few u: for questions of stability, not for coefficients. */
double efla_stability(const efla_method *method, double x);
/* The same to a few ulp for every finite x >= 0: with x phi(x) = P/Q it is (Q - P)/Q, exp(-x) for the exact
 * flow. Near the zeros of Q - P an absolute error of (2 n u)^2 times the sum of the absolute values of its
 * terms remains; -inf or inf where an explicit method overflows. */
double efla_stability_ratio(const efla_method *method, double x);

/* The coefficient a = beta phi(beta lambda) (in units of beta) for beta >= 0, lambda >= 0: relative error at
 * most 4u for the exact flow. Equal to beta at lambda = 0. */
double efla_coefficient(const efla_method *method, double beta, double lambda);
/* The same in long double, for reference values: relative error of a few of its u, or near a zero of phi the
 * absolute error above with its u. */
long double efla_coefficient_long(const efla_method *method, long double beta, long double lambda);
/* Its derivatives: da/dbeta = phi + x phi', da/dlambda = beta^2 phi'. */
void efla_coefficient_derivatives(const efla_method *method, double beta, double lambda, double *by_beta,
                                  double *by_lambda);

/* ---- decays ---- */

/* The rates of one token: S <- exp(before) S, then the ODE with decay y, erase rho and write b. */
typedef struct efla_rates {
  double before, decay, erase, write;
} efla_rates;

/* The same in long double. */
typedef struct efla_rates_long {
  long double before, decay, erase, write;
} efla_rates_long;

/* How the rates follow from beta and the decay's argument g. */
typedef struct efla_decay {
  const char *name;     /* in options and tables */
  const char *what;     /* what help texts say of it */
  bool gated;           /* takes an argument, the sequence's array g */
  const char *argument; /* its meaning: "g" or "alpha"; NULL: not gated */
  bool proportional;    /* rate y = 0 and rho = b, so that coefficients have e = d w */
  double share; /* > 0: takes g per channel too, of which this share acts before the step and the rest after it */
  double (*at_rate)(double y); /* the argument by which a state decays at the rate y >= 0; NULL: not gated */
  void (*rates)(double beta, double g, efla_rates *r);                          /* of a token */
  void (*rates_long)(long double beta, long double g, efla_rates_long *r);      /* and in long double */
  void (*slopes)(double beta, double g, efla_rates *by_beta, efla_rates *by_g); /* derivatives of the rates */
} efla_decay;

/* The decays and their rates.
 *
 *     name        before   y           rho          b      known as
 *     none        0        0           beta         beta   DeltaNet (Euler, unit keys), EFLA (exact, raw keys)
 *     split       g        0           beta         beta   Gated DeltaNet (Euler, unit keys; arXiv 2412.06464)
 *     joint       0        -g          beta         beta   decay and erasure as one flow
 *     retention   0        1 - alpha   alpha beta   beta   EFLA's gated variant (arXiv 2512.12602 v4, appendix D)
 *     strang      g        0           beta         exp(g/2) beta   half the decay before the step, half after it
 *
 * g is the logarithm of a decay, <= 0; alpha, which takes its place, a retention in [0, 1]. For the exact
 * method joint and split differ in w only, and retention leaves at least e^-1 of the state per token.
 *
 * split and strang also take one g per channel, that is per row of the state (sequence.h): with c = 1 or 1/2,
 *
 *     S' = D S + (exp((1 - c) g) k) (w v - e S^T (exp(c g) p))^T,   D = diag exp(g),   e = w = a,   lambda = p^T k,
 *
 * p being the erase key (sequence.h), without one k;
 * Lie splitting (Kimi Delta Attention, arXiv 2510.26692), of first order, and Strang's, of second. */
extern const efla_decay efla_decays[]; /* ends with a row whose name is NULL */
/* As efla_method_name and efla_method_find. */
const char *efla_decay_name(size_t i);
const efla_decay *efla_decay_find(const char *name);

/* ---- keys ---- */

/* Chosen independently of the method: EFLA uses keys as they are, DeltaNet normalises them. */
typedef struct efla_key_treatment {
  const char *name;                    /* in options and tables */
  const char *what;                    /* what help texts say of it */
  void (*apply)(size_t dk, double *k); /* one key (dk), in place */
  bool unit;                           /* it returns k/|k| */
} efla_key_treatment;

extern const efla_key_treatment efla_key_treatments[]; /* raw, unit; ends with a row whose name is NULL */
/* As efla_method_name and efla_method_find. */
const char *efla_key_treatment_name(size_t i);
const efla_key_treatment *efla_key_treatment_find(const char *name);

/* |x| of n numbers without intermediate overflow or underflow: the squares are summed in long double, in four
 * sums. */
double efla_two_norm(size_t n, const double *x);

/* ---- rules ---- */

/* What is computed, a row of each of the three tables, and the scale of its output. */
typedef struct efla_rule {
  const efla_method *method;      /* required */
  const efla_decay *decay;        /* NULL: none */
  const efla_key_treatment *keys; /* NULL: raw */
  double scale;                   /* of the output; 0 means 1 */
} efla_rule;

/* A rule from names, such as "exact", "split", "unit"; NULL for a default: exact, none, raw. EFLA_INVALID
 * where a name is in no table; *rule is then unchanged. */
efla_status efla_rule_find(const char *method, const char *decay, const char *keys, efla_rule *rule);

/* Coefficients of S' = decay S + k (write v - erase S^T k)^T. */
typedef struct efla_coefficients {
  double decay, erase, write;
} efla_coefficients;

/* The same in long double. */
typedef struct efla_coefficients_long {
  long double decay, erase, write;
} efla_coefficients_long;

/* The derivatives of the coefficients with respect to lambda, beta and g. */
typedef struct efla_coefficient_slopes {
  efla_coefficients by_lambda, by_beta, by_g;
} efla_coefficient_slopes;

/* The coefficients of one token from its rates, >= 0 but `before`, by a method; lambda >= 0. */
void efla_rates_coefficients(const efla_method *method, const efla_rates *rates, double lambda, efla_coefficients *c);
void efla_rates_coefficients_long(const efla_method *method, const efla_rates_long *rates, long double lambda,
                                  efla_coefficients_long *c);

/* The coefficients of one token whose treated key has the squared norm lambda >= 0; beta >= 0; g, the decay's
 * argument, in its range, not used by a decay that is not gated. Relative errors of a few u, and of what the
 * rounding of y and x causes; near a zero of R, phi or psi the absolute errors above. Numbers that are too
 * large or too small overflow or underflow: g = -inf forgets the state. Outside this domain the formulas are
 * evaluated unchanged: for lambda < 0, of an erase key, the flow grows by exp(rho |lambda|) a token, and a method's
 * coefficients do as R does, up to its pole (implicit: z = -1, trapezoid: z = -2), next to which they lose their
 * digits. EFLA_INVALID where a pointer or the method is NULL. */
efla_status efla_rule_coefficients(const efla_rule *rule, double lambda, double beta, double g, efla_coefficients *c);
efla_status efla_rule_coefficients_long(const efla_rule *rule, long double lambda, long double beta, long double g,
                                        efla_coefficients_long *c);
/* Their derivatives, computed without cancellation: within a few u of the sum of the sizes of at most three
 * terms, which have one sign for the exact flow, and of what the rounding of y and x causes. nan where an
 * explicit method overflows. */
efla_status efla_rule_slopes(const efla_rule *rule, double lambda, double beta, double g, efla_coefficient_slopes *s);

#ifdef __cplusplus
}
#endif

#endif
