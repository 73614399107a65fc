/* Runs on a head's tokens: when does which method's state overflow, how far is each from the truth, what does each number format
 * cost, and how tame are the chunks' triangular systems?
 *
 * All tokens go to the methods that have a limit of stability, with a state in f32.  The first tokens of a sequence, as many as
 * start is told, also go to every method in f64, to the exact method in every format, and to the oracle, and are compared at up
 * to EFLA_TRIAL_COMPARED evenly spaced tokens.  Of states of more than EFLA_TRIAL_STATE numbers the first columns are taken:
 * columns do not see each other. */
#ifndef EFLA_DIAGNOSE_STABILITY_RUN_H
#define EFLA_DIAGNOSE_STABILITY_RUN_H

#include "diagnose/statistics.h"
#include "number/stored_run.h"
#include "oracle/reference.h"

enum {
  EFLA_TRIAL_COMPARED = 256,
  EFLA_TRIAL_BLOCK = 128, /* tokens at a time, and the longest chunk */
  EFLA_TRIAL_STATE = 1 << 17,
  EFLA_TRIAL_RUNS = EFLA_FINDINGS_METHODS + EFLA_FINDINGS_FORMATS
};

typedef struct efla_trial {
  size_t dk, dv, columns; /* columns <= dv are run */
  size_t plan, stride;    /* tokens of this sequence to measure; to compare every so many */
  size_t token;           /* of them consumed */
  size_t watches, runs;
  efla_run watch[EFLA_FINDINGS_METHODS]; /* the methods with a limit of stability, in f32, on all tokens */
  efla_run run[EFLA_TRIAL_RUNS];         /* all methods in f64, then the exact one in all formats */
  efla_reference reference;
  efla_tokens part;      /* (EFLA_TRIAL_BLOCK), with `columns` values */
  double *start;         /* (dk, columns) */
  double *gate, *system; /* (EFLA_TRIAL_BLOCK), (2, EFLA_TRIAL_BLOCK, EFLA_TRIAL_BLOCK) */
} efla_trial;

/* What a trial weighs in memory, in states of its head, for efla_walk: those of all heads of a group then take at most 128 MiB,
 * or are one. */
size_t efla_trial_states(size_t dk, size_t dv);

/* Fails with EFLA_MEMORY and leaves trial zeroed. */
efla_status efla_trial_init(efla_trial *trial, const efla_oracle *truth, size_t dk, size_t dv);
void efla_trial_clear(efla_trial *trial);

/* A sequence begins from the state S (dk, dv), NULL: zero; at most its first `plan` tokens are measured. */
void efla_trial_start(efla_trial *trial, const double *S, size_t plan);

/* Takes a block of the sequence (x->dk, x->dv as in init) into findings; at: the place of its first token; g (x->tokens) log
 * decays, or NULL.  Chunks begin with the block.  Returns EFLA_UNTRUSTED and why where the oracle refuses; all deviations are
 * inf from then on. */
efla_status efla_trial_advance(efla_trial *trial, const efla_tokens *x, const double *g, efla_place at, efla_findings *findings,
                               efla_message *why);

#endif
