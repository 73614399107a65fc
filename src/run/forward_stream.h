/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A forward pass through a tensor file: o and final_state of every head of every sequence, written to another file
 * block by block. */
#ifndef EFLA_RUN_FORWARD_STREAM_H
#define EFLA_RUN_FORWARD_STREAM_H

#include "io/tensors.h"
#include "number/forward.h"

/* A result that is not finite once it is stored. */
typedef struct efla_bad {
  size_t sequence, head, token; /* token counts from the sequence's first; SIZE_MAX: there is no such result */
  double value;
  char index[EFLA_INDEX_TEXT]; /* "o[0,417,5,3]" */
} efla_bad;

/* Reads `in` and writes o and final_state of `out`, on `threads` threads; the bits do not depend on their number.
 * forward's dk, dv and scale are the file's.  A file with g per channel or an erase key is computed by the backend of
 * that name, NULL: auto, or exactly (run/block_forward.h).  *bad: the first result that is not finite, by token, then by sequence and
 * head; where all of o is finite, the first such number of a final state, with the last token of its sequence, 0 if
 * empty.  Fails as the reader, the writer and
 * efla_block_forward do, and with EFLA_NO_MEMORY. */
efla_status efla_forward_stream(const efla_forward_spec *forward, const char *backend, efla_tensors *in,
                                efla_tensors *out, size_t threads, efla_bad *bad, efla_message *why);

#endif
