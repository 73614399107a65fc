/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Associative recall: pairs of keys and values are written to a state one after another; then each value is read out
 * with its key as the query. */
#ifndef EFLA_DATA_RECALL_H
#define EFLA_DATA_RECALL_H

#include "base/tokens.h"
#include "efla/rule.h"
#include "data/source.h"

typedef struct efla_recall {
  efla_tokens x;        /* (pairs): k and v as written, perhaps perturbed; q: the clean key; g: set by a run */
  double *codes;        /* (pairs, dv): the clean values */
  double *S, *o;        /* (dk, dv), (dv): scratch of the scoring */
  efla_coefficients *c; /* (pairs) */
} efla_recall;

/* Fails with EFLA_NO_MEMORY. */
efla_status efla_recall_init(efla_recall *recall, size_t pairs, size_t dk, size_t dv);
void efla_recall_clear(efla_recall *recall);

/* Takes the next pairs from a source, without tokens whose key or value is zero.  Fails as efla_source_next. */
efla_status efla_recall_next(efla_recall *recall, efla_source *source, efla_message *why);

/* Accuracy: share of read-outs whose nearest code by cosine is the right one.  Root mean square relative error and
 * signal-to-noise ratio (dB) of the read-outs against their codes, each code scaled by its least-squares factor, since
 * a gain does not matter.  0, inf and -inf where the state is not finite. */
typedef struct efla_recall_score {
  double accuracy, error, snr;
} efla_recall_score;

/* Writes all pairs to the zero state by a rule, its keys as they are, each with the decay rate y >= 0, and scores the
 * read-outs. */
efla_recall_score efla_recall_run(efla_recall *recall, const efla_rule *rule, double y);

#endif
