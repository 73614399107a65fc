/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Evidence: the part of a file that was found outside the tolerance, in memory, from which faults are judged. */
#ifndef EFLA_CHECK_EVIDENCE_H
#define EFLA_CHECK_EVIDENCE_H

#include "check/comparison.h"

/* One head of one sequence, from its first token on. */
typedef struct efla_lane {
  size_t sequence, head;
  bool judged;      /* the comparison found this head outside; the others are kept for their inputs */
  bool whole;       /* to the end of the sequence */
  efla_tokens x;    /* g is the argument of the specified decay; block is the lane's memory */
  double *found;    /* (tokens, dv), o of the file */
  double *truth;    /* (tokens, dv) */
  double *variance; /* (tokens), expected square of the error of o by the error bound */
  double *allowed;  /* (tokens), the norm of it that is granted */
  double *bits;     /* (tokens), the same for a state rounded by a unit of 1 and nothing else */
  double *start;    /* (dk, dv), initial state; NULL: zero */
  double *S;        /* (dk, dv), final state of the file; NULL: none, or not reached */
  double *S_truth;  /* (dk, dv), true state after the last token of x */
  double S_variance;
} efla_lane;

typedef struct efla_evidence {
  const efla_kernel_spec *spec;
  const efla_tensors *in;
  size_t heads, sequences; /* that were read; lane[s * heads + h] */
  bool all_heads;          /* of the file */
  size_t most;             /* tokens of the longest lane */
  efla_lane *lane;
} efla_evidence;

/* How much is read: `operations` is the largest number of lanes times tokens times dk times dv; of each sequence at
 * least `least` tokens (or all of it), of at least one sequence and one head. */
typedef struct efla_effort {
  size_t operations, least;
} efla_effort;

/* Reads it after a comparison that was outside.  Fails where reading fails and with EFLA_NO_MEMORY; evidence is to be
 * cleared in any case. */
efla_status efla_evidence_gather(efla_evidence *evidence, const efla_comparison *comparison, const efla_effort *effort,
                                 size_t threads, efla_message *why);
void efla_evidence_clear(efla_evidence *evidence);

/* Judges at most this many lanes from now on, the first ones. */
void efla_evidence_limit(efla_evidence *evidence, size_t lanes);

static inline size_t efla_evidence_lanes(const efla_evidence *e) { return e->heads * e->sequences; }

#endif
