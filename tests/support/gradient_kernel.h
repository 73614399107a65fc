/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backward passes that leave their inputs and gradients in a tensor file: the library's, and plain loops written apart
 * from it and from the check, with switches for faults. */
#ifndef GRADIENT_KERNEL_H
#define GRADIENT_KERNEL_H

#include "h5.h"
#include "laboratory.h"

typedef enum gradient_fault {
  GRADIENT_RIGHT,
  GRADIENT_NO_LAMBDA,     /* the coefficient is a constant of k */
  GRADIENT_NO_NORM,       /* dk by the unit key */
  GRADIENT_NO_PROJECTION, /* ... over the norm */
  GRADIENT_NO_SCALE,      /* scale is not in what goes back */
  GRADIENT_SIGN,          /* of dv */
  GRADIENT_FACTOR,        /* dk 1.5 times */
  GRADIENT_ZERO,          /* dq is zero */
  GRADIENT_BETA,          /* dbeta is by the coefficient */
  GRADIENT_BEFORE,        /* dq reads the state before the token */
  GRADIENT_CARRY,         /* no chunk hands anything back */
  GRADIENT_LAST_CARRY,    /* the last chunk does not */
  GRADIENT_NO_FINAL,      /* dfinal_state is ignored */
  GRADIENT_NO_SUM,        /* dg is not summed over the tokens */
  GRADIENT_EULER,         /* all derivatives by Euler's coefficient */
  GRADIENT_HALF_TOKENS,   /* dk is right in the second half of the tokens only */
  GRADIENT_FAULTS
} gradient_fault;

/* Order of the loops' sums. */
typedef enum gradient_order {
  GRADIENT_FORWARD,
  GRADIENT_REVERSED,
  GRADIENT_PAIRWISE,
  GRADIENT_LANES, /* four, added up at last */
  GRADIENT_FUSED, /* products are not rounded */
  GRADIENT_ORDERS
} gradient_order;

/* do: noise; that of the sum of o; that of |o - v|^2/2, of the loops only. */
typedef enum gradient_loss { GRADIENT_NOISE, GRADIENT_SUM_OF_O, GRADIENT_SQUARES, GRADIENT_LOSSES } gradient_loss;

typedef struct gradient_kernel {
  h5_sizes sizes; /* all >= 1 */
  double norm;    /* of keys */
  size_t seed;
  const char *family; /* of data/source.h; NULL: Gaussian */
  gradient_loss loss;
  const char *method, *decay, *keys;
  double scale;
  bool channels, erase_key, initial, final, packed;
  bool f64;            /* arithmetic; otherwise f32 */
  const char *format;  /* of inputs, o and gradients */
  const char *backend; /* of the library; NULL: the loops, which have method exact, and decay none or split */
  const char *isa;     /* of cpu; NULL: any */
  gradient_order order;
  const char *operands; /* of the loops' products: a format; NULL: they are not rounded */
  const char *state;    /* format that is declared; NULL: none */
  size_t by_chunks;     /* the loops go by chunks of so many tokens; 0: token by token */
  size_t shared;        /* heads share q and k, and dq and dk are summed over so many; 0: not */
  size_t chunk;         /* of a fault */
  gradient_fault fault;
  bool no_o_gradient; /* there is no do */
} gradient_kernel;

/* The library's, of small arrays in f32. */
gradient_kernel gradient_kernel_usual(void);

/* Writes all of it to one file. */
void gradient_kernel_write(const gradient_kernel *kernel, const char *path);

/* The kernel check of that file, which the caller clears; the test ends where it fails. */
efla_kernel_check gradient_kernel_check(const gradient_kernel *kernel, const char *path);

#endif
