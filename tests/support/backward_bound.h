/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounds for rounding errors in the outputs of the backward pass (docs/bounds.md#backward). */
#ifndef BACKWARD_BOUND_H
#define BACKWARD_BOUND_H

#include "laboratory.h"

/* Where erase = decay * write, a token's coefficients depend on a = write and the logarithm of its decay: the loss's
 * derivatives by them, from those by the coefficients. */
static inline double backward_by_coefficient(const efla_gradient_f64 *x, size_t r) {
  return x->d_write[r] + (x->decay ? x->decay[r] * x->d_erase[r] : 0);
}
static inline double backward_by_decay(const efla_gradient_f64 *x, size_t r) {
  return x->d_decay[r] + x->erase[r] * x->d_erase[r];
}

/* Bounds in units of u for the norm of the error of each row of d_q, d_k and d_v, of each
 * derivative by a and by the decay's logarithm, and of each
 * head's d_initial; an error exceeds one by chance with a probability of 2 exp(-7.5^2/2) at most. */
typedef struct backward_bound {
  double *q, *k, *v, *a, *g; /* (rows) */
  double *initial;           /* (sequences, heads) */
} backward_bound;

/* For these inputs, of the fast backward pass or of the definition (the naive derivative), whose outputs those of x
 * are. The caller clears it. */
backward_bound backward_bound_init(const efla_heads *heads, const efla_gradient_f64 *x, bool definition);
void backward_bound_clear(backward_bound *b);

#endif
