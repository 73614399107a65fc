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

/* Whether the backend of that name computes on a device; the precisions in which it computes, in words. */
bool efla_file_on_device(const char *backend);
bool efla_file_computed(const efla_format *precision, bool device);
const char *efla_file_precisions(bool device);

/* The type in which a call computes for a file of this precision: bf16 and f16 for bf16 and fp16 on a device, f64 for
 * more than 24 digits, else f32.  beta, g and states beside 16-bit rows are in f32. */
efla_type efla_file_type(const efla_format *precision, bool device);
efla_type efla_file_scalar_type(efla_type rows);
bool efla_file_is_scalar(efla_tensor tensor); /* of that type */

/* n numbers of a contiguous array: rounded from those of a file, and times a factor to a file. */
void efla_file_narrow(size_t n, const double *from, const efla_array *to);
void efla_file_widen(size_t n, double factor, const efla_array *from, double *to);

#endif
