/* SPDX-License-Identifier: MIT */
/* The backward pass at speed: gradients of the delta rule, chunk by chunk (adjoint.inc), for batches of heads.
 *
 * The forward pass leaves y and a state every EFLA_SEGMENT tokens (kernel.h).  From the last segment to the first, the
 * states before each of its chunks are computed anew from its checkpoint, which y makes one product per chunk, and then
 * the loss's derivative by the state goes back over the chunks.  Tested against the derivative of the naive recurrence
 * (recurrence_backward.h): the same sums in another order. */
#ifndef EFLA_CPU_BACKWARD_H
#define EFLA_CPU_BACKWARD_H

#include "efla/cpu/gradient.h"

/* Columns of S are independent of each other, but the gradients of q, k and the coefficients are sums over them.  A
 * head can be split into `parts` of its columns that run in parallel, where there are fewer heads than threads; sums
 * over parts are taken in their order, so that the bits depend on parts but never on threads.  1: not split; at most
 * one per EFLA_TILE_BYTES of columns. */

/* Numbers of scratch that a call needs: a few hundred rows per thread and, with parts > 1, the gradients of the other
 * parts. */
size_t efla_backward_scratch_f32(const efla_heads *heads, size_t parts);
size_t efla_backward_scratch_f64(const efla_heads *heads, size_t parts);

/* All heads.  y and checkpoints as efla_kernel_forward_* left them for the same inputs.  Never fails, never allocates;
 * inf and nan propagate as data. */
void efla_backward_f32(const efla_heads *heads, size_t parts, const efla_gradient_f32 *x, const float *y,
                       const float *checkpoints, float *scratch);
void efla_backward_f64(const efla_heads *heads, size_t parts, const efla_gradient_f64 *x, const double *y,
                       const double *checkpoints, double *scratch);

#endif
