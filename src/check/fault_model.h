/* Usual mistakes of kernels: each is a recipe, that is what a kernel with that mistake computes, and is recognised by computing it.
 * */
#ifndef EFLA_CHECK_FAULT_MODEL_H
#define EFLA_CHECK_FAULT_MODEL_H

#include "io/tensors.h"
#include "check/comparison.h"

/* What is computed.  The recipe of a right kernel has the method, keys and scale that were asked for, gate_keys = keys, raw
 * queries, and zero everywhere else. */
typedef struct efla_recipe {
  const efla_method *method;
  const efla_key_treatment *keys, *gate_keys, *queries; /* of the state's keys, of those that lambda is taken from, of q */
  double scale;
  enum { EFLA_READ_AFTER, EFLA_READ_BEFORE, EFLA_READ_TRANSPOSED } read; /* o from S after, before the token; S q for S^T q */
  enum { EFLA_DECAY_BEFORE, EFLA_DECAY_NONE, EFLA_DECAY_AFTER } decay;
  enum { EFLA_START_GIVEN, EFLA_START_ZERO, EFLA_START_TRANSPOSED, EFLA_START_CARRIED } start;
  bool transposed_final; /* final_state is written as (dv, dk) */
  size_t tail;           /* an incomplete last chunk of this length never enters the state; 0: it does */
  bool tail_of_state;    /* ... that is written: o goes on as it should */
  double epsilon;        /* in the gate: (1 - exp(-beta max(lambda, epsilon)))/(lambda + epsilon) */
} efla_recipe;

enum { EFLA_SUSPECTS = 400, EFLA_SUSPECT_TEXT = 400 };

typedef struct efla_suspect {
  efla_recipe recipe;
  size_t row[2];                             /* of the table of mistakes; the second SIZE_MAX where there is one only */
  char says[EFLA_SUSPECT_TEXT];              /* what is wrong, in words */
  double o_error2, o_own2, S_error2, S_own2; /* sums of squares: of the file minus the recipe, of the recipe */
  double score; /* relative error, root mean square, in units of what the budget grants; the larger of o's and the state's */
} efla_suspect;

typedef struct efla_suspects {
  size_t n;
  efla_suspect suspect[EFLA_SUSPECTS]; /* number 0 is the right recipe */
} efla_suspects;

/* All mistakes that can be made with these inputs, each alone. */
void efla_suspects_list(efla_suspects *suspects, const efla_claim *claim, const efla_tensors *in);

/* Two of the suspects at a time, in place of the single ones: for when none of these explains what is seen.  As many pairs of the
 * list as fit, from its beginning, as sorted by efla_suspects_try. */
void efla_suspects_pair(efla_suspects *suspects, const efla_claim *claim, const efla_tensors *in);

/* How much of the file is worth computing again. */
typedef struct efla_effort {
  size_t sequences, heads,
      tokens; /* at most: of the first sequences, of heads that were found outside, of each sequence's tokens */
} efla_effort;

/* Computes every recipe in f64 on heads that the comparison found outside, and sorts all but number 0 by score.  Fails as the
 * reader does and with EFLA_MEMORY. */
efla_status efla_suspects_try(efla_suspects *suspects, const efla_comparison *comparison, const efla_effort *effort, size_t threads,
                              efla_message *why);

/* A score up to 1 is within what the budget grants in root mean square: the recipe explains what is in the file. */
bool efla_suspect_explains(const efla_suspect *suspect);

#endif
