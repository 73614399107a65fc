/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decays compared (docs/derivations.md#e7): every method and decay against the exact joint flow, the exact method with
 * the decay `joint`, in the coefficients of one token and in the states along a stream. */
#ifndef EFLA_RUN_DECAY_COMPARISON_H
#define EFLA_RUN_DECAY_COMPARISON_H

#include "data/source.h"
#include "efla/reference/recurrence.h"
#include "number/stored_run.h"

/* The argument by which a decay has the rate y >= 0: g = -y, or alpha = e^-y, which is the rate 1 - alpha = y - y^2/2 +
 * ...: to first order what is left of the state after a token is the same. */
double efla_decay_argument(const efla_decay *decay, double y);

/* ---- one token ---- */

/* Relative differences of the coefficients d, e, w. */
typedef struct efla_decay_difference {
  double decay, erase, write;
} efla_decay_difference;

/* Of a rule from the exact joint flow, for x = beta lambda > 0: in long double, so that what cancels costs 2^-61 or so
 * absolutely. */
efla_decay_difference efla_decay_differ(const efla_method *method, const efla_decay *decay, double y, double x);

/* w_split/w_joint - 1 of the exact method, to first order in y, over y: 1/x - 1/(e^x - 1), from 1/2 at x = 0 down to
 * 1/x. x > 0. The rest is at most y^2 e^(y/2)/8 (docs/bounds.md#decay-comparison). */
double efla_decay_split_slope(double x);

/* The coarsest of the formats bf16, fp16, f32 whose unit roundoff the largest of the differences exceeds; "none". */
const char *efla_decay_exceeds(const efla_decay_difference *difference);

/* Tokens after which half of a state is left where nothing is written or erased: -ln 2/ln |d|; inf where it does not
 * shrink. */
double efla_decay_half_life(const efla_method *method, const efla_decay *decay, double y);

/* ---- a stream ---- */

typedef struct efla_decay_stream {
  double y;               /* decay rate of every token */
  efla_source source;     /* source.token: tokens so far */
  size_t runs;            /* run 0: the exact joint flow in f64, whose error is the floor; then those added */
  efla_run *run;          /* (runs), all in f64 */
  long double *S, *o;     /* (dk, dv), (dv): the exact joint flow in long double, its state and last read-out */
  efla_tokens x;          /* from here on for use inside: a block, and its rows in long double */
  double *g;              /* (block) */
  long double *q, *k, *v; /* one row of each */
} efla_decay_stream;

/* Begins with zero states. most: the number of runs that may be added. Fails as efla_source_init does, or with
 * EFLA_NO_MEMORY; clear it in any case. */
efla_status efla_decay_stream_init(efla_decay_stream *stream, const efla_spec *spec, double y, size_t most,
                                   efla_message *why);
void efla_decay_stream_clear(efla_decay_stream *stream);

/* Fails with EFLA_NO_MEMORY. */
efla_status efla_decay_stream_add(efla_decay_stream *stream, const efla_method *method, const efla_decay *decay);

/* Advances all runs and the truth until so many tokens have been consumed. Fails as efla_source_next does. */
efla_status efla_decay_stream_advance(efla_decay_stream *stream, size_t tokens, efla_message *why);

typedef struct efla_decay_error {
  double state, direction; /* relative (Frobenius norm), and what the best common factor leaves of it */
  double readout;          /* relative, of the last read-out */
} efla_decay_error;

/* The error of a run's state against the exact joint flow. inf or nan where the run has diverged. */
efla_decay_error efla_decay_stream_error(const efla_decay_stream *stream, size_t run);

/* What rounding may add to the exact joint flow in f64 along a stream, relative to the state, for keys of length dk and
 * norms of at least 1, at one rate y > 0 (docs/bounds.md#decay-comparison). */
double efla_decay_rounding(size_t dk, double y);

#endif
