/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Would another splitting matter?  With g per channel: Lie's and Strang's of the exact method beside the exact flow, on
 * the first tokens of a head, with the first columns of its state, which do not depend on the others. */
#ifndef EFLA_DIAGNOSE_SPLITTING_H
#define EFLA_DIAGNOSE_SPLITTING_H

#include "base/tokens.h"
#include "diagnose/statistics.h"

enum {
  EFLA_SPLITTING_COMPARED = 256, /* tokens of a sequence, evenly spaced, at which states are compared */
  EFLA_SPLITTING_STATE = 1 << 12 /* at most so many numbers of a state, or one column */
};

typedef struct efla_splitting {
  size_t dk, dv, columns;
  size_t planned, stride; /* tokens of this sequence to sample; tokens between comparisons */
  size_t token;           /* sampled so far */
  double *exact, *split[EFLA_STATISTICS_SPLITTINGS], *local; /* (dk, columns) */
  double *y;                                                 /* (dk) */
  void *block;
} efla_splitting;

/* Fails with EFLA_NO_MEMORY; splitting is then zeroed. */
efla_status efla_splitting_init(efla_splitting *splitting, size_t dk, size_t dv);
void efla_splitting_clear(efla_splitting *splitting);

/* Begins a sequence with the state S (dk, dv), NULL: zero; its first `planned` tokens are sampled. */
void efla_splitting_start(efla_splitting *splitting, const double *S, size_t planned);

/* Adds a block of the sequence, with g per channel and without p, to statistics; at: the place of its first token.  A
 * token counts in statistics->differ where Lie's step from the exact state errs, to first order in the rates
 * (efla_channel_lie_leading), by more than a unit of the state after it.  Fails with EFLA_NO_MEMORY and a message. */
efla_status efla_splitting_advance(efla_splitting *splitting, const efla_tokens *x, efla_place at,
                                   efla_statistics *statistics, efla_message *why);

#endif
