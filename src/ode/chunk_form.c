/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/chunk_form.h"

#include "efla/reference/recurrence.h"
#include "number/format.h"
#include "ode/chunk_system.h"

#include <gsl/gsl_cblas.h>
#include <string.h>

const efla_chunk_form efla_chunk_forms[] = {
    {"recurrence", "token by token", EFLA_CHUNK_RECURRENCE, false, false, false},
    {"substitution", "forward substitution", EFLA_CHUNK_SUBSTITUTION, false, false, false},
    {"inverse", "inverse T by substitution", EFLA_CHUNK_INVERSE, false, false, false},
    {"doubling", "inverse T by doubling", EFLA_CHUNK_DOUBLING, false, false, false},
    {"bf16_T", "T stored in bf16", EFLA_CHUNK_INVERSE, true, false, false},
    {"bf16_U", "U stored in bf16", EFLA_CHUNK_SUBSTITUTION, false, true, false},
    {"bf16_S", "S stored in bf16", EFLA_CHUNK_SUBSTITUTION, false, false, true},
    {.name = NULL},
};

static void maybe_round(bool wanted, float *values, size_t n) {
  if (wanted) efla_format_round_f32(efla_format_find("bf16"), values, n);
}

static bool in_two_factors(const efla_coefficients *c) { return c->erase == c->decay * c->write; }

/* L of all tokens, with the decays in between. */
static void fill_system(size_t C, size_t d, const float *k, const efla_coefficients *c, float *L, float *rows) {
  float *decay = rows, *own = rows + C, *a = own + C;
  for (size_t t = 0; t < C; t++) {
    const bool two = in_two_factors(&c[t]);
    decay[t] = (float)c[t].decay, own[t] = two ? decay[t] : 1, a[t] = (float)(two ? c[t].write : c[t].erase);
  }
  efla_chunk_system_f32(C, d, k, a, L);
  efla_chunk_fade_f32(C, decay, own, L);
}

/* rhs (C, d), K S on entry: w V - e E_{t-1} K S, E the product of decays. */
static void fill_right_side(size_t C, size_t d, const float *v, const efla_coefficients *c, float *rhs) {
  float kept = 1;
  for (size_t t = 0; t < C; t++) {
    const bool two = in_two_factors(&c[t]);
    const float before = kept, e = (float)c[t].erase, w = (float)c[t].write;
    kept *= (float)c[t].decay;
    for (size_t i = t * d; i < (t + 1) * d; i++)
      rhs[i] = two ? w * (v[i] - kept * rhs[i]) : w * v[i] - e * (before * rhs[i]);
  }
}

/* S <- E S and U <- F U, the decays of the whole chunk and of the tokens after each. */
static void fade_state(size_t C, size_t d, const efla_coefficients *c, float *S, float *U) {
  float kept = 1;
  for (size_t t = C; t-- > 0; kept *= (float)c[t].decay)
    for (size_t i = t * d; i < (t + 1) * d; i++) U[i] *= kept;
  for (size_t e = 0; e < d * d; e++) S[e] *= kept;
}

static void by_system(const efla_chunk_form *f, size_t C, size_t d, const float *k, const float *v,
                      const efla_coefficients *c, float *S, float *scratch) {
  float *L = scratch, *T = L + C * C, *U = T + 3 * C * C, *rhs = U + C * d;
  int n = (int)C, w = (int)d;
  fill_system(C, d, k, c, L, rhs + C * d);
  if (f->solver == EFLA_CHUNK_DOUBLING)
    efla_chunk_invert_by_doubling_f32(C, L, T, T + C * C);
  else
    efla_chunk_invert_f32(C, L, T);
  maybe_round(f->round_T, T, C * C);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, w, w, 1, k, w, S, w, 0, rhs, w);
  fill_right_side(C, d, v, c, rhs);
  if (f->solver == EFLA_CHUNK_SUBSTITUTION) {
    memcpy(U, rhs, C * d * sizeof *U);
    cblas_strsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasUnit, n, w, 1, L, n, U, w);
  } else {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, w, n, 1, T, n, rhs, w, 0, U, w);
  }
  maybe_round(f->round_U, U, C * d);
  fade_state(C, d, c, S, U);
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, w, w, n, 1, k, w, U, w, 1, S, w);
  maybe_round(f->round_S, S, d * d);
}

void efla_chunk_form_advance(const efla_chunk_form *form, size_t C, size_t d, const float *k, const float *v,
                             const efla_coefficients *c, float *S, float *scratch) {
  maybe_round(form->round_S, S, d * d);
  if (form->solver == EFLA_CHUNK_RECURRENCE)
    efla_recurrence_f32(C, d, d, NULL, k, v, c, S, NULL);
  else
    by_system(form, C, d, k, v, c, S, scratch);
}
