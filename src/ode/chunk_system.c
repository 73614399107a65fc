/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/chunk_system.h"

#include <gsl/gsl_cblas.h>
#include <math.h>
#include <string.h>

#define REAL       double
#define NAME(stem) stem##_f64
#define GEMM       cblas_dgemm
#include "ode/chunk_system.inc"
#undef REAL
#undef NAME
#undef GEMM

#define REAL       float
#define NAME(stem) stem##_f32
#define GEMM       cblas_sgemm
#include "ode/chunk_system.inc"

/* A coefficient of zero leaves the unit row and column of its token; elsewhere entry (i, j) is multiplied by
 * sqrt(a_j/a_i). */
void efla_chunk_condition(size_t C, const double *L, const double *coefficient, double *T, double *largest,
                          double *condition) {
  double rows = 1, inverse_rows = 1;
  efla_chunk_invert_f64(C, L, T);
  *largest = 1; /* the diagonal's */
  for (size_t i = 0; i < C; i++) {
    double sum = 1, inverse_sum = 1;
    for (size_t j = 0; j < i && coefficient[i] > 0; j++) {
      double scale = sqrt(coefficient[j] / coefficient[i]), entry = fabs(T[i * C + j]) * scale;
      sum += fabs(L[i * C + j]) * scale, inverse_sum += entry;
      *largest = fmax(*largest, isnan(entry) ? INFINITY : entry);
    }
    rows = fmax(rows, isnan(sum) ? INFINITY : sum);
    inverse_rows = fmax(inverse_rows, isnan(inverse_sum) ? INFINITY : inverse_sum);
  }
  *condition = rows * inverse_rows;
}
