/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the answer to one query at the last token is computed, o = S_T^T q with values v_t = W_v h_t, forward and
 * backward: one row each.
 *
 * state    S_T by the kernel, and the chunkwise backward pass (efla/cpu/kernel.h, backward.h): what attention layers
 * do, which read out
 *          every token; O(width^2) per token.
 * query    without the state (efla/cpu/query.h): the product of transitions applied to q; O(width) per token, and W_v
 * is needed once.
 *
 * The same numbers but for rounding. */
#ifndef EFLA_NN_READOUT_H
#define EFLA_NN_READOUT_H

#include "efla/cpu/isa.h"
#include "nn/model.h"

#include <stddef.h>

/* One sequence from the zero state; arrays aligned to lines; rows of width numbers.  Backward reads what forward has
 * read and left in scratch. */
#define EFLA_ANSWER_TYPE(REAL, suffix)                                                                                 \
  typedef struct efla_answer_##suffix {                                                                                \
    const efla_isa *isa;                                                                                               \
    size_t tokens, width;                                                                                              \
    const REAL *q;                 /* (width) */                                                                       \
    const REAL *k, *h;             /* (tokens, width) */                                                               \
    const REAL *coefficient, *W_v; /* (tokens), (width, width) */                                                      \
    REAL *o;                       /* (width), out */                                                                  \
    const REAL *by_beta;   /* (tokens), the coefficient's slopes (gradient.h), backward only as all that follows */    \
    const REAL *by_lambda; /* (tokens) */                                                                              \
    const REAL *d_o;       /* (width) */                                                                               \
    REAL *d_q, *d_k, *d_h, *d_beta; /* (width), (tokens, width) twice, (tokens), out */                                \
    REAL *d_W_v;                    /* (width, width), added to */                                                     \
    REAL *scratch;                                                                                                     \
  } efla_answer_##suffix;
EFLA_ANSWER_TYPE(float, f32)
EFLA_ANSWER_TYPE(double, f64)

typedef struct efla_readout {
  const char *name, *what;
  size_t (*scratch_f32)(size_t tokens, size_t width); /* numbers */
  size_t (*scratch_f64)(size_t tokens, size_t width);
  void (*forward_f32)(const efla_answer_f32 *a);
  void (*forward_f64)(const efla_answer_f64 *a);
  void (*backward_f32)(const efla_answer_f32 *a);
  void (*backward_f64)(const efla_answer_f64 *a);
} efla_readout;

extern const efla_readout efla_readouts[]; /* ends with a row whose name is NULL */
const char *efla_readout_name(size_t i);

#endif
