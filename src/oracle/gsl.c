/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The user's ground truth: GSL's dense matrix exponential.  Nothing of the rank-one structure is used.
 *
 * gsl_linalg_exponential_ss always reports success; what comes out is judged by its gap to the second reference. */
#include "oracle/advance.h"

#include <gsl/gsl_cblas.h>
#include <gsl/gsl_linalg.h>
#include <stdlib.h>

efla_status efla_gsl_advance(const efla_tokens *x, const efla_decay *decay, long double *S, double *error,
                             efla_message *why) {
  size_t dk = x->dk, dv = x->dv, n = dk + 1, state = dk * dv;
  efla_status status = EFLA_NO_MEMORY;
  double *block = malloc((2 * n * n + 2 * state) * sizeof *block);
  long double *before = malloc(state * sizeof *before);
  if (!block || !before) goto done;
  double *A = block, *E = A + n * n, *S64 = E + n * n, *old = S64 + state;
  gsl_matrix_view matrix = gsl_matrix_view_array(A, n, n), exponential = gsl_matrix_view_array(E, n, n);
  for (size_t e = 0; e < state; e++) {
    before[e] = S[e];
    S64[e] = (double)S[e];
  }
  for (size_t t = 0; t < x->tokens; t++) {
    const double *v = x->v + t * dv;
    double c = cblas_dnrm2((int)dv, v, 1);
    const efla_rates rates = efla_token_rates(decay, x, t);
    efla_augmented(dk, x->k + t * dk, efla_token_erase_key(x, t), &rates, c, A);
    if (gsl_linalg_exponential_ss(&matrix.matrix, &exponential.matrix, GSL_PREC_DOUBLE) != GSL_SUCCESS) {
      status = efla_fail(why, EFLA_UNTRUSTED, "gsl_linalg_exponential_ss failed at token %zu", t + 1);
      goto done;
    }
    efla_augmented_apply(dk, dv, E, 0, v, c, S64, old);
  }
  for (size_t e = 0; e < state; e++) S[e] = S64[e];
  status = efla_gap(x, decay, before, S, error, why);
done:
  free(before);
  free(block);
  return status == EFLA_NO_MEMORY ? efla_fail_memory(why) : status;
}
