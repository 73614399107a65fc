/* SPDX-License-Identifier: MIT */
/* Sequences that run on from one process (rank) to the next, by any backend.
 *
 * Every rank calls these functions together, with its own tokens of the same batch: x, y, dy and dx describe this
 * rank's tokens, any number of them, also none. Without cu_seqlens all entries of the batch run on from rank to rank.
 * With cu_seqlens, whose boundaries are counted from the rank's first token, the first sequence of a rank may be the
 * rest of the last one of the ranks before, which may have begun on any of them.
 *
 *     initial_state   of sequences that begin on this rank; of one that continues it is not read
 *     final_state     the state after this rank's last token of each of its sequences: of the whole sequence on the
 *                     rank where it ends
 *     dy.final_state  by that; of a sequence that goes on, normally 0
 *     dx              by the inputs of this rank; an input that ranks share has the sum of their derivatives, which is
 *                     the caller's to form. initial_state of a sequence that continues has 0
 *
 * batch, heads, dk, dv, types, rule and block are the same on all ranks. Memory: the states of all pieces of a rank,
 * and M (dk x dk) of those that it does not begin.
 *
 * Tokens act on a state as S -> M S + N. Both come from forward calls of the backend without read-out: N is the final
 * state of the tokens from 0, M that of the same keys with values 0 from the identity. The chain S_r+1 = M_r S_r + N_r
 * is then followed in the order of ranks, every rank for its share of the heads (docs/bounds.md#scan). */
#ifndef EFLA_SCAN_H
#define EFLA_SCAN_H

#include "efla/backend.h"
#include "efla/communicator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a rank's tokens join those of the others. */
typedef struct efla_slab {
  /* The first sequence is the rest of the last one of the rank before; without cu_seqlens, all are. */
  bool continues;
  /* Sequences are cut after every so many tokens of a rank too; 0: only between ranks. All ranks but the last that has
   * tokens have a multiple of it: where each sequence begins and ends on a rank that has a token of it, results then
   * have the same bits for any number of ranks, but for derivatives by inputs that tokens share. */
  size_t block;
} efla_slab;

/* slab NULL: sequences continue on all ranks but rank 0, without blocks. All ranks return the same status; messages are
 * efla_last_message's, on every rank. Fails as efla_forward and efla_backward do where one rank does, with EFLA_INVALID
 * where ranks disagree, and as the communicator does. A rank that makes another call instead, or none, is waited for.
 * With blocks and batch > 1 without cu_seqlens, derivatives are not shared by batch entries. */
efla_status efla_forward_over(const efla_communicator *ranks, const efla_slab *slab, efla_backend *backend,
                              const efla_rule *rule, const efla_sequence *x, const efla_result *y);
efla_status efla_backward_over(const efla_communicator *ranks, const efla_slab *slab, efla_backend *backend,
                               const efla_rule *rule, const efla_sequence *x, const efla_result *dy,
                               const efla_gradient *dx);

#ifdef __cplusplus
}
#endif

#endif
