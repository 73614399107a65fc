/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fault models: what a kernel with a typical fault computes. A fault is recognised by computing its model and
 * comparing with the kernel's output. */
#ifndef EFLA_CHECK_FAULT_MODEL_H
#define EFLA_CHECK_FAULT_MODEL_H

#include "io/tensors.h"
#include "check/comparison.h"

/* What is computed. The model of a correct kernel has the rule and scale that were requested, coefficient_keys = the
 * rule's keys, raw queries, and zero everywhere else. */
typedef struct efla_fault_model {
  efla_rule rule;                                       /* its keys are those of the update */
  const efla_key_treatment *coefficient_keys, *queries; /* treatment of the keys for lambda, and of q */
  double scale;
  enum {
    EFLA_READ_AFTER,
    EFLA_READ_BEFORE,
    EFLA_READ_TRANSPOSED
  } read;           /* o from S after or before the token; S q instead of S^T q */
  bool decay_after; /* an update without decay, and then S <- d S, per channel S <- diag(d) S */
  enum { EFLA_START_GIVEN, EFLA_START_ZERO, EFLA_START_TRANSPOSED, EFLA_START_CARRIED } start;
  bool transposed_final; /* final_state is written as (dv, dk) */
  size_t tail;           /* length of an incomplete last chunk that never enters the state; 0: no such fault */
  bool tail_of_state;    /* ... only in the written final_state; o is not affected */
  bool mean_decay;       /* of g per channel the mean in every channel */
  bool ignores_p;        /* k in place of the erase key, in lambda too */
  double epsilon;        /* in the coefficient: (1 - exp(-beta max(lambda, epsilon)))/(lambda + epsilon) */
} efla_fault_model;

enum { EFLA_FAULT_CANDIDATES = 400, EFLA_FAULT_TEXT = 400 };

typedef struct efla_fault_candidate {
  efla_fault_model model;
  size_t row[2];              /* rows of the table of faults; the second is SIZE_MAX for a single fault */
  char says[EFLA_FAULT_TEXT]; /* description of the fault */
  double o_error2, o_own2, S_error2, S_own2; /* sums of squares: file minus fault model, and fault model */
  double
      /* relative root mean square error divided by what the error bound expects; the larger of o's and the
       * state's */
      score;
} efla_fault_candidate;

typedef struct efla_fault_candidates {
  size_t n;
  efla_fault_candidate candidate[EFLA_FAULT_CANDIDATES]; /* number 0 is the model of a correct kernel */
} efla_fault_candidates;

/* Lists all faults that are possible with these inputs, each alone. */
void efla_fault_candidates_list(efla_fault_candidates *candidates, const efla_kernel_spec *spec,
                                const efla_tensors *in);

/* Replaces the list by pairs of faults, for the case that no single fault explains the errors. As many pairs
 * as fit, from the beginning of the list as efla_fault_candidates_try sorted it. */
void efla_fault_candidates_pair(efla_fault_candidates *candidates, const efla_kernel_spec *spec,
                                const efla_tensors *in);

/* How much of the file is computed again. */
typedef struct efla_effort {
  /* At most this many: of the first sequences, of heads found outside the tolerance, of each sequence's tokens. */
  size_t sequences, heads, tokens;
} efla_effort;

/* Computes every fault model in f64 on heads that the comparison found outside the tolerance, and sorts all
 * but number 0 by score. Fails where reading fails and with EFLA_NO_MEMORY. */
efla_status efla_fault_candidates_try(efla_fault_candidates *candidates, const efla_comparison *comparison,
                                      const efla_effort *effort, size_t threads, efla_message *why);

/* Whether the fault model explains the file: a score up to 1 is within the error bound in root mean square. */
bool efla_fault_candidate_explains(const efla_fault_candidate *candidate);

#endif
