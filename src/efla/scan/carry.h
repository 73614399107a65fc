/* SPDX-License-Identifier: MIT */
/* States across pieces: those that pieces begin with, and on the way back the derivatives by those that they end with. */
#ifndef EFLA_SCAN_CARRY_H
#define EFLA_SCAN_CARRY_H

#include "efla/scan/states.h"

typedef struct efla_carry {
  const efla_scan *s;
  bool backward;
  bool d_final;              /* there is a derivative by the final state of sequences */
  efla_states M, N, initial; /* initial: of all pieces */
  efla_states P, final;      /* of a backward call: what N is for the adjoint; by the final states of all pieces */
  efla_states moved;         /* what a chain returns */
  char *constants;           /* in the backend's memory */
} efla_carry;

/* Without memory yet; to be cleared. */
efla_carry efla_carry_of(const efla_scan *s, bool backward);
void efla_carry_clear(efla_carry *c);

/* Makes the states of all pieces, and loads the caller's: of this rank alone. */
efla_status efla_carry_load(efla_carry *c);

/* Called by all ranks; the status is that of all.  Forward: leaves the initial states of all pieces in c->initial.
 * Backward: also the derivatives by their final states, from later tokens and from dy->final_state, in c->final. */
efla_status efla_carry_scan(efla_carry *c);

#endif
