/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs of methods on a head's tokens.  Measured are overflow, errors of the methods, errors of the number formats, and
 * the condition of the chunks' triangular systems.
 *
 * The methods with a limit of stability run on all tokens, with the state in f32.  Every method in f64, the exact
 * method in every format, and the oracle run on the first `planned` tokens of a sequence, and their states are compared
 * at up to EFLA_STABILITY_RUN_COMPARED evenly spaced tokens.  Of a state with more than EFLA_STABILITY_RUN_STATE
 * numbers only the first columns are computed, which do not depend on the others. */
#ifndef EFLA_DIAGNOSE_STABILITY_RUN_H
#define EFLA_DIAGNOSE_STABILITY_RUN_H

#include "diagnose/statistics.h"
#include "number/stored_run.h"
#include "oracle/reference.h"

enum {
  EFLA_STABILITY_RUN_COMPARED = 256,
  EFLA_STABILITY_RUN_BLOCK = 128, /* tokens per block; also the longest chunk */
  EFLA_STABILITY_RUN_STATE = 1 << 17,
  EFLA_STABILITY_RUN_RUNS = EFLA_STATISTICS_METHODS + EFLA_STATISTICS_FORMATS
};

typedef struct efla_stability_run {
  const efla_decay *decay;
  size_t dk, dv, columns; /* columns <= dv of the state are computed */
  size_t planned, stride; /* tokens of this sequence to measure; tokens between comparisons */
  size_t token;           /* tokens measured so far */
  size_t f32_runs, runs;
  efla_run f32_run[EFLA_STATISTICS_METHODS]; /* the methods with a limit of stability, in f32, on all tokens */
  efla_run run[EFLA_STABILITY_RUN_RUNS];     /* all methods in f64, then the exact one in every format */
  efla_reference reference;
  efla_tokens part;     /* (EFLA_STABILITY_RUN_BLOCK), with `columns` values */
  double *start;        /* (dk, columns) */
  efla_coefficients *c; /* (EFLA_STABILITY_RUN_BLOCK) */
  double *coefficient,
      *system; /* (EFLA_STABILITY_RUN_BLOCK), (2, EFLA_STABILITY_RUN_BLOCK, EFLA_STABILITY_RUN_BLOCK) */
} efla_stability_run;

/* Memory of a stability run as a number of states of its head, for efla_walk: the stability runs of a group of heads
 * then take at most 128 MiB, unless a single one takes more. */
size_t efla_stability_run_states(size_t dk, size_t dv);

/* truth is longdouble where the decay is within the step.  Fails with EFLA_NO_MEMORY; stability is then zeroed. */
efla_status efla_stability_run_init(efla_stability_run *stability, const efla_oracle *truth, const efla_decay *decay,
                                    size_t dk, size_t dv);
void efla_stability_run_clear(efla_stability_run *stability);

/* Begins a sequence with the state S (dk, dv), NULL: zero; its first `planned` tokens are measured. */
void efla_stability_run_start(efla_stability_run *stability, const double *S, size_t planned);

/* Advances all runs over a block of the sequence and adds to statistics.  x: dk and dv as in init, x->g the decay's
 * argument, not used by one without; at: the place of its first token.  Chunks begin with the block.  Returns
 * EFLA_UNTRUSTED and a message where the oracle refuses; all deviations are inf from then on. */
efla_status efla_stability_run_advance(efla_stability_run *stability, const efla_tokens *x, efla_place at,
                                       efla_statistics *statistics, efla_message *why);

#endif
