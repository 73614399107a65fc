/* SPDX-License-Identifier: MIT */
/* One call over ranks: what its ranks agree on, and the pieces into which this rank's tokens are cut. */
#ifndef EFLA_SCAN_PIECES_H
#define EFLA_SCAN_PIECES_H

#include "efla/internal/backend.h"
#include "efla/scan.h"
#include "efla/scan/chain.h"

/* Tokens of one sequence and one block, the same in all lanes (batch entries). */
typedef struct efla_piece {
  size_t sequence, begin, end;
  bool first, last;   /* of its sequence, on this rank */
  bool entered, left; /* another piece comes before it, after it, on this or another rank */
  size_t map, sum;    /* the places of its M and N among those of its lane, where they are wanted */
} efla_piece;

typedef struct efla_scan {
  efla_call call;
  const efla_communicator *ranks;
  efla_slab slab;
  efla_type type;                 /* of states that are kept */
  size_t bytes;                   /* of one of their numbers */
  size_t lanes, sequences, state; /* state: numbers of a lane's state: heads x dk x dv */
  size_t unit;                    /* of so many heads the arrays of all ranks have parts; 0: they are on a device */
  efla_piece *piece;
  size_t pieces;
  size_t *cu; /* (pieces + 1), of the current run */
} efla_scan;

/* Called by all ranks; mine: what the check of this rank's arguments gave. Whatever the status, all ranks have it, and
 * the scan is to be cleared. */
efla_status efla_scan_open(efla_scan *s, efla_status mine);
void efla_scan_clear(efla_scan *s);

/* EFLA_NO_MEMORY, with a sentence. */
static inline efla_status efla_scan_no_memory(const efla_scan *s, const char *what) {
  efla_backend_say(s->call.backend, EFLA_NO_MEMORY, "no memory for %s", what);
  return EFLA_NO_MEMORY;
}

/* The status of all ranks after a step, with a message where another one failed. */
efla_status efla_scan_worst(const efla_scan *s, efla_status mine);
static inline efla_status efla_scan_agree(const efla_scan *s, efla_status mine) {
  const efla_status worst = efla_scan_worst(s, mine);
  return worst ? worst : mine; /* as efla_chain_agree */
}

/* Neighbouring pieces that are computed in one call: of one lane, or all lanes where each is one piece. */
typedef struct efla_pieces_run {
  size_t lane, first, n;
  efla_sequence x; /* without initial_state */
} efla_pieces_run;

/* The next run of pieces of which `wanted` is true; the first after a zeroed one. False where there is none left. */
typedef bool efla_wanted(const efla_scan *s, const efla_piece *piece);
bool efla_scan_next(const efla_scan *s, efla_wanted *wanted, efla_pieces_run *run);

/* The part of an array of rows of tokens that belongs to a run. */
efla_array efla_scan_rows(const efla_scan *s, const efla_pieces_run *run, const efla_array *a);

#endif
