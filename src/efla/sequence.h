/* SPDX-License-Identifier: MIT */
/* One batch of sequences: what a call reads, what it writes, and the derivatives of either. */
#ifndef EFLA_SEQUENCE_H
#define EFLA_SEQUENCE_H

#include "efla/array.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The inputs.  For every batch entry, head and token:
 *
 *     q, k (dk)     read by S^T q, written along k; q may be absent where nothing is read out
 *     v    (dv)
 *     beta (1)      the step, >= 0
 *     g    (1)      the logarithm of the decay, <= 0; present exactly where the rule's decay takes it
 *
 * q, k, v and all states have one type; beta and g have that type or f32.  Any of them may share numbers between batch
 * entries, heads or tokens (array.h).  A field that is zero as a whole is absent.
 *
 * Without cu_seqlens every batch entry is one sequence.  With them, batch is 1 and its tokens are `sequences` many
 * sequences one after another: sequence s has the tokens cu_seqlens[s] ... cu_seqlens[s+1]-1, cu_seqlens[0] = 0,
 * cu_seqlens[sequences] = tokens.  A sequence may be empty, and so may all: it ends in the state that it starts from. */
typedef struct efla_sequence {
  size_t batch, heads, tokens, dk, dv; /* all but tokens >= 1 */
  size_t sequences;                    /* 0 without cu_seqlens */
  const size_t *cu_seqlens;            /* (sequences + 1), not decreasing; NULL: not packed */
  efla_array q, k, v, beta, g;
  efla_array initial_state; /* (sequences, heads, dk, dv); absent: zero */
} efla_sequence;

/* How many states a head has: one for every sequence. */
size_t efla_sequence_states(const efla_sequence *x);

/* The outputs, of q's type; each may be absent, which means not wanted.  They overlap no inputs and not each other, but
 * final_state may be the array initial_state: the same memory with the same strides. */
typedef struct efla_result {
  efla_array o;           /* (batch, heads, tokens, dv): scale S^T q of every token, after its update */
  efla_array final_state; /* (sequences, heads, dk, dv) */
} efla_result;

/* The derivatives of a loss by the inputs, each as its input in shape and type; absent: not wanted.  Unlike other
 * outputs they may share, by `repeat` and by strides of 0, where the input does: what shares a place is summed there, in
 * a fixed order. */
typedef struct efla_gradient {
  efla_array q, k, v, beta, g;
  efla_array initial_state; /* may be the array of the derivative by final_state */
} efla_gradient;

#ifdef __cplusplus
}
#endif

#endif
