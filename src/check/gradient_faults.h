/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Faults of backward passes, one row each: what a gradient becomes where something is left out of it. */
#ifndef EFLA_CHECK_GRADIENT_FAULTS_H
#define EFLA_CHECK_GRADIENT_FAULTS_H

#include "check/adjoint.h"

/* Gradients that are judged, in this order. */
typedef enum efla_gradient_of {
  EFLA_BY_Q,
  EFLA_BY_K,
  EFLA_BY_V,
  EFLA_BY_BETA,
  EFLA_BY_DECAY,
  EFLA_BY_ERASE_KEY,
  EFLA_BY_STATE,
  EFLA_GRADIENTS
} efla_gradient_kind;

/* What a fault is computed from: the adjoint that has just differentiated token t of x, the state before it, and the
 * gradient of the decay's argument at the token after it, NULL at the last. */
typedef struct efla_gradient_view {
  const efla_adjoint *adjoint;
  const efla_tokens *x;
  size_t t, token; /* in the block, in the sequence */
  const double *d_o;
  const long double *before, *next;
} efla_gradient_view;

typedef struct efla_gradient_fault {
  const char *name, *says; /* NULL: the end */
  efla_gradient_kind of;
  size_t amount; /* a chunk's length */
  void (*row)(const efla_gradient_view *view, size_t amount, long double *to);
  bool margin; /* row says how far off the gradient is at most, and not what it is */
} efla_gradient_fault;
extern const efla_gradient_fault efla_gradient_faults[];
enum { EFLA_GRADIENT_FAULTS = 21 };

/* A backward pass that is wrong as a whole. */
typedef struct efla_gradient_variant {
  size_t chunk;              /* the adjoint is not handed from one chunk of this length to the one before; 0: it is */
  bool last;                 /* only not from the last chunk */
  bool ignores_final;        /* starts from zero, whatever the derivative by final_state is */
  const efla_method *method; /* its coefficients; NULL: the forward pass's */
  const efla_key_treatment *keys;
} efla_gradient_variant;

#endif
