/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Work items dealt over ranks: their rows, collected in the order of the items. */
#ifndef EFLA_APP_COLLECT_H
#define EFLA_APP_COLLECT_H

#include "app/table.h"
#include "efla/communicator.h"

/* Item i is computed by rank i % size. */
static inline bool efla_collect_mine(const efla_communicator *ranks, size_t i) {
  return i % ranks->size == ranks->rank;
}

/* Called by all ranks after the last item: rank 0's table gets the rows of all n branches, and clears them; those of
 * items of other ranks are zeroed.  *worst and *why: this rank's status, one with which a table is complete; afterwards
 * that of the first rank where it is not EFLA_OK on rank 0, which is to report it, and EFLA_OK on all others.  Fails with
 * EFLA_NO_MEMORY, or where ranks cannot exchange data. */
efla_status efla_collect(efla_table *table, const efla_communicator *ranks, efla_branch *branches, size_t n,
                         efla_status *worst, efla_message *why);

/* Called by all ranks after efla_program_parallel returned EFLA_OK: rank 0 gets the results (n, `bytes` each, without
 * pointers) of all items, of which each rank has those that it computed.  Fails as efla_collect does. */
efla_status efla_collect_results(const efla_communicator *ranks, size_t n, size_t bytes, void *results,
                                 efla_message *why);

#endif
