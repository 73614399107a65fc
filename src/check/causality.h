/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Causality: does o_t depend on later tokens?  Two runs whose inputs agree up to some token must have the same o up to
 * there. */
#ifndef EFLA_CHECK_CAUSALITY_H
#define EFLA_CHECK_CAUSALITY_H

#include "io/tensors.h"
#include "check/result.h"

/* One of the two: a sequence of a file; out holds its o and may be in. */
typedef struct efla_sequence_run {
  efla_tensors *in, *out;
  size_t sequence;
} efla_sequence_run;

typedef struct efla_causality {
  size_t pairs;  /* heads of sequences whose inputs agree in at least the first token */
  size_t tokens; /* of these pairs, before their inputs part */
  size_t differ; /* of these tokens, how many have other bits of o */
  size_t apart;  /* pairs whose inputs part at all: only these say something about causality */
  size_t parts;  /* in the pair of the violation: the first token at which the inputs differ */
  efla_miss
      /* the first token whose o differs by more than rounding; expected: the first run's, found: the second's */
      violation;
} efla_causality;

/* Compares two runs of the same heads, dk and dv, and adds to causality.  limit (heads): how far o may be off by
 * rounding, relative to the norm of o_t, so that the two may differ by twice that.  Fails with EFLA_INPUT (other sizes;
 * as the reader does) and with EFLA_NO_MEMORY. */
efla_status efla_causality_compare(efla_causality *causality, const efla_sequence_run *a, const efla_sequence_run *b,
                                   const double *limit, efla_message *why);

/* Nothing compared so far. */
void efla_causality_init(efla_causality *causality);

#endif
