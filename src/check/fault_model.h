/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Usual faults of kernels: each is a fault model, that is what a kernel with that fault computes, and is recognised by
 * computing it. */
#ifndef EFLA_CHECK_FAULT_MODEL_H
#define EFLA_CHECK_FAULT_MODEL_H

#include "io/tensors.h"
#include "check/comparison.h"

/* What is computed.  The fault model of a right kernel has the method, keys and scale that were asked for,
 * coefficient_keys = keys, raw queries, and zero everywhere else. */
typedef struct efla_fault_model {
  const efla_method *method;
  const efla_key_treatment *keys, *coefficient_keys,
      *queries; /* of the state's keys, of those that lambda is taken from, of q */
  double scale;
  enum {
    EFLA_READ_AFTER,
    EFLA_READ_BEFORE,
    EFLA_READ_TRANSPOSED
  } read; /* o from S after, before the token; S q for S^T q */
  enum { EFLA_DECAY_BEFORE, EFLA_DECAY_NONE, EFLA_DECAY_AFTER } decay;
  enum { EFLA_START_GIVEN, EFLA_START_ZERO, EFLA_START_TRANSPOSED, EFLA_START_CARRIED } start;
  bool transposed_final; /* final_state is written as (dv, dk) */
  size_t tail;           /* an incomplete last chunk of this length never enters the state; 0: it does */
  bool tail_of_state;    /* ... that is written: o goes on as it should */
  double epsilon;        /* in the coefficient: (1 - exp(-beta max(lambda, epsilon)))/(lambda + epsilon) */
} efla_fault_model;

enum { EFLA_FAULT_CANDIDATES = 400, EFLA_FAULT_TEXT = 400 };

typedef struct efla_fault_candidate {
  efla_fault_model model;
  size_t row[2];              /* of the table of faults; the second SIZE_MAX where there is one only */
  char says[EFLA_FAULT_TEXT]; /* what is wrong, in words */
  double o_error2, o_own2, S_error2,
      S_own2; /* sums of squares: of the file minus the fault model, of the fault model */
  double
      /* relative error, root mean square, in units of what the error bound grants; the larger of o's and the state's */
      score;
} efla_fault_candidate;

typedef struct efla_fault_candidates {
  size_t n;
  efla_fault_candidate candidate[EFLA_FAULT_CANDIDATES]; /* number 0 is the right fault model */
} efla_fault_candidates;

/* All faults that can be made with these inputs, each alone. */
void efla_fault_candidates_list(efla_fault_candidates *candidates, const efla_kernel_spec *spec,
                                const efla_tensors *in);

/* Two of the fault candidates at a time, in place of the single ones: for when none of these explains what is seen.  As
 * many pairs of the list as fit, from its beginning, as sorted by efla_fault_candidates_try. */
void efla_fault_candidates_pair(efla_fault_candidates *candidates, const efla_kernel_spec *spec,
                                const efla_tensors *in);

/* How much of the file is worth computing again. */
typedef struct efla_effort {
  size_t sequences, heads,
      tokens; /* at most: of the first sequences, of heads that were found outside, of each sequence's tokens */
} efla_effort;

/* Computes every fault model in f64 on heads that the comparison found outside, and sorts all but number 0 by score.
 * Fails as the reader does and with EFLA_NO_MEMORY. */
efla_status efla_fault_candidates_try(efla_fault_candidates *candidates, const efla_comparison *comparison,
                                      const efla_effort *effort, size_t threads, efla_message *why);

/* A score up to 1 is within what the error bound grants in root mean square: the fault model explains what is in the
 * file. */
bool efla_fault_candidate_explains(const efla_fault_candidate *candidate);

#endif
