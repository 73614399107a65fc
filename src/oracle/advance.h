/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the oracles' files share; not for users. */
#ifndef EFLA_ORACLE_ADVANCE_H
#define EFLA_ORACLE_ADVANCE_H

#include "oracle/oracle.h"

efla_status efla_gsl_advance(const efla_tokens *x, const efla_decay *decay, long double *S, double *error,
                             efla_message *why);
efla_status efla_expm1_advance(const efla_tokens *x, const efla_decay *decay, long double *S, double *error,
                               efla_message *why);
efla_status efla_odeiv_advance(const efla_tokens *x, const efla_decay *decay, long double *S, double *error,
                               efla_message *why);
efla_status efla_longdouble_advance(const efla_tokens *x, const efla_decay *decay, long double *S, double *error,
                                    efla_message *why);
efla_status efla_arb_advance(const efla_tokens *x, const efla_decay *decay, long double *S, double *error,
                             efla_message *why);

/* The augmented matrix of one token with rates y, rho, b, n = dk + 1:
 *
 *     A = [ -y I - rho k p^T   c b k ]        exp(A) = [ E  w ],   S' = E S + w (v/c)^T.
 *         [         0            0   ]                 [ 0  1 ]
 *
 * (Van Loan 1978.)  The forcing b k v^T has k as its only left factor, so one column beside k p^T does the work of
 * dv. With c = |v| the column is as large as the forcing; c = 0 leaves a token without one. */
void efla_augmented(size_t dk, const double *k, const double *p, const efla_rates *rates, double c, double *A);

/* S <- keep*S + F S + w (v/c)^T with the first dk rows [F w] of an (n, n) matrix: keep = 0 for exp(A), 1 for exp(A) -
 * I. S (dk, dv), v (dv); old: scratch (dk, dv). */
void efla_augmented_apply(size_t dk, size_t dv, const double *F, double keep, const double *v, double c, double *S,
                          double *old);

/* An upper bound of the norm of token t's transition d I - e k p^T by the exact flow, without what decays before it: d
 * where p is k, and otherwise from the singular values in the span of k and p (docs/bounds.md#erase-key). */
double efla_transition_norm(const efla_tokens *x, const efla_decay *decay, size_t t);

/* How far S is from what `longdouble` makes of `before`, plus that oracle's own error: the second reference by which
 * the estimated errors are measured. */
efla_status efla_gap(const efla_tokens *x, const efla_decay *decay, const long double *before, const long double *S,
                     double *error, efla_message *why);

#endif
