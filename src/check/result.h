/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The result of comparing one head: errors, where they exceed the tolerance, how they depend on the token's
 * number. */
#ifndef EFLA_CHECK_RESULT_H
#define EFLA_CHECK_RESULT_H

#include "io/tensors.h"
#include "check/error_bound.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* The tolerance. Error bound: every token and final state is within the bound of error_bound.h, and so is the
 * root mean square over a head. Or: at most `value` ulps for every number. Or: a relative error of at most
 * `value` in root mean square over a head. */
typedef struct efla_tolerance {
  enum { EFLA_TOLERANCE_BOUND, EFLA_TOLERANCE_ULPS, EFLA_TOLERANCE_RMS } kind;
  double value;
} efla_tolerance;

/* Parses "bound", "ulps=N" or "rms=X". Fails with EFLA_USAGE. */
efla_status efla_tolerance_read(efla_tolerance *tolerance, const char *text, efla_message *why);

/* The place of an error: in o, or in final_state, whose token is the sequence's last. */
typedef struct efla_miss {
  size_t sequence, head, token; /* from 0 in the sequence; for a state the last token (or 0); SIZE_MAX: no error */
  double expected, found;       /* of the entry with the largest error */
  double error, allowed;        /* norm over the token's or the state's entries, and the error bound */
  char index[EFLA_INDEX_TEXT];  /* "o[0,417,5,3]" */
} efla_miss;

/* Bins of tokens: t with 2^(b/4) - 1 <= t < 2^((b+1)/4) - 1, about a quarter of an octave each. */
enum { EFLA_BINS = 192 };
size_t efla_bin_of(size_t token);
size_t efla_bin_first(size_t bin); /* the smallest token number of a bin; an empty bin begins where the next one does */

typedef struct efla_bin {
  size_t tokens;
  double error2, truth2; /* sums of squares */
  double ulps, ratio;    /* largest error in ulps; largest ratio of error to error bound */
} efla_bin;

/* Errors of o or of final_state. An ulp is the spacing of the output's type at the largest entry of the token
 * (of the state), so that entries near zero by cancellation do not count as lost. */
typedef struct efla_errors_of {
  size_t numbers;
  double error2, truth2;  /* sums over all numbers */
  efla_variance variance; /* as expected by the error bound, summed */
  /* Largest error: of an entry, of a norm relative to the true norm, of a norm relative to the error bound. */
  double ulps, relative, ratio;
  double ulps2;    /* sum of squares */
  efla_miss first; /* out of tolerance: the smallest token number, and of these the smallest sequence */
} efla_errors_of;

double efla_errors_rms(const efla_errors_of *errors);      /* relative, root mean square over all numbers */
double efla_errors_expected(const efla_errors_of *errors); /* the same as expected by the error bound */
double efla_errors_rms_ulps(const efla_errors_of *errors);

/* Chunk lengths whose incomplete last chunk may be wrong. */
enum { EFLA_TAILS = 6 };
extern const size_t efla_tail_chunks[EFLA_TAILS];

typedef struct efla_head_result {
  efla_errors_of o, state;
  size_t unknown; /* tokens whose true value is not finite: not compared */
  bool outside;
  bool tail[EFLA_TAILS];     /* all errors out of tolerance are in the last, incomplete chunk of their sequence */
  size_t begins[EFLA_TAILS]; /* sequences in which the errors begin at that chunk's first token */
  efla_bin bins[EFLA_BINS];
} efla_head_result;

/* Initialises: no errors. */
void efla_head_result_init(efla_head_result *result);

/* Adds the errors of another head. */
void efla_errors_merge(efla_errors_of *all, const efla_errors_of *one);

/* Adds a row to a bin: squares of its error and of its truth, ulps and the error over what is granted. */
void efla_bin_add(efla_bin *bin, double error2, double truth2, double ulps, double ratio);
void efla_bin_merge(efla_bin *all, const efla_bin *one);

/* To be called after the last comparison: sets `outside`; one of so many heads. */
void efla_head_result_judge(efla_head_result *result, const efla_tolerance *tolerance, double heads);

/* Adds the result of another head. */
void efla_head_result_merge(efla_head_result *all, const efla_head_result *one);

/* The larger of the two; a nan is larger than anything. */
void efla_raise(double *largest, double value);

/* The earlier of two errors: the smaller token number, of equal ones the smaller sequence. */
void efla_take_first(efla_miss *first, const efla_miss *miss);

/* How the relative error grows with the token's number. slope: of its logarithm against the logarithm of the
 * number, over bins from token 16 on; nan for fewer than three bins. jump: the first token of the bin from
 * which on the error is at least four times that of all before; SIZE_MAX if none. */
typedef struct efla_error_growth {
  double slope;
  size_t jump;
  double before, after; /* relative root mean square errors of the bins before the jump and from it on */
} efla_error_growth;
efla_error_growth efla_head_result_growth(const efla_head_result *result);

/* The chunk length whose incomplete last chunks contain all errors of o out of tolerance; of several the one
 * at whose first token the errors begin most often; 0 if none. */
size_t efla_head_result_tail(const efla_head_result *result);

/* Whether row i of efla_tail_chunks explains the errors equally well. */
bool efla_head_result_tail_too(const efla_head_result *result, size_t i);

#endif
