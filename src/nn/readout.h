/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readouts: two algorithms for o = S_T^T q, the readout of the last token, with values v_t = W_v h_t, forward and
 * backward.
 *
 * state    S_T by the kernel, and the chunkwise backward pass (efla/cpu/kernel.h, backward.h), as layers do that read
 *          out every token; O(width^2) per token.
 * query    without the state (efla/cpu/query.h): the product of transitions applied to q; O(width) per token, and one
 *          product with W_v.
 *
 * Both give the same numbers up to rounding. */
#ifndef EFLA_NN_READOUT_H
#define EFLA_NN_READOUT_H

#include "efla/cpu/isa.h"
#include "nn/model.h"

#include <stddef.h>

/* Arguments of a readout: one sequence from the zero state; arrays aligned to EFLA_LINE_BYTES; rows of width numbers.
 * Backward needs the inputs and the scratch of the forward pass. */
#define EFLA_READOUT_ARGUMENTS(REAL, suffix)                                                                           \
  typedef struct efla_readout_arguments_##suffix {                                                                     \
    const efla_isa *isa;                                                                                               \
    size_t tokens, width;                                                                                              \
    const REAL *q;                  /* (width) */                                                                      \
    const REAL *k, *h;              /* (tokens, width) */                                                              \
    const REAL *coefficient, *W_v;  /* (tokens), (width, width) */                                                     \
    REAL *o;                        /* (width), out */                                                                 \
    const REAL *by_beta;            /* (tokens), slopes of the coefficient (gradient.h); from here on backward only */ \
    const REAL *by_lambda;          /* (tokens) */                                                                     \
    const REAL *d_o;                /* (width) */                                                                      \
    REAL *d_q, *d_k, *d_h, *d_beta; /* (width), (tokens, width) twice, (tokens), out */                                \
    REAL *d_W_v;                    /* (width, width), added to */                                                     \
    REAL *scratch;                                                                                                     \
  } efla_readout_arguments_##suffix;
EFLA_READOUT_ARGUMENTS(float, f32)
EFLA_READOUT_ARGUMENTS(double, f64)

typedef struct efla_readout {
  const char *name, *what;
  size_t (*scratch_f32)(size_t tokens, size_t width); /* numbers */
  size_t (*scratch_f64)(size_t tokens, size_t width);
  void (*forward_f32)(const efla_readout_arguments_f32 *a);
  void (*forward_f64)(const efla_readout_arguments_f64 *a);
  void (*backward_f32)(const efla_readout_arguments_f32 *a);
  void (*backward_f64)(const efla_readout_arguments_f64 *a);
} efla_readout;

extern const efla_readout efla_readouts[]; /* ends with a row whose name is NULL */
const char *efla_readout_name(size_t i);

#endif
