/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Statistics of one head, and of all heads together.
 *
 * token_statistics.h adds what follows from single tokens, stability_run.h what follows from runs.  Tokens, heads and
 * sequences count from 0; a batch entry is a sequence. */
#ifndef EFLA_DIAGNOSE_STATISTICS_H
#define EFLA_DIAGNOSE_STATISTICS_H

#include "efla/rule.h"
#include "stats/quantiles.h"
#include "number/format.h"

#include <stdbool.h>
#include <stdint.h>

enum {
  EFLA_STATISTICS_METHODS = 24, /* rows of the method table, of the format table: at most */
  EFLA_STATISTICS_FORMATS = 12,
  EFLA_STATISTICS_LIMITS = 2 * EFLA_STATISTICS_METHODS,
  EFLA_STATISTICS_CHUNKS = 4,       /* chunk lengths 16, 32, 64, 128 */
  EFLA_STATISTICS_COEFFICIENTS = 2, /* of the chunks' systems: exact, euler */
  EFLA_STATISTICS_SPLITTINGS = 2,   /* of a decay per channel: lie, strang */
  EFLA_STATISTICS_UNITS = 2         /* formats in which split and joint are told apart: f32, bf16 */
};

typedef struct efla_place {
  size_t sequence, head, token; /* token SIZE_MAX: nowhere */
} efla_place;

extern const efla_place efla_nowhere;
bool efla_somewhere(efla_place place);

/* The largest of many numbers and its place; value is nan while there is none.  A nan counts as inf. */
typedef struct efla_worst {
  double value;
  efla_place at;
} efla_worst;

void efla_worst_take(efla_worst *worst, double value, efla_place at);

/* The earlier of two places: the smaller token number, whatever the sequence and head. */
void efla_place_take(efla_place *first, efla_place place);

/* Tokens with x beyond a limit, which is a finite `stable` or `positive` of the method table. */
typedef struct efla_beyond {
  double limit;
  size_t tokens;
  efla_place first;
} efla_beyond;

/* Errors of a run over the compared tokens, in Frobenius norms. */
typedef struct efla_deviation {
  double state_norm, readout_norm; /* sums of squares of the errors */
  efla_worst state, readout;       /* root mean square error relative to that of the true values; worst head */
  efla_worst largest;              /* largest relative error of the state at one token */
  efla_place lost;                 /* the first compared token where that exceeds 1 */
  efla_place overflow;             /* the first token after which the state is not finite */
} efla_deviation;

typedef struct efla_method_statistics {
  const efla_method *method;
  double growth;   /* summed log growth along the stream */
  double law_sum;  /* the same as predicted, where a decay is within the step */
  efla_worst rate; /* per token: of the product of transitions, measured on a vector */
  efla_worst law;  /* per token: predicted for keys of random directions */
  efla_worst rise; /* largest log growth over any stretch of tokens */
  efla_place
      overflow_f32; /* first overflow of a state in f32, over all tokens; for methods with a limit of stability */
  efla_deviation deviation; /* in f64, over the measured tokens */
  size_t diverging;         /* number of heads in which it diverges, see efla_statistics_finish */
  efla_place divergence;    /* then: where its state first overflows or is lost, otherwise where growth is largest */
} efla_method_statistics;

typedef struct efla_format_statistics {
  const efla_format *format;
  efla_deviation deviation; /* of the exact method with the state in this format, over the measured tokens */
} efla_format_statistics;

typedef struct efla_chunk_statistics {
  size_t chunk;
  efla_worst largest[EFLA_STATISTICS_COEFFICIENTS],
      condition[EFLA_STATISTICS_COEFFICIENTS]; /* scaled, as in efla/cpu/chunk.h */
} efla_chunk_statistics;

/* Of a decay per channel: both splittings beside the exact flow, along the first tokens (diagnose/splitting.h). */
typedef struct efla_splitting_statistics {
  size_t tokens; /* sampled */
  double norm;   /* of the exact states over the compared tokens */
  double error_norm[EFLA_STATISTICS_SPLITTINGS];
  efla_worst error[EFLA_STATISTICS_SPLITTINGS];   /* root mean square relative error of the state; worst head */
  efla_worst largest[EFLA_STATISTICS_SPLITTINGS]; /* at one token */
} efla_splitting_statistics;

