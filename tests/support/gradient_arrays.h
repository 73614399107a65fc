/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the backward passes of tests share; not for others. */
#ifndef GRADIENT_ARRAYS_H
#define GRADIENT_ARRAYS_H

#include "gradient_kernel.h"

enum { Q, K, V, BETA, G, P, S0, D_O, D_S, INPUTS, O = INPUTS, S, ARRAYS };

typedef struct gradient_arrays {
  size_t B, T, H, dk, dv, N; /* N: sequences */
  size_t bounds[3];
  double *x[ARRAYS]; /* (B,T,H,width), or (N,H,dk,dv) */
  double *d[INPUTS]; /* derivatives by q ... initial state */
} gradient_arrays;

extern const gradient_kernel *gradient_kernel_now;

bool gradient_gated(void);

/* A number of the arithmetic, of a product's operands, of the file. */
double gradient_fit(double x);
double gradient_operand(double x);
double gradient_out(double x);

/* Of x_i y_i, in the kernel's order. */
double gradient_sum(size_t n, const double *x, size_t step_x, const double *y, size_t step_y);

enum { GRADIENT_WIDTH = 64 }; /* of the widest rows of a loop */

typedef struct gradient_token {
  double key[GRADIENT_WIDTH], y[GRADIENT_WIDTH], u[GRADIENT_WIDTH], du[GRADIENT_WIDTH];
  double norm, lambda, a, by_lambda, by_beta, decay;
} gradient_token;

/* Key, coefficient and decay of a row. */
void gradient_prepare(const gradient_arrays *a, size_t row, gradient_token *to);

/* The derivative by the raw key, from that by the key of the update, in place. */
void gradient_untreat(const gradient_token *token, size_t dk, double *d);

/* One head of one sequence, whose rows are first, first + H, ... and whose states are at `at`: token by token, and by
 * chunks. */
void gradient_by_tokens(const gradient_arrays *a, size_t first, size_t tokens, size_t at);
void gradient_by_chunks(const gradient_arrays *a, size_t first, size_t tokens, size_t at);

/* What the loss has for do: rows as above, o known. */
void gradient_take_loss(const gradient_arrays *a, size_t first, size_t tokens);

#endif
