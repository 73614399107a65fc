/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scaling and squaring on M = exp(A) - I instead of exp(A): where exp(A) is close to I, M keeps the digits that I would
 * swallow.  Scaled by the true 1-norm, which is what GSL's routine lacks. */
#include "oracle/advance.h"

#include <float.h>
#include <gsl/gsl_cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Taylor's remainder at norm 1/2 is 2^-(DEGREE+1)/(DEGREE+1)! = 2e-17 of M's leading term for degree 14. */
enum { DEGREE = 14 };

static double one_norm(size_t n, const double *A) {
  double largest = 0;
  for (size_t j = 0; j < n; j++) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += fabs(A[i * n + j]);
    if (!(sum <= largest)) largest = sum; /* a nan wins */
  }
  return largest;
}

/* C <- A B + add*C, all (n, n). */
static void multiply(size_t n, const double *A, const double *B, double add, double *C) {
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)n, (int)n, 1, A, (int)n, B, (int)n, add, C,
              (int)n);
}

/* M = exp(A) - I.  A (n, n) is scaled in place; M, other: (n, n). */
static void exponential_minus_one(size_t n, double *A, double *M, double *other) {
  size_t size = n * n;
  int halvings = 0;
  double norm = one_norm(n, A);
  if (isfinite(norm) && norm > 0.5) halvings = ilogb(norm) + 2;
  for (size_t e = 0; e < size; e++) A[e] = ldexp(A[e], -halvings);
  /* Horner: M = A(I + A/2 (I + A/3 (...))), with P_m = A/m (I + P_{m+1}) = A/m + A P_{m+1}/m. */
  memset(M, 0, size * sizeof *M);
  for (int m = DEGREE; m >= 1; m--) {
    memcpy(other, A, size * sizeof *M);
    multiply(n, A, M, 1, other);
    for (size_t e = 0; e < size; e++) M[e] = other[e] / m;
  }
  for (; halvings > 0; halvings--) { /* (I+M)^2 - I = 2M + M M */
    memcpy(other, M, size * sizeof *M);
    multiply(n, M, M, 2, other);
    memcpy(M, other, size * sizeof *M);
  }
}

/* docs/bounds.md#dense, on both blocks of exp(A): max(1, z), and with an erase key what the flow before and after an
 * error makes of it (docs/bounds.md#erase-key). */
static double spread(const efla_tokens *x, const efla_rates *rates, size_t t, double carried) {
  const double reach = efla_token_reach(x, t), mu = efla_token_lambda(x, t),
               growth = mu < 0 ? exp(-rates->erase * mu) * (reach / mu) * (reach / mu) : INFINITY;
  return fmax(1, rates->decay + rates->erase * reach) * (x->p ? fmin(carried * carried, growth) : 1);
}

efla_status efla_expm1_advance(const efla_tokens *x, const efla_decay *decay, long double *S, double *error,
                               efla_message *why) {
  size_t dk = x->dk, dv = x->dv, n = dk + 1, state = dk * dv;
  double *block = malloc((3 * n * n + 2 * state) * sizeof *block);
  if (!block) return efla_fail_memory(why);
  double *A = block, *M = A + n * n, *other = M + n * n, *S64 = other + n * n, *old = S64 + state;
  for (size_t e = 0; e < state; e++) S64[e] = (double)S[e];
  *error = DBL_EPSILON / 2 * efla_norm(state, S);
  for (size_t t = 0; t < x->tokens; t++) {
    const double *v = x->v + t * dv;
    double norm_S = cblas_dnrm2((int)state, S64, 1), norm_v = cblas_dnrm2((int)dv, v, 1);
    const efla_rates rates = efla_token_rates(decay, x, t);
    efla_augmented(dk, x->k + t * dk, efla_token_erase_key(x, t), &rates, 1, A);
    exponential_minus_one(n, A, M, other);
    efla_augmented_apply(dk, dv, M, 1, v, 1, S64, old);
    double norm_w = cblas_dnrm2((int)dk, M + dk, (int)n), carried = fmax(1, efla_transition_norm(x, decay, t));
    if (!x->p) carried = 1; /* the flow never enlarges what was there before */
    *error = carried * *error +
             (2 * (double)dk + 16) * DBL_EPSILON / 2 * spread(x, &rates, t, carried) * (norm_S + norm_w * norm_v);
  }
  for (size_t e = 0; e < state; e++) S[e] = S64[e];
  free(block);
  return EFLA_OK;
}
