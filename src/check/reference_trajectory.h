/* The truth along the tokens of one head, read out at every token, and the rounding that a kernel is entitled to there. */
#ifndef EFLA_CHECK_REFERENCE_TRAJECTORY_H
#define EFLA_CHECK_REFERENCE_TRAJECTORY_H

#include "base/tokens.h"
#include "efla/rule.h"
#include "check/error_bound.h"
#include "oracle/oracle.h"

/* What is true: a method with its keys and scale, as an oracle has it.  longdouble knows every method, the others the exact flow
 * only; and how it is held: what the kernel computes in and what its outputs are stored in. */
typedef struct efla_claim {
  const efla_method *method;
  const efla_key_treatment *keys;
  double scale;
  const efla_oracle *truth;
  efla_units units;
  efla_format o, state; /* types of the stored outputs */
} efla_claim;

typedef struct efla_track {
  const efla_claim *claim;
  size_t dk, dv;
  long double *S;  /* (dk, dv), true state */
  long double *o;  /* (dv), true read-out of the last token, scale included */
  double error;    /* how far S may be off, Frobenius; 0 for longdouble, whose own rounding is 2^-11 of f64's */
  double variance; /* of a kernel's error of o, summed over its entries */
  efla_budget budget;
  long double *wide; /* (2 dk + dv), scratch: q, k, v */
  double *key;       /* (dk), as used */
  double *read;      /* (dv), scratch: S^T k */
} efla_track;

/* EFLA_USAGE where the truth does not know the method. */
efla_status efla_claim_check(const efla_claim *claim, efla_message *why);

/* claim must outlive the track.  Fails with EFLA_MEMORY and leaves track zeroed. */
efla_status efla_track_init(efla_track *track, const efla_claim *claim, size_t dk, size_t dv);
void efla_track_clear(efla_track *track);

/* A sequence begins: S (dk, dv). */
void efla_track_start(efla_track *track, const double *S);

/* Takes token t of x, with the logarithm g of its decay.  Fails as efla_oracle_advance does. */
efla_status efla_track_step(efla_track *track, const efla_tokens *x, size_t t, double g, efla_message *why);

/* The largest error that the tolerance grants: of the read-out at hand and of the state, in norm. */
double efla_track_readout_tolerance(const efla_track *track, const double *q);
double efla_track_state_tolerance(const efla_track *track);

#endif
