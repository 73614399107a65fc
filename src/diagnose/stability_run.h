/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs on a head's tokens: when does which method's state overflow, how far is each from the truth, what does each
 * number format cost, and how tame are the chunks' triangular systems?
 *
 * All tokens go to the methods that have a limit of stability, with a state in f32.  The first tokens of a sequence, as
 * many as start is told, also go to every method in f64, to the exact method in every format, and to the oracle, and
 * are compared at up to EFLA_STABILITY_RUN_COMPARED evenly spaced tokens.  Of states of more than
 * EFLA_STABILITY_RUN_STATE numbers the first columns are taken: columns do not see each other. */
#ifndef EFLA_DIAGNOSE_STABILITY_RUN_H
#define EFLA_DIAGNOSE_STABILITY_RUN_H

#include "diagnose/statistics.h"
#include "number/stored_run.h"
#include "oracle/reference.h"

enum {
  EFLA_STABILITY_RUN_COMPARED = 256,
  EFLA_STABILITY_RUN_BLOCK = 128, /* tokens at a time, and the longest chunk */
  EFLA_STABILITY_RUN_STATE = 1 << 17,
  EFLA_STABILITY_RUN_RUNS = EFLA_STATISTICS_METHODS + EFLA_STATISTICS_FORMATS
};

typedef struct efla_stability_run {
  size_t dk, dv, columns; /* columns <= dv are run */
  size_t planned, stride; /* tokens of this sequence to measure; to compare every so many */
  size_t token;           /* of them consumed */
  size_t watches, runs;
  efla_run watch[EFLA_STATISTICS_METHODS]; /* the methods with a limit of stability, in f32, on all tokens */
  efla_run run[EFLA_STABILITY_RUN_RUNS];   /* all methods in f64, then the exact one in all formats */
  efla_reference reference;
  efla_tokens part;     /* (EFLA_STABILITY_RUN_BLOCK), with `columns` values */
  double *start;        /* (dk, columns) */
  efla_coefficients *c; /* (EFLA_STABILITY_RUN_BLOCK) */
  double *coefficient,
      *system; /* (EFLA_STABILITY_RUN_BLOCK), (2, EFLA_STABILITY_RUN_BLOCK, EFLA_STABILITY_RUN_BLOCK) */
} efla_stability_run;

/* What a stability run weighs in memory, in states of its head, for efla_walk: those of all heads of a group then take
 * at most 128 MiB, or are one. */
size_t efla_stability_run_states(size_t dk, size_t dv);

/* Fails with EFLA_NO_MEMORY and leaves stability run zeroed. */
efla_status efla_stability_run_init(efla_stability_run *stability, const efla_oracle *truth, size_t dk, size_t dv);
void efla_stability_run_clear(efla_stability_run *stability);

/* A sequence begins from the state S (dk, dv), NULL: zero; at most its first `planned` tokens are measured. */
void efla_stability_run_start(efla_stability_run *stability, const double *S, size_t planned);

/* Takes a block of the sequence (x->dk, x->dv as in init) into statistics; at: the place of its first token; g
 * (x->tokens) log decays, or NULL.  Chunks begin with the block.  Returns EFLA_UNTRUSTED and why where the oracle
 * refuses; all deviations are inf from then on. */
efla_status efla_stability_run_advance(efla_stability_run *stability, const efla_tokens *x, efla_place at,
                                       efla_statistics *statistics, efla_message *why);

#endif
