/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Comparison of a kernel's outputs with the reference trajectory: how large the errors are, where they are,
 * and whether they are within the tolerance. */
#ifndef EFLA_CHECK_COMPARISON_H
#define EFLA_CHECK_COMPARISON_H

#include "check/result.h"
#include "check/reference_trajectory.h"

typedef struct efla_comparison {
  efla_kernel_spec spec;
  efla_tolerance tolerance;
  efla_tensors *in, *out; /* input and output files, may be the same */
  efla_head_result *head; /* (in->heads) */
  efla_head_result total;
} efla_comparison;

/* Infers the storage format of o (of final_state, of a derivative): the narrowest of bf16, fp16 and f32 that represents
 * every number, at most the type on disk. With fewer than 64 nonzero numbers: the type on disk. */
efla_status efla_output_format(efla_tensors *out, efla_tensor tensor, efla_format *format, efla_message *why);

/* Compares all heads on `threads` threads; in and out must be open. Fails where reading fails, where the
 * oracle refuses, and with EFLA_NO_MEMORY; comparison is to be cleared in any case. */
efla_status efla_comparison_run(efla_comparison *comparison, size_t threads, efla_message *why);
void efla_comparison_clear(efla_comparison *comparison);

#endif
