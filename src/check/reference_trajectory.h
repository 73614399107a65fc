/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reference trajectory: the exact state and read-out after every token of one head, with an error bound for a
 * kernel of given formats. */
#ifndef EFLA_CHECK_REFERENCE_TRAJECTORY_H
#define EFLA_CHECK_REFERENCE_TRAJECTORY_H

#include "base/tokens.h"
#include "efla/rule.h"
#include "check/error_bound.h"
#include "oracle/oracle.h"

/* The specification of the kernel under test. Exact values: rule and scale, computed by the oracle `truth`
 * (longdouble supports every method and decay, the others only the exact flow, with decay none or split). Error
 * bound: the kernel's units of rounding and the types of its outputs. */
typedef struct efla_kernel_spec {
  efla_rule rule; /* every row given; its scale is not used */
  double scale;
  const efla_oracle *truth;
  efla_units units;
  efla_format o, state; /* types of the stored outputs */
  double tests;         /* errors that are compared with the bound */
} efla_kernel_spec;

typedef struct efla_reference_trajectory {
  const efla_kernel_spec *spec;
  size_t dk, dv;
  long double *S;         /* (dk, dv), true state */
  long double *o;         /* (dv), true read-out of the last token, scale included */
  double error;           /* bound for the error of S, Frobenius; 0 for longdouble, whose unit is 2^-11 of f64's */
  efla_variance variance; /* of a kernel's error of o */
  efla_error_bound bound;
  long double *wide; /* (5 dk + dv), scratch: q, k, p, the channels' decays before and after the step, v */
  double *key;       /* (dk), after treatment */
  double *update;    /* (3 dk), scratch: keys and decays of the update as error_bound.h writes it */
  double *last;      /* (dk), decays of the token before */
  double *rates;     /* (dk), and */
  double *S64;       /* (dk, dv), scratch of the exact flow with g per channel */
} efla_reference_trajectory;

/* Whether the truth is the exact flow with g per channel, which no coefficient solves: decay `joint` with g per
 * channel. */
bool efla_kernel_spec_exact(const efla_kernel_spec *spec, bool g_per_channel);

/* Fails with EFLA_USAGE where the oracle does not support the method or the decay, or where there is no truth for such
 * tokens: the exact flow with g per channel is known for the method `exact`, without an erase key, to longdouble (by
 * its series), gsl and arb. */
efla_status efla_kernel_spec_check(const efla_kernel_spec *spec, bool g_per_channel, bool erase_key, efla_message *why);

/* spec must outlive the trajectory. Fails with EFLA_NO_MEMORY; trajectory is then zeroed. */
efla_status efla_reference_trajectory_init(efla_reference_trajectory *trajectory, const efla_kernel_spec *spec,
                                           size_t dk, size_t dv);
void efla_reference_trajectory_clear(efla_reference_trajectory *trajectory);

/* Starts a sequence from S (dk, dv); NULL: the zero state. */
void efla_reference_trajectory_start(efla_reference_trajectory *trajectory, const double *S);

/* Advances by token t of x, with the decay's argument if the rule takes it and the erase key if x has one.  Fails as
 * efla_oracle_advance does. */
efla_status efla_reference_trajectory_step(efla_reference_trajectory *trajectory, const efla_tokens *x, size_t t,
                                           efla_message *why);

/* The largest error within the tolerance: of the current read-out and of the current state, in norm. */
double efla_reference_trajectory_readout_tolerance(const efla_reference_trajectory *trajectory, const double *q);
double efla_reference_trajectory_state_tolerance(const efla_reference_trajectory *trajectory);

#endif
