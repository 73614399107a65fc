/* SPDX-License-Identifier: MIT */
/* A chain of affine maps of states over ranks: S <- M S + N, link by link, and every state on the way.
 *
 * Each pair of a lane (batch entry) and a head, or a slice of its columns where there are fewer of them than ranks, is
 * a problem of its own.  Problems are dealt over the ranks: a rank receives the links of its problems from all ranks,
 * follows the chain, and sends the states where they belong.  No two M are multiplied, and the order of the sums
 * does not depend on the number of ranks. */
#ifndef EFLA_SCAN_CHAIN_H
#define EFLA_SCAN_CHAIN_H

#include "efla/communicator.h"

#include <stdbool.h>

typedef enum efla_link_kind {
  EFLA_LINK_START, /* S = N: what comes before does not matter */
  EFLA_LINK_STEP,  /* S <- M S + N */
  EFLA_LINK_PASS   /* S stays */
} efla_link_kind;

typedef struct efla_link {
  efla_link_kind kind;
  size_t map, sum; /* which M of a lane, which N, where it has them */
} efla_link;

/* What one rank has of the chain.  The links of all ranks follow each other; with `reversed` they are followed from
 * the last to the first, and M^T takes the place of M.  State number n, counted over all ranks, is that after link number
 * n: as many are wanted as there are links, and the first to be followed is a start. */
typedef struct efla_chain {
  const efla_communicator *ranks;
  size_t lanes, heads, dk, dv, bytes, threads; /* bytes of a number: 4 or 8 */
  bool reversed;
  const efla_link *links;             /* (n_links) */
  size_t n_links, maps, sums, states; /* per lane; of M and N perhaps more than there are links */
  const void *M, *N;                  /* (lanes, maps, heads, dk, dk), (lanes, sums, heads, dk, dv) */
  void *S;                            /* (lanes, states, heads, dk, dv), which are written */
} efla_chain;

/* Called by all ranks together.  Products are summed in f64, and states are rounded once, when they are sent.
 * EFLA_NO_MEMORY, or what the communicator returns, on all ranks alike. */
efla_status efla_chain_follow(const efla_chain *c);

/* P += M^T D: M (dk, dk), D and P (dk, dv) of numbers of so many bytes; each entry is summed in f64. */
void efla_add_transposed(size_t dk, size_t dv, size_t bytes, const void *M, const void *D, void *P);

/* The largest status of all ranks, and where `who` is given the first rank that has it. */
efla_status efla_chain_worst(const efla_communicator *ranks, efla_status mine, size_t *who);

/* The same, written so that a reader sees that no rank goes on after a failure of its own. */
static inline efla_status efla_chain_agree(const efla_communicator *ranks, efla_status mine) {
  const efla_status worst = efla_chain_worst(ranks, mine, NULL);
  return worst ? worst : mine;
}

#endif
