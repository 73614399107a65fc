/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The whole check of a kernel's outputs: files, comparison with the reference trajectory, causality, and the
 * fault that explains an error. */
#ifndef EFLA_CHECK_KERNEL_CHECK_H
#define EFLA_CHECK_KERNEL_CHECK_H

#include "check/causality.h"
#include "check/comparison.h"
#include "check/gradient_check.h"
#include "check/judgement.h"

typedef struct efla_kernel_check_options {
  const char *input;   /* file with q, k, v, beta */
  const char *outputs; /* with o and final_state, and gradients; NULL: in the input */
  const char *against; /* a second run with inputs and o; NULL: none */
  efla_rule rule;      /* method and keys */
  size_t decay;        /* value of an option for it (io/file_decay.h); 0: the one that the file suggests */
  const efla_oracle *truth;
  efla_tolerance tolerance;
  /* Of the kernel's state; NULL: the outputs' attribute `precision`, or else f64 if o is f64 and f32 otherwise. */
  const efla_format *state;
} efla_kernel_check_options;

typedef struct efla_kernel_check {
  efla_tensors in, separate, other; /* the input, the outputs if in another file, the second run */
  efla_comparison comparison;
  efla_causality causality;
  const efla_format *state;      /* the state's format that was used */
  const efla_format *instead_of; /* a wider format that was tried first and did not explain the errors; NULL: none */
  efla_gradient_check gradients;
  bool outside;             /* of the tolerance, or not causal, or a gradient is */
  efla_judgement judgement; /* where the comparison is outside the tolerance */
  size_t tail; /* where none does: all errors are in incomplete last chunks of this length; 0: they are not */
} efla_kernel_check;

/* Fails where reading fails; with EFLA_USAGE where the oracle does not support the rule, EFLA_UNTRUSTED
 * where it refuses, EFLA_NOT_FINITE where the true o is finite nowhere, EFLA_NOT_BUILT and EFLA_NO_MEMORY.
 * check is to be cleared in any case. */
efla_status efla_kernel_check_run(efla_kernel_check *check, const efla_kernel_check_options *question, size_t threads,
                                  efla_message *why);
/* What explains the errors; NULL where nothing does, or more than one. */
const efla_finding *efla_kernel_check_fault(const efla_kernel_check *check);
void efla_kernel_check_clear(efla_kernel_check *check);

#endif
