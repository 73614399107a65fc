/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The exact flow of a token with a decay rate per channel, by a Chebyshev series
 * (docs/derivations.md#channel-exact).
 *
 * A = diag(y) + beta k k^T is symmetric with eigenvalues in [0, rho], rho = max y + beta*lambda. With B = I - 2A/rho
 * and z = rho/2 both functions of A that a token needs are convex combinations of Chebyshev polynomials,
 *
 *     exp(-A) = e^-z (I_0(z) + 2 sum_m I_m(z) T_m(B)),      phi(A) = int_0^1 exp(-A s) ds = sum_m d_m T_m(B), d_m >= 0,
 *
 * so that S' = exp(-A) S + phi(A) beta k v^T loses no digits. A product with B costs 4 dk dv operations, the number
 * of terms is about 8 + 9 sqrt(z) in f64: less than the exponential of a dense matrix by a factor of dk. */
#ifndef EFLA_ODE_CHANNEL_EXACT_H
#define EFLA_ODE_CHANNEL_EXACT_H

#include "base/tokens.h"

/* Advances S (dk, dv) through all tokens of x with the rates y (tokens, dk), >= 0. *bound, unless NULL: an upper bound
 * of what truncation and rounding have brought in (Frobenius norm; docs/bounds.md#channel-exact). Where rho is not
 * finite or larger than 1e8 S becomes nan and the bound inf. Fails with EFLA_NO_MEMORY. */
efla_status efla_channel_exact_f64(const efla_tokens *x, const double *y, double *S, double *bound);
efla_status efla_channel_exact_long(const efla_tokens *x, const double *y, long double *S, double *bound);

#endif
