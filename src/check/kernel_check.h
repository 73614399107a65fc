/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The whole kernel check into a kernel's outputs: files, comparison with the truth, causality, and which fault explains
 * what is wrong. */
#ifndef EFLA_CHECK_KERNEL_CHECK_H
#define EFLA_CHECK_KERNEL_CHECK_H

#include "check/causality.h"
#include "check/comparison.h"
#include "check/fault_model.h"

typedef struct efla_kernel_check_options {
  const char *input;   /* file with q, k, v, beta */
  const char *outputs; /* with o and final_state; NULL: in the input */
  const char *against; /* a second run with inputs and o; NULL: none */
  const efla_method *method;
  const efla_key_treatment *keys;
  const efla_oracle *truth;
  efla_tolerance tolerance;
  const efla_format *
      state; /* that the kernel keeps its state in; NULL: as the outputs' attribute `precision` says, or else f64 if o is
                             * and f32 if it is not */
} efla_kernel_check_options;

typedef struct efla_kernel_check {
  efla_tensors in, separate, other; /* files of the input, of the outputs if it is another, of the second run */
  efla_comparison comparison;
  efla_causality causality;
  const efla_format *state; /* that the kernel is held to */
  const efla_format
      *instead_of; /* a wider one, which was tried first and does not explain the errors; NULL: none was */
  efla_fault_candidates candidates;      /* tried where the comparison came out outside, by score */
  bool outside;                          /* of the tolerance, or not causal */
  const efla_fault_candidate *fault;     /* explains what is wrong; NULL: none does */
  const efla_fault_candidate *resembles; /* where none does: takes away nine tenths of the error */
  size_t tail; /* where none does: all is in incomplete last chunks of this length; 0: it is not */
  const efla_format
      *coarser; /* where nothing else is known: the finest format of the state whose rounding would explain it */
} efla_kernel_check;

/* Fails as the reader does, with EFLA_USAGE where the truth does not know the method, EFLA_UNTRUSTED where the oracle
 * refuses, EFLA_NOT_FINITE where the truth is finite nowhere, EFLA_NOT_BUILT and EFLA_NO_MEMORY; kernel check is to be
 * cleared in any case. */
efla_status efla_kernel_check_run(efla_kernel_check *check, const efla_kernel_check_options *question, size_t threads,
                                  efla_message *why);
void efla_kernel_check_clear(efla_kernel_check *check);

#endif
