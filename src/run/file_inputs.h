/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inputs of a call of libefla that a tensor file has, and their gradients, one after another. */
#ifndef EFLA_RUN_FILE_INPUTS_H
#define EFLA_RUN_FILE_INPUTS_H

#include "efla/rule.h"
#include "efla/sequence.h"
#include "io/tensors.h"

enum { EFLA_FILE_INPUTS = 7 }; /* q, k, v, beta, the decay's argument, p; the initial state */

typedef struct efla_file_inputs {
  efla_tensor input[EFLA_FILE_INPUTS], gradient[EFLA_FILE_INPUTS]; /* EFLA_TENSORS: there is none */
} efla_file_inputs;

/* Which inputs `in` has for the rule, and so which gradients there are. */
efla_file_inputs efla_file_inputs_of(const efla_tensors *in, const efla_rule *rule);

/* Input number i of a call, and the derivative by it. */
efla_array *efla_file_input(efla_sequence *x, size_t i);
efla_array *efla_file_gradient(efla_gradient *dx, size_t i);

/* n numbers of a contiguous array, f64 or f32: set to those of a file, and times a factor to a file. */
void efla_file_narrow(size_t n, const double *from, const efla_array *to);
void efla_file_widen(size_t n, double factor, const efla_array *from, double *to);

#endif
