/* SPDX-License-Identifier: MIT */
/* What a backward pass reads and writes: all of the forward pass's inputs, the loss's derivatives by its outputs, and
 * by its inputs.
 *
 * With the coefficients d, e, w of token t, y_t = v_t - S_{t-1}^T k_t, S_t = d S_{t-1} + k_t (w v_t - e S_{t-1}^T
 * k_t)^T and o_t = S_t^T q_t; with a diagonal decay and a second key as in diagonal.inc.  They depend, through lambda =
 * k^T k, on the key: their slopes carry that to d_k.  How they depend on beta and a decay's argument is the caller's to
 * add. */
#ifndef EFLA_CPU_GRADIENT_H
#define EFLA_CPU_GRADIENT_H

#include "efla/cpu/heads.h"
#include "efla/rule.h"

/* Each array in the layout of its efla_heads, d_x the loss's derivative by x; states (sequences, heads, dk, dv).
 * Nothing overlaps, but d_initial and d_final may be the same array. */
#define EFLA_GRADIENT_TYPE(REAL, suffix)                                                                               \
  typedef struct efla_gradient_##suffix {                                                                              \
    const REAL *q, *k, *v, *write;                                                                                     \
    const REAL *erase, *decay;                     /* both NULL: d = 1, e = w */                                       \
    const REAL *write_by_lambda, *erase_by_lambda; /* the latter where there is decay */                               \
    const REAL *g, *p;                             /* as kernel.h has them; both with `decay` */                       \
    REAL share;                                                                                                        \
    REAL scale;                      /* of the read-outs; 0 means 1 */                                                 \
    const REAL *initial;             /* NULL: zero */                                                                  \
    const REAL *d_o, *d_final;       /* d_final NULL: zero */                                                          \
    REAL *d_q, *d_k, *d_v, *d_write; /* NULL: not wanted, if no head is split into parts */                            \
    REAL *d_erase, *d_decay;         /* where there is decay; without it d_write is by e and w, which are one */       \
    REAL *d_g, *d_p;                 /* as g and p; NULL: not wanted */                                                \
    REAL *d_initial;                 /* NULL: not wanted */                                                            \
  } efla_gradient_##suffix;
/* d_o is of every token; rows that the loss does not look at are 0.  d_decay is the decay times the derivative by it,
 * a difference of sums, with an absolute error of order u |G| |S|, also where a decay of 0 makes it 0; d_g likewise.
 * With g d_decay is 0. */
EFLA_GRADIENT_TYPE(float, f32)
EFLA_GRADIENT_TYPE(double, f64)

/* by_beta = da/dbeta and by_lambda = da/dlambda of every token, from beta and the keys as they are; in f64 and
 * rounded. */
void efla_gradient_slopes_f32(const efla_heads *heads, const efla_method *method, const float *k, const float *beta,
                              float *by_beta, float *by_lambda);
void efla_gradient_slopes_f64(const efla_heads *heads, const efla_method *method, const double *k, const double *beta,
                              double *by_beta, double *by_lambda);

#endif
