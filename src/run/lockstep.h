/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs in lockstep: oracles, growth rates and runs of several methods and formats on one source of tokens, recorded at
 * token numbers that are evenly spaced in their logarithm. */
#ifndef EFLA_RUN_LOCKSTEP_H
#define EFLA_RUN_LOCKSTEP_H

#include "app/cli.h"
#include "app/progress.h"
#include "app/table.h"
#include "data/source.h"
#include "number/rounding_law.h"
#include "number/stored_run.h"
#include "ode/growth.h"
#include "oracle/reference.h"

#define EFLA_LOCKSTEP_PER_DECADE 8
#define EFLA_LOCKSTEP_MARKS      (16 * EFLA_LOCKSTEP_PER_DECADE) /* an upper bound, for 10^16 tokens */

typedef struct efla_lockstep {
  const efla_key_treatment *keys;
  const efla_decay *decay; /* NULL: none */
  efla_source source;      /* source.token: tokens so far */
  efla_tokens x;           /* a block */
  size_t references, runs, growths;
  efla_reference *reference; /* (references) */
  efla_run *run;             /* (runs), in the order in which they were added */
  efla_drift *drift;         /* (runs), the predicted rounding error of the state */
  efla_growth *growth;       /* (growths), in the order in which they were added */
  size_t marks;
  double at[EFLA_LOCKSTEP_MARKS];       /* (marks), the token numbers recorded so far */
  double (*error)[EFLA_LOCKSTEP_MARKS]; /* (runs, marks), of the state against the first reference */
  efla_table *rows;                     /* the program's */
} efla_lockstep;

/* Begins with zero states.  keys: NULL for raw keys; oracles: rows of efla_oracles; most: largest number of runs, and
 * of growth rates, to be added; block: tokens per block.  Fails as efla_source_init does, or with EFLA_NO_MEMORY; call
 * efla_lockstep_clear in any case. */
efla_status efla_lockstep_init(efla_lockstep *l, const efla_spec *spec, const efla_key_treatment *keys,
                               const efla_list *oracles, size_t most, size_t block, efla_message *why);
void efla_lockstep_clear(efla_lockstep *l);

/* Every token from now on has the decay rate y >= 0 by a decay that takes an argument; references follow it, and
 * runs and growth rates that are added are to have it in their rules.  Fails with EFLA_NO_MEMORY. */
efla_status efla_lockstep_decay(efla_lockstep *l, const efla_decay *decay, double y);

/* All three fail with EFLA_NO_MEMORY. */
efla_status efla_lockstep_add(efla_lockstep *l, const efla_rule *rule, const efla_storage *storage);
efla_status efla_lockstep_add_growth(efla_lockstep *l, const efla_rule *rule);
/* Adds a run for each format (rows of efla_formats) and each storage in it (number/storage.h), without storages that
 * compute the same; run i of these uses stream seed*1000 + i of stochastic rounding. */
efla_status efla_lockstep_add_formats(efla_lockstep *l, const efla_rule *rule, const efla_list *formats, size_t seed);

/* The next token number at which errors are recorded: of 1, 2, 3, 4, 6, 7, 10, ..., the numbers nearest to 10^(i/8),
 * the first above `token`, but at most `last`. */
size_t efla_lockstep_mark_after(size_t token, size_t last);

/* Advances everything over so many tokens and calls `record`, which writes rows, at these numbers.  Fails as
 * efla_source_next and the oracles do; where an oracle refuses, its errors are nan from then on, all else continues,
 * and the status at the end is EFLA_UNTRUSTED. */
efla_status efla_lockstep_follow(efla_lockstep *l, size_t tokens, void (*record)(efla_lockstep *l),
                                 efla_progress *progress, efla_message *why);

/* The first recorded token number at which the error of this run's state is above `most`; 0: none.  nan is not
 * above. */
size_t efla_lockstep_first_above(const efla_lockstep *l, size_t run, double most);

#endif
