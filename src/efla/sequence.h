/* SPDX-License-Identifier: MIT */
/* One batch of sequences: the inputs and outputs of a call, and the derivatives with respect to them. */
#ifndef EFLA_SEQUENCE_H
#define EFLA_SEQUENCE_H

#include "efla/array.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The inputs. For every batch entry, head and token:
 *
 *     q, k (dk)     o = scale S^T q; k is the direction of the update; q may be absent where o is not wanted
 *     v    (dv)
 *     beta (1)      the step size, >= 0
 *     g    (1)      the argument of the rule's decay, present exactly where that is gated: the logarithm of the
 *                   decay, <= 0, or alpha in [0, 1] (rule.h); (dk) with g_per_channel: row i of the state has
 *                   its own
 *     p    (dk)     the erase key, in place of k in what is erased: S' = d S + k (w v - e S^T p)^T with
 *                   lambda = p^T k, which may be negative; used as it is, whatever the key treatment.
 *                   Absent: k
 *
 * q, k, v, p and all states have one type; beta and g have that type or f32, and so have states beside bf16 or f16. Elements of any of them may be
 * shared between batch entries, heads or tokens (array.h). An array whose description is all zero is absent.
 *
 * Without cu_seqlens every batch entry is one sequence. With cu_seqlens, batch is 1 and its tokens are those
 * of `sequences` consecutive sequences: sequence s has the tokens cu_seqlens[s] ... cu_seqlens[s+1]-1,
 * cu_seqlens[0] = 0, cu_seqlens[sequences] = tokens. Some or all sequences may be empty: their final state is
 * their initial state. */
typedef struct efla_sequence {
  size_t batch, heads, tokens, dk, dv; /* all but tokens >= 1 */
  size_t sequences;                    /* 0 without cu_seqlens */
  const size_t *cu_seqlens;            /* (sequences + 1), not decreasing; NULL: not packed */
  efla_array q, k, v, beta, g, p;
  bool g_per_channel;
  efla_array initial_state; /* (sequences, heads, dk, dv); absent: zero */
} efla_sequence;

/* The number of states per head: one for every sequence. */
size_t efla_sequence_states(const efla_sequence *x);

/* The outputs, of q's type; each may be absent, which means not wanted. They must not overlap inputs or each
 * other, except that final_state may be the array initial_state: the same memory with the same strides. */
typedef struct efla_result {
  efla_array o;           /* (batch, heads, tokens, dv): scale S^T q of every token, after its update */
  efla_array final_state; /* (sequences, heads, dk, dv) */
  void *kept;             /* for efla_backward: efla_kept_bytes (backend.h) in the backend's memory; NULL: none */
} efla_result;

/* The derivatives of a loss with respect to the inputs, each with its input's shape and type; absent: not
 * wanted. Unlike other outputs their elements may be shared, by `repeat` and by strides of 0, where the
 * input's are: contributions to a shared element are summed, in a fixed order. */
typedef struct efla_gradient {
  efla_array q, k, v, beta, g, p;
  efla_array initial_state; /* may be the array of the derivative with respect to final_state */
} efla_gradient;

#ifdef __cplusplus
}
#endif

#endif
