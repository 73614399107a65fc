/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/channel_exact.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static const double LARGEST_RHO = 1e8;

/* An upper bound of the eigenvalues of A, not below the largest one by rounding either; inf or nan as y is. */
static double largest_eigenvalue(size_t dk, const double *k, double beta, const double *y) {
  double most = 0;
  for (size_t i = 0; i < dk; i++) most = y[i] > most || isnan(y[i]) ? y[i] : most;
  return (most + beta * efla_lambda(dk, k)) * (1 + ((double)dk + 4) * DBL_EPSILON);
}

/* The index beyond which the coefficients of the exponential add up to less than u/64: 2 I_m(z) e^-z is the probability
 * that two Poisson variables of mean z/2 differ by m, of which Chernoff's inequality bounds the tail. */
static size_t series_length(double z, double u) {
  double m = 1;
  while (2 * exp(m * m / (z + hypot(z, m)) - m * asinh(m / z)) > u / 64) m++;
  return (size_t)m;
}

/* docs/bounds.md#channel-exact, for a series of n terms, with the norms of the state and of beta k v^T. */
static double error_bound(size_t dk, double rho, size_t n, double u, double state, double source) {
  double grows = 3 * ((double)dk + 11) * (rho + fmin(rho, sqrt(2 * rho))), terms = (double)n;
  return u * ((grows + terms * fmin(2, rho) + 4) * state + (grows + 6 * terms + 16) * source);
}

#define REAL       double
#define NAME(stem) stem##_f64
#define ROUNDOFF   (DBL_EPSILON / 2)
#include "ode/channel_exact.inc"
#undef REAL
#undef NAME
#undef ROUNDOFF

#define REAL       long double
#define NAME(stem) stem##_long
#define ROUNDOFF   ((double)LDBL_EPSILON / 2)
#include "ode/channel_exact.inc"
#undef REAL
#undef NAME
#undef ROUNDOFF
