/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Error bound: how large the rounding errors of a correct kernel's state and read-outs may be, for the given tokens.
 *
 * A rounding to a format of unit u leaves an error of mean zero that is uniform over a gap, of mean square u^2 f(x)^2/3
 * for a number x, f(x) the power of two at or below |x|; f is taken of the true numbers.  Roundings are assumed to be
 * independent.  Every token's transition acts on the error that the state has so far, so that the covariance C (dk, dk)
 * of the state's error, summed over its columns, follows exactly, for the step S' = diag(d) S + k u^T, u = w v - e S^T
 * p, in which p is k and d one number unless the kernel has an erase key or decays per channel,
 *
 *     C <- M C M^T + k k^T U + diag(D),   M = diag(d) - e k p^T,
 *
 *     U = 1/3 [ a (e^2 R(p) + f(e S^T p)^2 + f(w v)^2 + f(u)^2)  the sum, its factors and the difference
 *             + a r (4 |u|^2 + 5 |w v|^2)                        of e and w together; of w/e where e and d w differ
 *             + a l |w_lambda v - e_lambda S^T p|^2              of lambda = p^T k, which passes on its slopes
 *             + o (f(u)^2 + f(w v)^2)                            of operands of products
 *             + e^2 P(p) ]
 *     D_i = 1/3 [ s f(S'_i)^2 + a (f(d_i S_i)^2 + f(k_i u)^2)    of the stored state, the decayed one, the update
 *               + (a, o) f(k_i)^2 |u|^2 + a r c d_i^2 |S_i|^2 ]  of the key as an operand and of the decay
 *
 * f(x)^2 is summed over the entries of a vector; a, o, s are the squares of the units of the arithmetic, of the
 * operands of products (0 where those are numbers of the arithmetic) and of the stored state; r = 3/(8 log 2) is the
 * mean of f^2/x^2.  R(y) is what the sum y^T S rounds (rounded_sums.h), P(y) = (a, o) f(y_i)^2 |S_i|^2 + o y_i^2
 * f(S_i)^2 its operands.  Numbers that the inputs hold and the format has are not rounded.  A read-out has the
 * variance, summed over its entries,
 *
 *     V = scale^2 { q^T C q + 1/3 [a R(q) + P(q)] } + 1/3 (a + r_o) f(o)^2,
 *
 * with r_o the square of the unit of o's type in the file.  What chunks of tokens add, decays that are alike in all
 * tokens, unit keys and the exact flow with decays per channel: docs/bounds.md#kernel-check.
 *
 * Errors that are common to all columns concentrate less than those that are not.  A second matrix with the same
 * transitions bounds the largest eigenvalue L of the covariance of the entries of o: it takes of what is independent in
 * the columns the largest column only.  The norm of an error is then below x^(1/2) V^(1/2), x - 1 - log x = 2 s L/V,
 * but with a probability of e^-s (Chernoff), and that is granted.
 *
 * Gradients need to know how the errors of the columns go together, H = E[E^T E] (dv, dv) for the error E of the state:
 * what a token rounds is added to it as it is, and what it has is kept as C keeps its trace.  Their adjoint is such a
 * state, to which products y z^T are added besides (docs/bounds.md#gradient-check).
 *
 * Like the errors, sqrt(V) grows as sqrt(t) for repeated keys, stays bounded where the flow contracts, and grows with
 * the state beyond the stability limit (docs/findings.md#accumulation). */
#ifndef EFLA_CHECK_ERROR_BOUND_H
#define EFLA_CHECK_ERROR_BOUND_H

#include "base/status.h"
#include "check/state_sums.h"

#include <stdbool.h>

#define EFLA_ERROR_BOUND_DK 4096 /* the longest key for which C is stored */

/* What else is followed: errors of decays, which repeat; how errors are spread over the columns. */
typedef struct efla_followed {
  bool decays, columns;
} efla_followed;

typedef struct efla_error_bound {
  efla_units units;
  size_t dk, dv;
  double *block;
  double *C, *most;                    /* (dk, dk) */
  double *written;                     /* (dk, dk), sum of |u|^2 k k^T over a chunk; NULL: no chunks */
  double *run, *age;                   /* (dk, dk), of decays that repeat; NULL: no decays */
  double *columns;                     /* (dv, dv), H; NULL: it is not followed, and nor are */
  double *passed;                      /* (dv, dv), sum of |k|^2 u u^T over a chunk; NULL: no chunks */
  double *logarithms;                  /* (dk), of decays, summed over a chunk */
  double *S;                           /* (dk, dv), the current state */
  double *rows;                        /* (dk), f^2 summed over a row of it */
  double *w;                           /* (dk), scratch */
  double *sum, *rounded, *u, *scratch; /* (dv), (dv), (dv), (2 dv), scratch */
  double *value, *turned, *slope;      /* (dv), scratch */
  double *read, *update; /* (dv, dv), if H is: covariances of what the last step rounds of S^T p and of u */
  efla_alike alike;      /* columns of the state after the current step */
  size_t kept;           /* numbers of block that are not scratch, with those below */
  double tokens;         /* since the start */
  bool aged;             /* some decay has repeated */
  bool apart;            /* products y z^T are added, too */
} efla_error_bound;

/* How many matrices (dk, dk) a bound holds. */
size_t efla_error_bound_squares(const efla_units *units, bool decays);

/* Fails with EFLA_NO_MEMORY; bound is then zeroed. */
efla_status efla_error_bound_init(efla_error_bound *bound, const efla_units *units, size_t dk, size_t dv,
                                  efla_followed followed);
void efla_error_bound_clear(efla_error_bound *bound);

/* Starts a sequence from S (dk, dv), exact except for the rounding of its storage. */
void efla_error_bound_start(efla_error_bound *bound, const long double *S);

/* What the error bound needs to know of a token. */
typedef struct efla_token_sizes {
  const double *k, *p, *decay; /* (dk): the keys of the update as it is written above, and d */
  const double *v;             /* (dv) */
  double erase, write;
  double erase_slope, write_slope; /* derivatives by lambda */
  double lambda;                   /* l: what the sum lambda rounds (rounded_sums.h); 0: lambda is known */
  double norm;                     /* the same of a norm that keys are divided by, relative; 0: keys as they are */
  bool apart;                      /* e and d w differ: the coefficients have errors of their own */
  bool channels;                   /* decays per channel */
  bool repeats;                    /* the decays are those of the token before */
  double series;                   /* roundings of |S'|^2 by a series that computes the step; 0: none */
} efla_token_sizes;

/* Whether these decays (dk), of which one is not 1, are those of the token before, which are in last (dk); then last has
 * these. */
bool efla_decays_repeat(size_t dk, const double *decay, double *last);

/* Advances by one token; S (dk, dv) is the state after it. */
void efla_error_bound_step(efla_error_bound *bound, const efla_token_sizes *token, const long double *S);

/* S + y z^T: S (dk, dv) is the sum, z (dv) the product of numbers of the inputs, one of them `scale`. */
void efla_error_bound_add(efla_error_bound *bound, const double *y, const double *z, double scale,
                          const long double *S);

/* What the state's sums are. */
efla_state_sums efla_error_bound_sums(const efla_error_bound *bound);

/* C with what decays that repeat add to it, to (dk, dk). */
void efla_error_bound_covariance(const efla_error_bound *bound, double *to);

/* Of a read-out: q (dk), and the type that o is stored in. */
efla_variance efla_error_bound_readout(efla_error_bound *bound, const double *q, double scale,
                                       const efla_format *stored);

/* Of the state, once it is stored. */
efla_variance efla_error_bound_state(const efla_error_bound *bound, const efla_format *stored);

#endif
