/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The comparison of a kernel's outputs with the truth: how large the errors are, where, and whether that is within the
 * tolerance. */
#ifndef EFLA_CHECK_COMPARISON_H
#define EFLA_CHECK_COMPARISON_H

#include "check/result.h"
#include "check/reference_trajectory.h"

typedef struct efla_comparison {
  efla_kernel_spec spec;
  efla_tolerance tolerance;
  efla_tensors *in, *out; /* may be the same */
  efla_head_result *head; /* (in->heads) */
  efla_head_result total;
} efla_comparison;

/* The narrowest of the usual formats in which all numbers of o (of final_state) can be stored, at most the type on
 * disk: what they were before somebody widened them.  The type on disk itself where fewer than 64 numbers are not
 * zero. */
efla_status efla_output_format(efla_tensors *out, efla_tensor tensor, efla_format *format, efla_message *why);

/* Compares everything, on `threads` threads; in and out must stay open.  Fails as the reader does, as the oracle does,
 * and with EFLA_NO_MEMORY; comparison is to be cleared in any case. */
efla_status efla_comparison_run(efla_comparison *comparison, size_t threads, efla_message *why);
void efla_comparison_clear(efla_comparison *comparison);

#endif