typedef struct efla_statistics {
  size_t tokens, measured; /* of all sequences; those with measured runs */
  size_t longest;          /* tokens of the longest sequence */
  size_t most_measured;    /* of one sequence */
  efla_quantiles x;        /* the step y + rho*lambda (efla/rule.h): beta*lambda where no decay is within it; with an
                              erase key lambda is mu = p^T k, and a negative step counts as 0 */
  const efla_decay *decay; /* NULL: none */
  bool channels;           /* g is per channel; with a decay that takes one per head: the exact flow of all */
  bool erase_key;          /* tokens have p */
  efla_worst beta, lambda; /* largest */
  double least_lambda;
  double log_decay;                           /* summed logarithms of the exact flow's decay d */
  efla_quantiles fading;                      /* -log d, of every channel; without memory where there is no decay */
  size_t differ[EFLA_STATISTICS_UNITS];       /* tokens where w of split and joint differ by more than a unit; per
                                                 channel: where Lie's step errs by more than one of the state */
  efla_splitting_statistics splitting;        /* per channel */
  efla_quantiles against, along;              /* with an erase key: -mu where mu < 0, and mu where it is not */
  efla_worst rise;                            /* then: largest -beta*mu, by which the flow itself grows along k */
  size_t limits, methods, formats;            /* rows in use below */
  efla_beyond beyond[EFLA_STATISTICS_LIMITS]; /* increasing limits */
  efla_method_statistics method[EFLA_STATISTICS_METHODS];
  efla_format_statistics format[EFLA_STATISTICS_FORMATS];
  efla_chunk_statistics chunk[EFLA_STATISTICS_CHUNKS];
  double state_norm, readout_norm; /* of the true states and read-outs over all compared tokens */
} efla_statistics;

/* The coefficients of the chunks' systems, in the order of efla_chunk_statistics. */
const efla_method *efla_statistics_coefficient(size_t g);

/* Empty statistics, without a decay.  Fails with EFLA_NO_MEMORY; statistics is then zeroed. */
efla_status efla_statistics_init(efla_statistics *statistics);
/* The decay of the tokens to come.  Fails with EFLA_NO_MEMORY. */
efla_status efla_statistics_set_decay(efla_statistics *statistics, const efla_decay *decay);
/* Tokens to come have an erase key.  Fails with EFLA_NO_MEMORY. */
efla_status efla_statistics_set_erase_key(efla_statistics *statistics);
void efla_statistics_clear(efla_statistics *statistics);

/* Whether methods, formats and chunks are measured in runs: with one g per head and without an erase key. */
bool efla_statistics_runs(const efla_statistics *statistics);

/* Whether the tokens are followed by the exact flow with g per channel, which is of no method but the exact one. */
bool efla_statistics_exact_flow(const efla_statistics *statistics);

/* The tokens of which differ counts some: all, per channel those sampled. */
size_t efla_statistics_judged(const efla_statistics *statistics);

/* The quantile of mu = p^T k of this order; nan without an erase key or tokens. */
double efla_statistics_mu(efla_statistics *statistics, double order);

/* "lie", "strang" */
const char *efla_statistics_splitting(size_t i);

/* Completes head number `head`: computes the ratios rate, law, state and readout from the sums, and which methods
 * diverge.
 *
 * A method diverges where tokens lie beyond its limit of stability and (a) its state overflows, or (b) the product of
 * transitions grew by 2^24 over some stretch of tokens, so that one rounding error of f32 becomes as large as the
 * state, or (c) its growth rate is positive and the relative error of its state was above 1. */
void efla_statistics_finish(efla_statistics *statistics, size_t head, size_t dk);

/* Adds a finished head to a total: sums of counts, worst of the rest. */
void efla_statistics_merge(efla_statistics *total, const efla_statistics *head);

/* The half-life of the state's part across the keys, ln 2/(-log d) tokens, at the quantile of this order; inf without
 * decay, nan without tokens. */
double efla_statistics_half_life(efla_statistics *statistics, double order);

/* The formats of `differ`. */
const efla_format *efla_statistics_unit(size_t i);

/* The coefficient of euler (DeltaNet's) relative to the exact one at the quantile of x of this order: x/(1 - e^-x),
 * which increases with x. */
double efla_statistics_coefficient_ratio(efla_statistics *statistics, double order);

/* The row of a method, of a limit; NULL where there is none. */
const efla_method_statistics *efla_statistics_method(const efla_statistics *statistics, const char *name);
const efla_beyond *efla_statistics_beyond(const efla_statistics *statistics, double limit);

#endif
