/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Associative recall: pairs of keys and values are written once, in a row, and each value is asked for by its key. */
#ifndef EFLA_DATA_RECALL_H
#define EFLA_DATA_RECALL_H

#include "base/tokens.h"
#include "efla/rule.h"
#include "data/source.h"

typedef struct efla_recall {
  efla_tokens x;        /* (pairs): q is the clean key that asks, k and v are what is written, perturbed or not */
  double *codes;        /* (pairs, dv), the clean values */
  double *S, *o;        /* (dk, dv), (dv): scratch of the scoring */
  efla_coefficients *c; /* (pairs) */
} efla_recall;

/* Fails with EFLA_NO_MEMORY. */
efla_status efla_recall_init(efla_recall *recall, size_t pairs, size_t dk, size_t dv);
void efla_recall_clear(efla_recall *recall);

/* The next pairs of a source, tokens whose key or value is zero left out; beta as the source says.  Fails as
 * efla_source_next. */
efla_status efla_recall_next(efla_recall *recall, efla_source *source, efla_message *why);

/* What is left of the values: share of them that are recognised among the codes (largest cosine); root mean square
 * relative error of the read-out and signal-to-noise ratio (dB), both after the factor that fits each read-out to its
 * code best, since a gain does not matter. 0, inf and -inf where the state is not finite. */
typedef struct efla_recall_score {
  double accuracy, error, snr;
} efla_recall_score;

/* Writes all pairs from the zero state by a method, and asks for each.  Keys are taken as they are. */
efla_recall_score efla_recall_run(efla_recall *recall, const efla_method *method);

#endif
