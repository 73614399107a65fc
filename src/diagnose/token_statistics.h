/* What every token of a head says by itself and in the product of transitions, at a cost that does not depend on dv: the
 * distribution of x = beta*lambda, the tokens beyond the methods' limits, and growth rates. */
#ifndef EFLA_DIAGNOSE_TOKEN_STATISTICS_H
#define EFLA_DIAGNOSE_TOKEN_STATISTICS_H

#include "base/tokens.h"
#include "diagnose/statistics.h"

/* One vector per method, multiplied by the transitions of all tokens (ode/growth.h); it goes on from sequence to sequence. */
typedef struct efla_survey {
  size_t dk;
  double *w;                            /* (EFLA_FINDINGS_METHODS, dk), of norm one */
  double excess[EFLA_FINDINGS_METHODS]; /* log growth since its last minimum */
} efla_survey;

/* Fails with EFLA_MEMORY. */
efla_status efla_survey_init(efla_survey *survey, size_t dk);
void efla_survey_clear(efla_survey *survey);

/* Takes a block of one head into findings; at: the place of its first token.  g (x->tokens), or NULL: log decays, by which the
 * state is multiplied before each token. */
void efla_survey_advance(efla_survey *survey, const efla_tokens *x, const double *g, efla_place at, efla_findings *findings);

#endif
