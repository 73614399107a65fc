/* SPDX-License-Identifier: MIT */
/* The derivative of the naive recurrence, in reverse, token by token, with every state stored: the definition that the
 * fast backward pass is tested against.  With G the loss's derivative by S_t, S = S_{t-1}, s = S^T k, u = w v - e s:
 *
 *     G <- G + q do^T,   dq = S_t do,   du = G^T k,   dv = w du,   dk = G u - e S du + 2 k (dw w' + de e'),
 *     dw = v.du,   de = -s.du,   dd = <G, S>,   and d G - e k du^T goes to token t-1; w', e' by lambda. */
#ifndef EFLA_REFERENCE_RECURRENCE_BACKWARD_H
#define EFLA_REFERENCE_RECURRENCE_BACKWARD_H

#include "efla/cpu/gradient.h"

/* Numbers of scratch: as many states as there are tokens, and a few more. */
size_t efla_recurrence_backward_scratch(const efla_heads *heads);

/* All heads, one after another.  Never fails, never allocates; inf and nan propagate as data. */
void efla_recurrence_backward_f32(const efla_heads *heads, const efla_gradient_f32 *x, float *scratch);
void efla_recurrence_backward_f64(const efla_heads *heads, const efla_gradient_f64 *x, double *scratch);

#endif
