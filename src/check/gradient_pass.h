/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the gradient check share; not for others. */
#ifndef EFLA_CHECK_GRADIENT_PASS_H
#define EFLA_CHECK_GRADIENT_PASS_H

#include "check/gradient_check.h"

enum { EFLA_GRADIENT_INPUTS = 7 }; /* q, k, v, beta, the decay's argument, p and do */

typedef struct efla_gradient_pass {
  efla_gradient_check *c;
  const efla_gradient_part *part; /* NULL: the whole file */
  efla_judged_gradient *of;       /* (EFLA_GRADIENTS): whose results are set */
  size_t threads, lanes, block;   /* heads that are taken at once, tokens in a block */
  efla_gradient_lane *lane;       /* (lanes) */
  efla_tensor input[EFLA_GRADIENT_INPUTS];
  efla_tensors *from[EFLA_GRADIENT_INPUTS]; /* NULL: not there */
  double *x[EFLA_GRADIENT_INPUTS];          /* (lanes, block, width) */
  double *found;                            /* (lanes, block, width), or a state of each */
  double *states;                           /* (lanes, dk, dv) */
  long double *sum;                         /* (dk dv), and at least of a row: over the heads that share a gradient */
  const long double **rows;                 /* (lanes): a row of each, and */
  efla_variance *variance;                  /* (lanes) */
  /* The current heads, and the current block of their sequence. */
  size_t sequence, head, heads, length, first, tokens;
} efla_gradient_pass;

/* Rows of the current block and heads, (heads of the dataset, tokens, width). */
efla_status efla_gradient_read_rows(const efla_gradient_pass *p, efla_tensors *file, efla_tensor tensor, double *to,
                                    efla_message *why);

/* Those of input i and head h that were read, NULL: it is not there. */
double *efla_gradient_rows(const efla_gradient_pass *p, size_t i, size_t h);

/* Judge a gradient in the current block, and that by the initial state once all blocks are done. */
efla_status efla_gradient_judge_rows(efla_gradient_pass *p, efla_gradient_kind of, efla_message *why);
efla_status efla_gradient_judge_states(efla_gradient_pass *p, efla_message *why);

#endif
