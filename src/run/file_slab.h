/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tensor file over ranks: which of its tokens each rank computes, and how results come to rank 0, which writes them. */
#ifndef EFLA_RUN_FILE_SLAB_H
#define EFLA_RUN_FILE_SLAB_H

#include "efla/communicator.h"
#include "io/tensors.h"

/* A rank's tokens of every batch entry: neighbouring ones, as many as others have or one less. */
typedef struct efla_file_slab {
  size_t first, tokens;
  size_t sequence,
      sequences;           /* of those that have a token here or begin here: the first, and how many; 1 if not packed */
  bool continues, goes_on; /* the first began on an earlier rank; the last ends on a later one */
  size_t *cu;              /* (sequences + 1), counted from the slab's first token; NULL: not packed */
} efla_file_slab;

/* EFLA_NO_MEMORY; to be cleared in any case. */
efla_status efla_file_slab_init(efla_file_slab *slab, const efla_tensors *file, size_t rank, size_t size,
                                efla_message *why);
void efla_file_slab_clear(efla_file_slab *slab);

/* Fails on all ranks, with EFLA_INPUT, where they see files of other sizes. */
efla_status efla_file_slab_compare(const efla_communicator *ranks, const efla_tensors *file, efla_message *why);

#endif
