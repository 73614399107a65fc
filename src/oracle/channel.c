/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "oracle/channel.h"

#include "ode/channel_exact.h"
#include "oracle/advance.h"

#include <gsl/gsl_cblas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static efla_status by_chebyshev(const efla_tokens *x, const double *y, long double *S, double *error,
                                efla_message *why) {
  return efla_channel_exact_long(x, y, S, error) == EFLA_OK ? EFLA_OK : efla_fail_memory(why);
}

/* S64 through all tokens by the exponential of the augmented matrix of docs/derivations.md#channel-exact; block: 2
 * (n, n), n = dk + 1, and a state. */
static efla_status by_dense_exponential(const efla_tokens *x, const double *y, double *S64, double *block,
                                        efla_message *why) {
  size_t dk = x->dk, dv = x->dv, n = dk + 1;
  double *A = block, *E = A + n * n, *old = E + n * n;
  gsl_matrix_view matrix = gsl_matrix_view_array(A, n, n), exponential = gsl_matrix_view_array(E, n, n);
  for (size_t t = 0; t < x->tokens; t++) {
    const double *v = x->v + t * dv;
    double c = cblas_dnrm2((int)dv, v, 1);
    const efla_rates rates = efla_token_rates(NULL, x, t);
    efla_augmented(dk, x->k + t * dk, x->k + t * dk, &rates, c, A);
    for (size_t i = 0; i < dk; i++) A[i * n + i] -= y[t * dk + i];
    if (gsl_linalg_exponential_ss(&matrix.matrix, &exponential.matrix, GSL_PREC_DOUBLE) != GSL_SUCCESS)
      return efla_fail(why, EFLA_UNTRUSTED, "gsl_linalg_exponential_ss failed at token %zu", t + 1);
    efla_augmented_apply(dk, dv, E, 0, v, c, S64, old);
  }
  return EFLA_OK;
}

/* Its error is its distance from the series in long double, and the bound of that. */
static efla_status by_gsl(const efla_tokens *x, const double *y, long double *S, double *error, efla_message *why) {
  size_t n = x->dk + 1, state = x->dk * x->dv;
  long double *second = malloc(state * sizeof *second);
  double *S64 = malloc((2 * state + 2 * n * n) * sizeof *S64);
  efla_status status = EFLA_NO_MEMORY;
  if (!second || !S64) goto done;
  memcpy(second, S, state * sizeof *second);
  for (size_t e = 0; e < state; e++) S64[e] = (double)S[e];
  status = by_dense_exponential(x, y, S64, S64 + state, why);
  if (status == EFLA_OK) status = efla_channel_exact_long(x, y, second, error);
  if (status != EFLA_OK) goto done;
  *error += efla_distance(state, S64, second);
  for (size_t e = 0; e < state; e++) S[e] = S64[e];
done:
  free(S64);
  free(second);
  return status == EFLA_NO_MEMORY ? efla_fail_memory(why) : status;
}

/* The limits say from where on an oracle's own error makes it useless as a truth about splittings. */
const efla_channel_oracle efla_channel_oracles[] = {
    {.name = "gsl",
     .what = "gsl_linalg_exponential_ss on the augmented matrix",
     .error_kind = EFLA_ERROR_ESTIMATED,
     .limit = 1e-6,
     .advance = by_gsl},
    {.name = "chebyshev",
     .what = "Chebyshev series of the exponential in long double",
     .error_kind = EFLA_ERROR_BOUND,
     .limit = 1e-9, /* its bound far exceeds its error where beta |k| |v| exceeds the state */
     .advance = by_chebyshev},
    {.name = "arb",
     .what = "exponential of the augmented matrix in 128-bit balls",
     .error_kind = EFLA_ERROR_CERTIFIED,
     .limit = 1e-12,
     .advance = efla_channel_arb_advance},
    {.name = NULL},
};

const char *efla_channel_oracle_name(size_t i) {
  return i < sizeof efla_channel_oracles / sizeof *efla_channel_oracles ? efla_channel_oracles[i].name : NULL;
}

const efla_channel_oracle *efla_channel_oracle_find(const char *name) {
  for (const efla_channel_oracle *o = efla_channel_oracles; o->name; o++)
    if (!strcmp(o->name, name)) return o;
  return NULL;
}

/* An upper bound of the norm of the product of transitions. */
static double carry(const efla_tokens *x, const double *y) {
  double sum = 0;
  for (size_t t = 0; t < x->tokens; t++) {
    double least = INFINITY;
    for (size_t i = 0; i < x->dk; i++) least = fmin(least, y[t * x->dk + i]);
    sum += least;
  }
  return exp(-sum);
}

efla_status efla_channel_oracle_advance(const efla_channel_oracle *oracle, const efla_tokens *x, const double *y,
                                        long double *S, double *error, efla_message *why) {
  size_t n = x->dk * x->dv;
  double own = 0;
  gsl_set_error_handler_off();
  efla_status status = oracle->advance(x, y, S, &own, why);
  double norm = efla_norm(n, S);
  if (status == EFLA_OK && !(isfinite(norm) && own <= oracle->limit * norm))
    status = efla_fail(why, EFLA_UNTRUSTED,
                       "oracle %s refuses: its own error is %.3g of a state of norm %.3g, expected at most %.3g of it",
                       oracle->name, own / norm, norm, oracle->limit);
  if (status == EFLA_OK) {
    *error = *error * carry(x, y) + own;
    return EFLA_OK;
  }
  *error = INFINITY;
  for (size_t e = 0; e < n; e++) S[e] = NAN;
  return status;
}
