/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backward pass through a tensor file: the derivatives of a loss by its inputs, from those by o and final_state. */
#ifndef EFLA_RUN_BACKWARD_FILE_H
#define EFLA_RUN_BACKWARD_FILE_H

#include "run/file_inputs.h"

/* Whether there are gradients of such a pass through `in`, which has do, in this format, by the backend of that name, and
 * a batch entry fits in the memory of the machine.  Fails with EFLA_USAGE, EFLA_INPUT and EFLA_NO_MEMORY. */
efla_status efla_backward_file_check(const efla_rule *rule, const char *backend, const efla_tensors *in,
                                     const efla_format *format, efla_message *why);

/* The gradients that there are, to `to`; how many. */
size_t efla_backward_file_list(const efla_rule *rule, const efla_tensors *in, efla_tensor to[EFLA_FILE_INPUTS]);

/* Adds their datasets to `out`, a file made for the outputs of `in`, before anything is written to it.  Fails with
 * EFLA_OUTPUT. */
efla_status efla_backward_file_declare(const efla_rule *rule, const efla_tensors *in, efla_tensors *out,
                                       efla_message *why);

/* Reads the inputs, do and where there is one dfinal_state of `in`, one batch entry at a time, and writes dq, dk, dv,
 * dbeta, and where the inputs have them dg or dalpha, dp and dinitial_state to `out`, which has their datasets, by the
 * backend of that name (NULL: auto), in the type of the format (efla_file_type).  Fails with EFLA_USAGE where the backend
 * does not offer it, as reader and writer do, and with EFLA_NO_MEMORY. */
efla_status efla_backward_file(const efla_rule *rule, const char *backend, const efla_format *format, efla_tensors *in,
                               efla_tensors *out, size_t threads, efla_message *why);

#endif
