/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "oracles.h"

#include "testing.h"

long double *oracles_new_state(size_t n) {
  long double *S = malloc(n * sizeof *S);
  ck_assert_ptr_nonnull(S);
  for (size_t e = 0; e < n; e++) S[e] = sin(3. * (double)e + 1) / sqrt((double)n);
  return S;
}

double oracles_distance(size_t n, const long double *S, const long double *T) {
  long double sum = 0;
  for (size_t e = 0; e < n; e++) sum += (S[e] - T[e]) * (S[e] - T[e]);
  return (double)sqrtl(sum);
}

bool oracles_built(const efla_oracle *oracle) {
#ifdef EFLA_HAVE_ARB
  (void)oracle;
  return true;
#else
  return strcmp(oracle->name, "arb") != 0;
#endif
}
