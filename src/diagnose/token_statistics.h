/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Statistics of the tokens of a head: the distributions of the step x and of half-lives, the tokens beyond the
 * methods' limits, and growth rates of the products of transitions.  The cost does not depend on dv. */
#ifndef EFLA_DIAGNOSE_TOKEN_STATISTICS_H
#define EFLA_DIAGNOSE_TOKEN_STATISTICS_H

#include "base/tokens.h"
#include "diagnose/statistics.h"
#include "ode/growth.h"

/* One vector per method, multiplied by the transitions of all tokens of all sequences (ode/growth.h). */
typedef struct efla_token_statistics {
  size_t dk;
  double *w;                              /* (EFLA_STATISTICS_METHODS, dk), of norm one */
  double *scratch;                        /* (3, dk) */
  double excess[EFLA_STATISTICS_METHODS]; /* log growth since its last minimum */
  efla_growth_law law;
} efla_token_statistics;

/* Fails with EFLA_NO_MEMORY. */
efla_status efla_token_statistics_init(efla_token_statistics *token_stats, size_t dk);
void efla_token_statistics_clear(efla_token_statistics *token_stats);

/* Adds a block of one head to statistics; at: the place of its first token; x->g: the argument of statistics->decay,
 * not used without one, per channel as statistics->channels says; x->p where statistics->erase_key.  Fails with
 * EFLA_NO_MEMORY. */
efla_status efla_token_statistics_advance(efla_token_statistics *token_stats, const efla_tokens *x, efla_place at,
                                          efla_statistics *statistics);

#endif
