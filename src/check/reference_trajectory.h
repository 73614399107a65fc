/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The truth along the tokens of one head, read out at every token, and the rounding that a kernel is entitled to
 * there. */
#ifndef EFLA_CHECK_REFERENCE_TRAJECTORY_H
#define EFLA_CHECK_REFERENCE_TRAJECTORY_H

#include "base/tokens.h"
#include "efla/rule.h"
#include "check/error_bound.h"
#include "oracle/oracle.h"

/* What is true: a method with its keys and scale, as an oracle has it.  longdouble knows every method, the others the
 * exact flow only; and how it is held: what the kernel computes in and what its outputs are stored in. */
typedef struct efla_kernel_spec {
  const efla_method *method;
  const efla_key_treatment *keys;
  double scale;
  const efla_oracle *truth;
  efla_units units;
  efla_format o, state; /* types of the stored outputs */
} efla_kernel_spec;

typedef struct efla_reference_trajectory {
  const efla_kernel_spec *spec;
  size_t dk, dv;
  long double *S;  /* (dk, dv), true state */
  long double *o;  /* (dv), true read-out of the last token, scale included */
  double error;    /* how far S may be off, Frobenius; 0 for longdouble, whose own rounding is 2^-11 of f64's */
  double variance; /* of a kernel's error of o, summed over its entries */
  efla_error_bound bound;
  long double *wide; /* (2 dk + dv), scratch: q, k, v */
  double *key;       /* (dk), as used */
  double *read;      /* (dv), scratch: S^T k */
} efla_reference_trajectory;

/* EFLA_USAGE where the truth does not know the method. */
efla_status efla_kernel_spec_check(const efla_kernel_spec *spec, efla_message *why);

/* kernel spec must outlive the reference trajectory.  Fails with EFLA_NO_MEMORY and leaves reference trajectory
 * zeroed. */
efla_status efla_reference_trajectory_init(efla_reference_trajectory *trajectory, const efla_kernel_spec *spec,
                                           size_t dk, size_t dv);
void efla_reference_trajectory_clear(efla_reference_trajectory *trajectory);

/* A sequence begins: S (dk, dv). */
void efla_reference_trajectory_start(efla_reference_trajectory *trajectory, const double *S);

/* Takes token t of x, with the logarithm g of its decay.  Fails as efla_oracle_advance does. */
efla_status efla_reference_trajectory_step(efla_reference_trajectory *trajectory, const efla_tokens *x, size_t t,
                                           double g, efla_message *why);

/* The largest error that the tolerance grants: of the read-out at hand and of the state, in norm. */
double efla_reference_trajectory_readout_tolerance(const efla_reference_trajectory *trajectory, const double *q);
double efla_reference_trajectory_state_tolerance(const efla_reference_trajectory *trajectory);

#endif
