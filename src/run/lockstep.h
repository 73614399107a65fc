/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs in step: one source of tokens, and all that follows it, oracles, growth rates, runs of several methods and
 * formats; recorded at token numbers spaced evenly in their logarithm. */
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
#define EFLA_LOCKSTEP_MARKS      (16 * EFLA_LOCKSTEP_PER_DECADE) /* more than are recorded of any run */

typedef struct efla_lockstep {
  const efla_key_treatment *keys;
  efla_source source; /* source.token: tokens so far */
  efla_tokens x;      /* a block */
  size_t references, runs, growths;
  efla_reference *reference; /* (references) */
  efla_run *run;             /* (runs), in the order in which they were added */
  efla_drift *drift;         /* (runs), the error of the state that rounding is predicted to bring in */
  efla_growth *growth;       /* (growths), as well */
  size_t marks;
  double at[EFLA_LOCKSTEP_MARKS];       /* (marks), the token numbers recorded so far */
  double (*error)[EFLA_LOCKSTEP_MARKS]; /* (runs, marks), of the state against the first reference */
  efla_table *rows;                     /* the program's */
} efla_lockstep;

/* From zero states.  keys: NULL, as they are; oracles: rows of efla_oracles; most: how many runs can be added, and how
 * many growth rates; block: tokens that are advanced at a time.  Fails as efla_source_init does, or with
 * EFLA_NO_MEMORY; efla_lockstep_clear in any case. */
efla_status efla_lockstep_init(efla_lockstep *l, const efla_spec *spec, const efla_key_treatment *keys,
                               const efla_list *oracles, size_t most, size_t block, efla_message *why);
void efla_lockstep_clear(efla_lockstep *l);

/* All three fail with EFLA_NO_MEMORY. */
efla_status efla_lockstep_add(efla_lockstep *l, const efla_rule *rule, const efla_storage *storage);
efla_status efla_lockstep_add_growth(efla_lockstep *l, const efla_method *method);
/* A run for each format (rows of efla_formats) and each way to store in it (number/storage.h), but for ways that
 * compute the same; run i of all these has stream seed*1000 + i of stochastic rounding. */
efla_status efla_lockstep_add_formats(efla_lockstep *l, const efla_rule *rule, const efla_list *formats, size_t seed);

/* Follows so many tokens and has `record` write rows at 1, 2, 3, 4, 6, 7, 10, ..., the numbers nearest to 10^(i/8), and at the last.
 * Fails as efla_source_next does, and as an oracle does; where one refuses, its errors are nan from then on, all others
 * follow, and at the end that is EFLA_UNTRUSTED. */
efla_status efla_lockstep_follow(efla_lockstep *l, size_t tokens, void (*record)(efla_lockstep *l),
                                 efla_progress *progress, efla_message *why);

/* The first recorded token number with an error of the state of this run above `most`; 0: none.  No error that is nan
 * is above it. */
size_t efla_lockstep_first_above(const efla_lockstep *l, size_t run, double most);

#endif
