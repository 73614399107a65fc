/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run: one rule advancing one state that is stored in one number format.
 *
 * f64 computes in f64.  All other formats compute in f32 on inputs rounded to f32, as accelerators do; the state, or
 * the inputs, or both are rounded to the format on top of that.  The coefficients are formed in f64 from the keys
 * that are used: three scalars per token. */
#ifndef EFLA_NUMBER_STORED_RUN_H
#define EFLA_NUMBER_STORED_RUN_H

#include "base/tokens.h"
#include "efla/rule.h"
#include "number/storage.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct efla_run {
  efla_rule rule; /* its keys and scale are not used */
  efla_storage storage;
  size_t dk, dv;
  double *S;     /* (dk, dv), the state after the last token */
  double *o;     /* (dv), its read-out with the last query */
  size_t tokens; /* consumed so far */
  size_t blowup; /* the first token (from 1) after which the state was not finite; 0: none */
  bool f32;
  size_t most;          /* tokens advanced at a time: the chunk; 1 where every token's state is rounded; else a block */
  double *before;       /* (dk, dv), the state before them */
  efla_coefficients *c; /* (most) */
  double *write, *erase, *decay, *scratch; /* (most) of c thrice, and what the form in use needs */
  float *S32, *k32, *v32, *q32;            /* (dk, dv), (most, dk), (most, dv), (dk) */
  float *write32, *erase32, *decay32;      /* (most), of c, rounded */
  float *scratch32;                        /* as scratch */
  uint64_t draws;                          /* used so far by stochastic rounding */
  void *block;
} efla_run;

/* Bytes of memory that a run takes. */
size_t efla_run_memory(const efla_storage *storage, size_t dk, size_t dv);

/* Starts from the zero state.  Fails with EFLA_NO_MEMORY and leaves run zeroed. */
efla_status efla_run_init(efla_run *run, const efla_rule *rule, const efla_storage *storage, size_t dk, size_t dv);
void efla_run_clear(efla_run *run);

/* Starts anew from a state S (dk, dv), NULL: zero; where the state is stored it is rounded to the format.  The stream
 * of draws goes on. */
void efla_run_start(efla_run *run, const double *S);

/* Consumes a block (x->dk, x->dv as in init), with the decay's argument if the rule takes it; chunks end with it.  Keys
 * are taken as they are.  Blow-up is data: S and o then hold inf or nan, and the state is not advanced further. */
void efla_run_advance(efla_run *run, const efla_tokens *x);

/* How far the state of a run is from another's, relative to the latter (Frobenius norm). */
double efla_run_distance(const efla_run *run, const efla_run *from);

#endif
