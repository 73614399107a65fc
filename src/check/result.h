/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a comparison finds about one head: errors, where they leave the tolerance, how they depend on the token's
 * number. */
#ifndef EFLA_CHECK_RESULT_H
#define EFLA_CHECK_RESULT_H

#include "io/tensors.h"
#include "check/error_bound.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* What counts as within: of every token and final state the bound of error bound.h, and over a head its root mean
 * square; or so many ulps for every number; or so much relative error in root mean square over a head.  `value` belongs
 * to the last two. */
typedef struct efla_tolerance {
  enum { EFLA_TOLERANCE_BOUND, EFLA_TOLERANCE_ULPS, EFLA_TOLERANCE_RMS } kind;
  double value;
} efla_tolerance;

/* "bound", "ulps=N", "rms=X".  Fails with EFLA_USAGE. */
efla_status efla_tolerance_read(efla_tolerance *tolerance, const char *text, efla_message *why);

/* A number that is not what it should be: of o, or of final_state where token is the sequence's last. */
typedef struct efla_miss {
  size_t sequence, head,
      token; /* token counts from the sequence's first, of a state is the last (or 0); SIZE_MAX: there is no miss */
  double expected, found;      /* the entry that is farthest off */
  double error, allowed;       /* norm over the token's entries, or over the state's, and what the error bound grants */
  char index[EFLA_INDEX_TEXT]; /* "o[0,417,5,3]" */
} efla_miss;

/* Tokens t with 2^(b/4) - 1 <= t < 2^((b+1)/4) - 1, about: a quarter of an octave each. */
enum { EFLA_BINS = 192 };
size_t efla_bin_of(size_t token);
size_t efla_bin_first(size_t bin); /* the smallest token number of a bin; that of bin + 1 where it is empty */

typedef struct efla_bin {
  size_t tokens;
  double error2, truth2; /* sums of squares */
  double ulps, ratio;    /* largest; error over what the error bound grants */
} efla_bin;

/* Errors of one of the two outputs.  An ulp is the gap between neighbours of the output's type at the largest entry of
 * the token (of the state), so that entries which cancel to nearly nothing do not count as lost. */
typedef struct efla_errors_of {
  size_t numbers;
  double error2, truth2, variance; /* sums over all numbers; of what the error bound expects */
  double ulps, relative,
      ratio;    /* largest: of an entry, and of the norm relative to the truth's and to what the error bound grants */
  double ulps2; /* sum of squares */
  efla_miss first; /* out of tolerance: the smallest token number, then the smallest sequence */
} efla_errors_of;

double efla_errors_rms(const efla_errors_of *errors);      /* relative, root mean square over all numbers */
double efla_errors_expected(const efla_errors_of *errors); /* the same of what the error bound expects */
double efla_errors_rms_ulps(const efla_errors_of *errors);

/* Lengths of chunks whose incomplete last one may be at fault. */
enum { EFLA_TAILS = 6 };
extern const size_t efla_tail_chunks[EFLA_TAILS];

typedef struct efla_head_result {
  efla_errors_of o, state;
  size_t unknown; /* tokens whose truth is not finite: there is nothing to compare with */
  bool outside;
  bool tail[EFLA_TAILS];     /* all that is out of tolerance is in the last, incomplete chunk of its sequence */
  size_t begins[EFLA_TAILS]; /* sequences in which it begins with that chunk's first token */
  efla_bin bins[EFLA_BINS];
} efla_head_result;

/* No errors so far. */
void efla_head_result_init(efla_head_result *result);

/* All has been compared: sets outside. */
void efla_head_result_judge(efla_head_result *result, const efla_tolerance *tolerance);

/* Adds what was found about another head. */
void efla_head_result_merge(efla_head_result *all, const efla_head_result *one);

/* The larger of the two; a nan is larger than anything. */
void efla_raise(double *largest, double value);

/* The earlier of the two: the smaller token number, then the smaller sequence. */
void efla_take_first(efla_miss *first, const efla_miss *miss);

/* How the relative error depends on the token's number: the slope of its logarithm against the logarithm of the number,
 * over bins from token 16 on, nan where there are fewer than three; and the first token of the bin from which on it is
 * at least four times that of all before, SIZE_MAX if there is none. */
typedef struct efla_error_growth {
  double slope;
  size_t jump;
  double before, after; /* relative errors, root mean square, of the bins before and from the jump on */
} efla_error_growth;
efla_error_growth efla_head_result_growth(const efla_head_result *result);

/* The chunk length whose incomplete last chunks hold all that is out of tolerance in o: the one with whose first token
 * it begins most often, 0 if there is none. */
size_t efla_head_result_tail(const efla_head_result *result);

/* Whether row i of efla_tail_chunks would do as well as that one. */
bool efla_head_result_tail_too(const efla_head_result *result, size_t i);

#endif
