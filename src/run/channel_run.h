/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs with decay per channel (ode/channel_decay.h): tokens with rates, and schemes compared with an oracle on them. */
#ifndef EFLA_RUN_CHANNEL_RUN_H
#define EFLA_RUN_CHANNEL_RUN_H

#include "data/source.h"
#include "ode/channel_decay.h"
#include "oracle/channel.h"

typedef struct efla_channel_tokens {
  efla_tokens x;
  double *y; /* (x.tokens, x.dk), decay rates */
} efla_channel_tokens;

/* All zero. Fails with EFLA_NO_MEMORY; clear it in any case. */
efla_status efla_channel_tokens_init(efla_channel_tokens *c, size_t tokens, size_t dk, size_t dv);
void efla_channel_tokens_clear(efla_channel_tokens *c);

/* A view, as efla_tokens_slice. */
efla_channel_tokens efla_channel_tokens_slice(const efla_channel_tokens *c, size_t first, size_t count);

/* c's first n tokens become those of a source, with rates uniform in [0, spread], drawn independently for every
 * channel and token, and one beta for all, such that the mean of beta*lambda is x. The same seed gives the same
 * tokens, and the same rates but for the factor, whatever x and spread. Fails as efla_source_init and
 * efla_source_next do. */
efla_status efla_channel_tokens_draw(efla_channel_tokens *c, size_t n, const efla_spec *spec, double spread, double x,
                                     efla_message *why);

/* All of cut becomes the first token of `one` in as many substeps as cut has tokens, n: its q, k, v with 1/n of its
 * beta and its rates. */
void efla_channel_tokens_cut(const efla_channel_tokens *one, efla_channel_tokens *cut);

typedef struct efla_channel_run {
  size_t dk, dv;
  double *start;      /* (dk, dv), the state before the tokens: the caller's to fill */
  double *S;          /* (dk, dv), what a scheme made of it */
  long double *exact; /* (dk, dv), the true state after the tokens */
  double norm, floor; /* of exact; its own error, relative. nan and inf where the oracle refused */
} efla_channel_run;

/* start is zero. Fails with EFLA_NO_MEMORY; clear it in any case. */
efla_status efla_channel_run_init(efla_channel_run *run, size_t dk, size_t dv);
void efla_channel_run_clear(efla_channel_run *run);

/* Computes exact. Fails as efla_channel_oracle_advance does. */
efla_status efla_channel_run_know(efla_channel_run *run, const efla_channel_oracle *oracle,
                                  const efla_channel_tokens *c, efla_message *why);

typedef struct efla_channel_error {
  double state;     /* relative (Frobenius norm) */
  double direction; /* what the best common factor leaves of it (run/direction.h) */
} efla_channel_error;

/* The error of a scheme after the same tokens, or after the same time in other steps. Fails with EFLA_NO_MEMORY. */
efla_status efla_channel_run_error(efla_channel_run *run, const efla_channel_scheme *scheme, const efla_method *method,
                                   const efla_channel_tokens *c, efla_channel_error *error);

/* What theory says of the Lie splitting's, relative. Fails with EFLA_NO_MEMORY. */
efla_status efla_channel_run_predict(efla_channel_run *run, const efla_channel_tokens *c,
                                     efla_channel_lie_theory *theory);

#endif
