/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What ranks that work on one thing do together beside computing. Everywhere ranks NULL is one process, and nothing is
 * exchanged. */
#ifndef EFLA_BASE_RANKS_H
#define EFLA_BASE_RANKS_H

#include "base/status.h"
#include "efla/communicator.h"

#include <stdbool.h>

size_t efla_ranks_size(const efla_communicator *ranks);

/* Whether this rank reads and writes for all: the first one does. */
bool efla_ranks_lead(const efla_communicator *ranks);

/* Status and sentence of the first rank that failed, on all: to be called by all, each with its own status. */
efla_status efla_ranks_first_failure(const efla_communicator *ranks, efla_status mine, efla_message *why);

/* The same, written so that a reader sees that no rank goes on after a failure of its own. */
static inline efla_status efla_ranks_agree(const efla_communicator *ranks, efla_status mine, efla_message *why) {
  const efla_status status = efla_ranks_first_failure(ranks, mine, why);
  return status != EFLA_OK ? status : mine;
}

/* Data (bytes) of the first rank to all, which have agreed before. */
efla_status efla_ranks_tell(const efla_communicator *ranks, void *data, size_t bytes, efla_message *why);

/* Data (bytes) of rank `from` to the first one, which has them at `to` then; all others only take part. */
efla_status efla_ranks_hand(const efla_communicator *ranks, size_t from, const void *data, size_t bytes, void *to,
                            efla_message *why);

/* Fails with EFLA_USAGE where not all ranks have the same text; what: the text in words. */
efla_status efla_ranks_compare(const efla_communicator *ranks, const char *text, const char *what, efla_message *why);

/* Of n items the share of this rank: items *first, ..., *end - 1. */
void efla_ranks_share(const efla_communicator *ranks, size_t n, size_t *first, size_t *end);

/* Agrees, and completes items (n, `bytes` each), of which each rank has its share, on all. */
efla_status efla_ranks_complete_shares(const efla_communicator *ranks, size_t n, size_t bytes, void *items,
                                       efla_status mine, efla_message *why);
static inline efla_status efla_ranks_complete(const efla_communicator *ranks, size_t n, size_t bytes, void *items,
                                              efla_status mine, efla_message *why) {
  const efla_status status = efla_ranks_complete_shares(ranks, n, bytes, items, mine, why);
  return status != EFLA_OK ? status : mine; /* as efla_ranks_agree */
}

#endif
