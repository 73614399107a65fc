/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/ode.h"

#include <gsl/gsl_linalg.h>
#include <string.h>

static void sample_hold(const void *context, double time, double *k, double *v) {
  (void)time;
  const efla_zero_order_hold *hold = context;
  memcpy(k, hold->k, hold->dk * sizeof *k);
  memcpy(v, hold->v, hold->dv * sizeof *v);
}

efla_signal efla_signal_hold(const efla_zero_order_hold *hold) {
  return (efla_signal){
      .dk = hold->dk, .dv = hold->dv, .sample = sample_hold, .context = hold, .erase = 1, .write = 1, .p = hold->p};
}

void efla_ode_rhs(const efla_signal *signal, const double *k, const double *v, const double *S, double *dS) {
  size_t dk = signal->dk, dv = signal->dv;
  const double *p = signal->p ? signal->p : k;
  for (size_t j = 0; j < dv; j++) {
    double u = signal->write * v[j];
    for (size_t i = 0; i < dk; i++) u -= signal->erase * p[i] * S[i * dv + j];
    for (size_t i = 0; i < dk; i++) dS[i * dv + j] = k[i] * u - signal->decay * S[i * dv + j];
  }
}

/* Scratch: the stages' slopes (stages, dk, dv), one state, k and v of every stage, and the matrix of an implicit solve.
 */
typedef struct workspace {
  double *slopes, *state, *k, *v, *matrix;
} workspace;

static size_t lay_out(const efla_tableau *tableau, size_t dk, size_t dv, double *scratch, workspace *w) {
  size_t s = (size_t)tableau->stages, used = 0;
  size_t matrix = efla_tableau_is_explicit(tableau) ? 0 : s * dk * s * dk;
  struct {
    double **part;
    size_t length;
  } parts[] = {{&w->slopes, s * dk * dv}, {&w->state, dk * dv}, {&w->k, s * dk}, {&w->v, s * dv}, {&w->matrix, matrix}};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; used += parts[i++].length)
    *parts[i].part = scratch ? scratch + used : NULL;
  return used;
}

size_t efla_ode_scratch(const efla_tableau *tableau, size_t dk, size_t dv) {
  workspace w;
  return lay_out(tableau, dk, dv, NULL, &w);
}

static void explicit_slopes(const efla_tableau *tableau, const efla_signal *signal, double h, const double *S,
                            workspace w) {
  size_t dk = signal->dk, dv = signal->dv, n = dk * dv;
  for (int i = 0; i < tableau->stages; i++) {
    memcpy(w.state, S, n * sizeof *S);
    for (int j = 0; j < i; j++)
      for (size_t e = 0; e < n; e++) w.state[e] += h * tableau->a[i][j] * w.slopes[(size_t)j * n + e];
    efla_ode_rhs(signal, w.k + (size_t)i * dk, w.v + (size_t)i * dv, w.state, w.slopes + (size_t)i * n);
  }
}

/* The slopes K_i of a linear problem solve K_i + h (y I + rho k_i p^T) sum_j a_ij K_j = f_i(S): one system for all
 * stages, with as many right-hand sides as S has columns. */
static efla_status implicit_slopes(const efla_tableau *tableau, const efla_signal *signal, double h, const double *S,
                                   workspace w) {
  size_t dk = signal->dk, dv = signal->dv, s = (size_t)tableau->stages, size = s * dk;
  for (size_t i = 0; i < s; i++) {
    const double *k = w.k + i * dk, *p = signal->p ? signal->p : k;
    efla_ode_rhs(signal, k, w.v + i * dv, S, w.slopes + i * dk * dv);
    for (size_t j = 0; j < s; j++)
      for (size_t m = 0; m < dk; m++)
        for (size_t n = 0; n < dk; n++)
          w.matrix[(i * dk + m) * size + j * dk + n] =
              (i == j && m == n) + h * tableau->a[i][j] * (signal->erase * k[m] * p[n] + (m == n ? signal->decay : 0));
  }
  gsl_permutation *permutation = gsl_permutation_alloc(size);
  if (!permutation) return EFLA_NO_MEMORY;
  gsl_matrix_view matrix = gsl_matrix_view_array(w.matrix, size, size);
  gsl_matrix_view slopes = gsl_matrix_view_array(w.slopes, size, dv);
  int sign;
  gsl_linalg_LU_decomp(&matrix.matrix, permutation, &sign);
  for (size_t j = 0; j < dv; j++) {
    gsl_vector_view column = gsl_matrix_column(&slopes.matrix, j);
    gsl_linalg_LU_svx(&matrix.matrix, permutation, &column.vector);
  }
  gsl_permutation_free(permutation);
  return EFLA_OK;
}

efla_status efla_ode_advance(const efla_tableau *tableau, const efla_signal *signal, double time, double duration,
                             size_t steps, double *S, double *scratch) {
  size_t dk = signal->dk, dv = signal->dv, n = dk * dv;
  double h = duration / (double)steps;
  workspace w;
  lay_out(tableau, dk, dv, scratch, &w);
  for (size_t step = 0; step < steps; step++) {
    for (int i = 0; i < tableau->stages; i++)
      signal->sample(signal->context, time + ((double)step + tableau->c[i]) * h, w.k + (size_t)i * dk,
                     w.v + (size_t)i * dv);
    if (efla_tableau_is_explicit(tableau))
      explicit_slopes(tableau, signal, h, S, w);
    else if (implicit_slopes(tableau, signal, h, S, w) != EFLA_OK)
      return EFLA_NO_MEMORY;
    for (int i = 0; i < tableau->stages; i++)
      for (size_t e = 0; e < n; e++) S[e] += h * tableau->b[i] * w.slopes[(size_t)i * n + e];
  }
  return EFLA_OK;
}
