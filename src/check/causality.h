/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Causality check: o_t must not depend on later tokens, so two runs whose inputs agree up to a token must
 * have the same o up to it. */
#ifndef EFLA_CHECK_CAUSALITY_H
#define EFLA_CHECK_CAUSALITY_H

#include "io/tensors.h"
#include "check/result.h"

/* One run: a sequence of a file. `out` is the file with o, `in` the one with the inputs; they may be the
 * same. */
typedef struct efla_sequence_run {
  efla_tensors *in, *out;
  size_t sequence;
} efla_sequence_run;

typedef struct efla_causality {
  size_t pairs;  /* pairs of heads whose inputs agree in at least the first token */
  size_t tokens; /* tokens of these pairs before their inputs differ */
  size_t differ; /* those of these tokens whose o differs in any bit */
  size_t apart;  /* pairs whose inputs differ somewhere: only these test causality */
  size_t parts;  /* in the pair of the violation: the first token at which the inputs differ */
  efla_miss
      /* the first token whose o differs by more than rounding explains; expected: the first run's o, found:
       * the second's */
      violation;
} efla_causality;

/* Compares two runs of equal heads, dk and dv and of equal kinds of inputs, of a rule with this decay, and adds the
 * result to causality. limit (heads): bound for the rounding error of o_t relative to its norm; the two runs may differ
 * by twice that. Fails with EFLA_INPUT (sizes differ; reading fails) and EFLA_NO_MEMORY. */
efla_status efla_causality_compare(efla_causality *causality, const efla_decay *decay, const efla_sequence_run *a,
                                   const efla_sequence_run *b, const double *limit, efla_message *why);

/* Initialises: nothing compared yet. */
void efla_causality_init(efla_causality *causality);

#endif
