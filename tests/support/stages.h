/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stages of a tableau on the scalar test equation, in long double. */
#ifndef STAGES_H
#define STAGES_H

#include "ode/ode.h"

typedef double stages[EFLA_STAGES];

/* (I + x A)^-1 in long double and what follows from it. */
typedef struct response {
  long double inverse[EFLA_STAGES][EFLA_STAGES], phi; /* phi = b^T y */
  stages y;                                           /* |(I + x A)^-1 1|: stage slopes in units of the first */
} response;

response respond(const efla_tableau *t, long double x);

/* b^T (I + yA)^-1 (I + zA)^-1 1 = (R(-y) - R(-z))/(z - y), from the responses at y and z: nothing is divided by z - y. */
long double respond_psi(const efla_tableau *t, const response *y, const response *z);

#endif
