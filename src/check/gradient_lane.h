/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gradient lane: the exact gradients of one head of one sequence, and their variances, block by block from the last
 * token to the first.  The states are computed again from checkpoints, of which there is one before each block. */
#ifndef EFLA_CHECK_GRADIENT_LANE_H
#define EFLA_CHECK_GRADIENT_LANE_H

#include "check/gradient_bound.h"
#include "check/gradient_faults.h"

typedef struct efla_gradient_lane {
  const efla_backward_spec *spec;
  size_t dk, dv, block, blocks; /* tokens in a block, blocks in the longest sequence */
  size_t length;                /* of the sequence, in the backward sweep */
  long double *state;           /* (dk, dv), of the forward sweep, and */
  efla_error_bound error;       /* its error */
  efla_adjoint adjoint;
  efla_gradient_bound bound;
  /* Checkpoints, (blocks) times: state, and what the error bound keeps. */
  long double *S;
  double *kept;
  /* Of the current block: states (block + 1, dk, dv) and their errors; what every token leaves (block). */
  long double *states;
  efla_state_error *state_errors; /* (block + 1) */
  efla_forward_error *errors;
  double *numbers; /* what both point to */
  /* Of the current block, (block, width): the true gradients and the variances of a row (block). */
  long double *truth[EFLA_GRADIENTS];
  efla_variance *variance[EFLA_GRADIENTS];
  /* The same of the faults, where they are wanted; and the last token's gradient of the decay. */
  long double *fault[EFLA_GRADIENT_FAULTS], *faults, *next;
  const efla_gradient_variant *variant; /* what is wrong with the backward pass; NULL: nothing */
  efla_backward_spec wrong;             /* of the variant's rule */
  efla_sizes_room room;
  efla_variance *variances;
  double *memory;
} efla_gradient_lane;

/* Numbers of f64 that a lane of this shape takes. */
double efla_gradient_lane_numbers(size_t dk, size_t dv, size_t block, size_t blocks);

/* spec must outlive the lane; faults: their rows are wanted.  Fails with EFLA_NO_MEMORY; lane is then zeroed. */
efla_status efla_gradient_lane_init(efla_gradient_lane *lane, const efla_backward_spec *spec, size_t dk, size_t dv,
                                    size_t block, size_t blocks, bool faults);
void efla_gradient_lane_clear(efla_gradient_lane *lane);

/* The forward sweep: starts from S (dk, dv), NULL: zero, and goes through block number b, all of it. */
void efla_gradient_lane_start(efla_gradient_lane *lane, const double *S);
void efla_gradient_lane_forward(efla_gradient_lane *lane, size_t b, const efla_tokens *x);

/* The backward sweep of a sequence of `length` tokens: from the derivative by the final state, NULL: zero; then block
 * b, from the last to the first, with d_o (tokens, dv).  variant: what is to be wrong with it; NULL: nothing. */
void efla_gradient_lane_turn(efla_gradient_lane *lane, const double *d_final, size_t length,
                             const efla_gradient_variant *variant);
void efla_gradient_lane_backward(efla_gradient_lane *lane, size_t b, const efla_tokens *x, const double *d_o);

/* The variance of the derivative by the initial state, which lane->adjoint.G is in the end. */
efla_variance efla_gradient_lane_initial_variance(efla_gradient_lane *lane);

#endif
