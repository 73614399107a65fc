/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/chunk_form.h"

#include "efla/reference/recurrence.h"
#include "number/format.h"
#include "ode/chunk_system.h"

#include <gsl/gsl_cblas.h>
#include <string.h>

const efla_chunk_form efla_chunk_forms[] = {
    {"recurrence", EFLA_CHUNK_RECURRENCE, false, false, false},
    {"substitution", EFLA_CHUNK_SUBSTITUTION, false, false, false},
    {"inverse", EFLA_CHUNK_INVERSE, false, false, false},
    {"doubling", EFLA_CHUNK_DOUBLING, false, false, false},
    {"bf16_T", EFLA_CHUNK_INVERSE, true, false, false},
    {"bf16_U", EFLA_CHUNK_SUBSTITUTION, false, true, false},
    {"bf16_S", EFLA_CHUNK_SUBSTITUTION, false, false, true},
    {.name = NULL},
};

static void maybe_round(bool wanted, float *values, size_t n) {
  if (wanted) efla_format_round_f32(efla_format_find("bf16"), values, n);
}

static void by_system(const efla_chunk_form *f, size_t C, size_t d, const float *k, const float *v,
                      const float *coefficient, float *S, float *scratch) {
  float *L = scratch, *T = L + C * C, *U = T + 3 * C * C, *rhs = U + C * d;
  int n = (int)C, w = (int)d;
  efla_chunk_system_f32(C, d, k, coefficient, L);
  if (f->solver == EFLA_CHUNK_DOUBLING)
    efla_chunk_invert_by_doubling_f32(C, L, T, T + C * C);
  else
    efla_chunk_invert_f32(C, L, T);
  maybe_round(f->round_T, T, C * C);
  memcpy(rhs, v, C * d * sizeof *rhs);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, w, w, -1, k, w, S, w, 1, rhs, w);
  for (size_t e = 0; e < C * d; e++) rhs[e] *= coefficient[e / d];
  if (f->solver == EFLA_CHUNK_SUBSTITUTION) {
    memcpy(U, rhs, C * d * sizeof *U);
    cblas_strsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasUnit, n, w, 1, L, n, U, w);
  } else {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, w, n, 1, T, n, rhs, w, 0, U, w);
  }
  maybe_round(f->round_U, U, C * d);
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, w, w, n, 1, k, w, U, w, 1, S, w);
  maybe_round(f->round_S, S, d * d);
}

void efla_chunk_form_advance(const efla_chunk_form *form, size_t C, size_t d, const float *k, const float *v,
                             const float *coefficient, float *S, float *scratch) {
  maybe_round(form->round_S, S, d * d);
  if (form->solver == EFLA_CHUNK_RECURRENCE)
    for (size_t t = 0; t < C; t++) {
      efla_coefficients c = efla_coefficients_of((double)coefficient[t]);
      efla_recurrence_f32(1, d, d, NULL, k + t * d, v + t * d, &c, S, NULL);
    }
  else
    by_system(form, C, d, k, v, coefficient, S, scratch);
}
