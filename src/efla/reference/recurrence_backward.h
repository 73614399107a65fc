/* SPDX-License-Identifier: MIT */
/* The derivative of the naive recurrence, in reverse, token by token, with every state stored: the definition that the
 * fast backward pass answers to.  With G the loss's derivative by S_t, read-out included, and S~ = d_t S_{t-1}:
 *
 *     G <- G + q do^T,    dq = S_t do,    da = k^T G y,    dv = a G^T k,    dk = a G y - S~ dv + 2 k (da/dlambda) da,
 *     G~ = G - k dv^T,    dg = <G~, S~>,   dbeta = (da/dbeta) da,    and d_t G~ goes to token t-1. */
#ifndef EFLA_REFERENCE_RECURRENCE_BACKWARD_H
#define EFLA_REFERENCE_RECURRENCE_BACKWARD_H

#include "efla/cpu/gradient.h"

/* Numbers of scratch: as many states as there are tokens, and a few more. */
size_t efla_recurrence_backward_scratch(const efla_heads *heads);

/* All heads, one after another.  Never fails, never allocates; inf and nan propagate as data. */
void efla_recurrence_backward_f32(const efla_heads *heads, const efla_gradient_f32 *x, float *scratch);
void efla_recurrence_backward_f64(const efla_heads *heads, const efla_gradient_f64 *x, double *scratch);

#endif
