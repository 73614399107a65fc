/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rank-one recurrence in long double: the reference for long runs. */
#include "oracle/advance.h"

#include "efla/rule.h"
#include "efla/reference/recurrence.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* Rounding errors of one algorithm on one input scale with its unit roundoff.  So the gap between the recurrence in f64
 * and in long double, which is f64's error, tells long double's: the gap times the ratio of the units; SAFETY covers
 * that the errors of the two are different draws.  Where both draws may be small by chance stands one roundoff of the
 * state, and with an erase key, whose flow may grow as exp(-rho lambda), as many as rho |k| |p|. */
static const double SAFETY = 8;

efla_status efla_longdouble_advance(const efla_tokens *x, const efla_decay *decay, long double *S, double *error,
                                    efla_message *why) {
  if (LDBL_MANT_DIG <= DBL_MANT_DIG)
    return efla_fail(why, EFLA_NOT_BUILT, "oracle longdouble: long double is no wider than double on this machine");
  size_t dk = x->dk, dv = x->dv, state = dk * dv;
  long double *wide = malloc((2 * dk + dv) * sizeof *wide);
  double *S64 = malloc(state * sizeof *S64);
  if (!wide || !S64) {
    free(wide);
    free(S64);
    return efla_fail_memory(why);
  }
  long double *k = wide, *p = k + dk, *v = p + dk;
  double roundoffs = 1;
  const efla_method *exact = efla_method_find("exact");
  for (size_t e = 0; e < state; e++) S64[e] = (double)S[e];
  for (size_t t = 0; t < x->tokens; t++) {
    const double *k64 = x->k + t * dk, *p64 = efla_token_erase_key(x, t), *v64 = x->v + t * dv;
    for (size_t i = 0; i < dk; i++) k[i] = k64[i], p[i] = p64[i];
    for (size_t j = 0; j < dv; j++) v[j] = v64[j];
    long double lambda = 0;
    for (size_t i = 0; i < dk; i++) lambda += p[i] * k[i];
    efla_rates_long rates = efla_token_rates_long(decay, x, t);
    efla_rates rates64 = efla_token_rates(decay, x, t);
    efla_coefficients_long c;
    efla_coefficients c64;
    rates.before = rates64.before = 0; /* the caller's */
    if (x->p) roundoffs = fmax(roundoffs, 1 + rates64.erase * efla_token_reach(x, t));
    efla_rates_coefficients_long(exact, &rates, lambda, &c);
    efla_rates_coefficients(exact, &rates64, efla_token_lambda(x, t), &c64);
    efla_recurrence_step_long(dk, dv, k, x->p ? p : NULL, v, &c, NULL, NULL, S);
    efla_recurrence_step_f64(dk, dv, k64, p64, v64, &c64, NULL, NULL, S64);
  }
  double ratio = (double)LDBL_EPSILON / DBL_EPSILON;
  *error = SAFETY * (ratio * efla_distance(state, S64, S) + roundoffs * (double)LDBL_EPSILON / 2 * efla_norm(state, S));
  free(S64);
  free(wide);
  return EFLA_OK;
}
