/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the specimens do. */
#ifndef EFLA_CHECK_SPECIMENS_KERNELS_H
#define EFLA_CHECK_SPECIMENS_KERNELS_H

#include "check/specimens.h"

enum {
  WRONG_NONE,
  WRONG_EULER,
  WRONG_IMPLICIT,
  WRONG_RK2,
  WRONG_TRAPEZOID,
  WRONG_UNIT_KEYS,
  WRONG_RAW_KEYS,
  WRONG_RAW_LAMBDA,
  WRONG_UNIT_LAMBDA,
  WRONG_UNIT_WRITE,
  WRONG_UNIT_ERASE,
  WRONG_UNIT_QUERIES,
  WRONG_SCALE_MISSING,
  WRONG_SCALE_TWICE,
  WRONG_SCALE_DK,
  WRONG_ZERO,
  WRONG_READ_BEFORE,
  WRONG_READ_BEFORE_DECAY,
  WRONG_READ_TRANSPOSED,
  WRONG_FINAL_TRANSPOSED,
  WRONG_START_MISSING,
  WRONG_START_TRANSPOSED,
  WRONG_CARRIED,
  WRONG_NO_DECAY,
  WRONG_DECAY_AFTER,
  WRONG_JOINT,
  WRONG_STRANG,
  WRONG_EXP2,
  WRONG_G_BEFORE,
  WRONG_G_HEAD0,
  WRONG_G_TIMES,
  WRONG_G_BF16,
  WRONG_UNDECAYED,
  WRONG_NO_ERASE,
  WRONG_ADDS,
  WRONG_WRITES_ONE,
  WRONG_ERASES_ONE,
  WRONG_BETA_ONE,
  WRONG_BETA_SIGMOID,
  WRONG_BETA_SQUARED,
  WRONG_BETA_BEFORE,
  WRONG_BETA_HEAD0,
  WRONG_BETA_TIMES,
  WRONG_BETA_BF16,
  WRONG_SWAPPED,
  WRONG_Q_NEXT,
  WRONG_K_BEFORE,
  WRONG_V_BEFORE,
  WRONG_V_NEXT,
  WRONG_TAIL,
  WRONG_TAIL_OF_STATE,
  WRONG_RESET,
  WRONG_DROPS_FIRST,
  WRONG_DROPS_LAST,
  WRONG_CHUNK_BETA,
  WRONG_CHUNK_DECAY,
  WRONG_V_AT_CHUNKS,
  WRONG_STALE,
  WRONG_READS_START,
  WRONG_READS_END,
  WRONG_GROUPS,
  WRONG_O_TIMES,
  WRONG_Q_TIMES,
  WRONG_K_TIMES,
  WRONG_LAMBDA_TIMES,
  WRONG_STATE_BF16,
  WRONG_STATE_FP16,
  WRONG_STATE_CHUNK,
  WRONG_BITS,
  WRONG_OPERANDS,
  WRONG_PRODUCTS,
  WRONG_NAN,
  WRONG_NAN_AT_ZERO,
  WRONG_ONE_TOKEN,
  WRONG_O_AT_CHUNKS,
  WRONG_ONE_WRITE,
  WRONG_EULER_UNIT,
  WRONG_EULER_SCALE,
  WRONG_RMS,
  WRONG_SILU,
  WRONG_TANH,
  WRONG_DROPOUT,
  RIGHT_FORMS, /* from here on right */
  RIGHT_TF32,
  RIGHT_REVERSED,
  RIGHT_PAIRWISE,
  RIGHT_SPLIT,
  RIGHT_FUSED,
  RIGHT_CHUNKS,
  RIGHT_INVERSE
};

/* One head of one sequence of a wrong kernel. */
typedef struct efla_specimen_head {
  const efla_specimen *c;
  int what;
  float amount;
  size_t first, tokens, head; /* its first token in the arrays */
  float S[EFLA_SPECIMEN_DK * EFLA_SPECIMEN_DV], other[EFLA_SPECIMEN_DK * EFLA_SPECIMEN_DV];
} efla_specimen_head;

/* The row of token t of a head in the arrays. */
static inline size_t efla_specimen_row(const efla_specimen_head *r, size_t t, size_t head) {
  return (r->first + t) * EFLA_SPECIMEN_HEADS + head;
}

/* The rule as a kernel has it (specimens_rule.c): beta and decay of token t, the coefficient, the weights e and w of S'
 * = d S + k (w v - e S^T p)^T, both keys and lambda from the key as it is in `write`; |x|; a number in a format. */
float efla_specimen_beta(const efla_specimen_head *r, size_t t);
float efla_specimen_decay(const efla_specimen_head *r, size_t t);
float efla_specimen_coefficient(const efla_specimen_head *r, float beta, float lambda);
void efla_specimen_weights(const efla_specimen_head *r, float d, float a, float beta, float lambda, float g, float *e,
                           float *w);
void efla_specimen_keys(const efla_specimen_head *r, float *write, float *erase, float *lambda);
float efla_specimen_norm(const float *x);
float efla_specimen_fit(const char *format, float x);

/* A right kernel in another order of summation, or by chunks of `chunk` tokens: one head of one sequence, from S, which
 * becomes final. */
void efla_specimen_run_right(efla_specimen *c, int what, size_t chunk, size_t first, size_t tokens, size_t head,
                             float *S);

#endif
