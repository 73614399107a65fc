/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/adjoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

efla_status efla_adjoint_init(efla_adjoint *a, const efla_backward_spec *spec, size_t dk, size_t dv) {
  enum { ROWS_OF_DK = 13, ROWS_OF_DV = 4 };
  *a = (efla_adjoint){.spec = spec, .dk = dk, .dv = dv};
  a->memory = calloc(dk * dv + ROWS_OF_DK * dk + ROWS_OF_DV * dv, sizeof *a->memory);
  a->scratch = calloc(dk, sizeof *a->scratch);
  if (!a->memory || !a->scratch) {
    efla_adjoint_clear(a);
    return EFLA_NO_MEMORY;
  }
  long double *at = a->G = a->memory;
  at += dk * dv;
  long double **const of_dk[ROWS_OF_DK] = {&a->key, &a->erase, &a->writes, &a->erases, &a->decay, &a->q,      &a->k,
                                           &a->g,   &a->p,     &a->by_k,   &a->by_p,   &a->inner, &a->treated},
                      **const of_dv[ROWS_OF_DV] = {&a->s, &a->u, &a->du, &a->v};
  for (size_t i = 0; i < ROWS_OF_DK; i++, at += dk) *of_dk[i] = at;
  for (size_t i = 0; i < ROWS_OF_DV; i++, at += dv) *of_dv[i] = at;
  return EFLA_OK;
}

void efla_adjoint_clear(efla_adjoint *a) {
  free(a->memory);
  free(a->scratch);
  *a = (efla_adjoint){0};
}

void efla_adjoint_start(efla_adjoint *a, const double *d_final) {
  for (size_t e = 0; e < a->dk * a->dv; e++) a->G[e] = d_final ? d_final[e] : 0;
}

static long double dot(size_t n, const long double *x, const long double *y) {
  long double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

/* y (dv) = S^T x */
static void apply_transposed(const efla_adjoint *a, const long double *S, const long double *x, long double *y) {
  memset(y, 0, a->dv * sizeof *y);
  for (size_t i = 0; i < a->dk; i++)
    for (size_t j = 0; j < a->dv; j++) y[j] += x[i] * S[i * a->dv + j];
}

/* The share of a channel's decay that the erasing (before) or the writing key of the update has. */
static long double channel(const efla_adjoint *a, const efla_tokens *x, size_t t, size_t i, double share) {
  return a->channels && x->g && share != 0 ? expl((long double)share * x->g[t * a->dk + i]) : 1;
}

static double share_of(const efla_adjoint *a) { return a->spec->rule.decay ? a->spec->rule.decay->share : 0; }

/* Keys, coefficients and decays of the token. */
static void take(efla_adjoint *a, const efla_tokens *x, size_t t) {
  const efla_backward_spec *spec = a->spec;
  const double *k = x->k + t * a->dk, argument = efla_token_argument(x, t), share = share_of(a);
  a->channels = x->g && x->g_per_channel, a->erase_key = x->p != NULL;
  a->lambda = 0;
  memcpy(a->scratch, k, a->dk * sizeof *k);
  a->norm = efla_two_norm(a->dk, a->scratch);
  spec->rule.keys->apply(a->dk, a->scratch);
  for (size_t i = 0; i < a->dk; i++) {
    a->key[i] = a->scratch[i];
    a->erase[i] = x->p ? x->p[t * a->dk + i] : a->scratch[i];
    a->lambda += a->erase[i] * a->key[i];
  }
  efla_rule_coefficients_long(&spec->rule, a->lambda, x->beta[t], argument, &a->c);
  efla_rule_slopes(&spec->rule, (double)a->lambda, x->beta[t], argument, &a->slopes);
  for (size_t i = 0; i < a->dk; i++) {
    a->decay[i] = a->channels && x->g ? expl(x->g[t * a->dk + i]) : a->c.decay;
    a->writes[i] = a->key[i] * channel(a, x, t, i, 1 - share);
    a->erases[i] = a->erase[i] * channel(a, x, t, i, share);
  }
}

/* s and u, from the state before the token. */
static void update(efla_adjoint *a, const double *v, const long double *before) {
  apply_transposed(a, before, a->erases, a->s);
  for (size_t j = 0; j < a->dv; j++) a->u[j] = a->c.write * v[j] - a->c.erase * a->s[j];
}

void efla_adjoint_advance(efla_adjoint *a, const efla_tokens *x, size_t t, long double *S) {
  take(a, x, t);
  update(a, x->v + t * a->dv, S);
  for (size_t i = 0; i < a->dk; i++)
    for (size_t j = 0; j < a->dv; j++) S[i * a->dv + j] = a->decay[i] * S[i * a->dv + j] + a->writes[i] * a->u[j];
}

/* G with the read-out, and dq. */
static void differentiate_readout(efla_adjoint *a, const double *q, const double *d_o, const long double *after) {
  const long double scale = a->spec->scale;
  for (size_t i = 0; i < a->dk; i++) {
    long double sum = 0;
    for (size_t j = 0; j < a->dv; j++) {
      sum += after[i * a->dv + j] * d_o[j];
      a->G[i * a->dv + j] += scale * q[i] * d_o[j];
    }
    a->q[i] = scale * sum;
  }
}

static long double along(const efla_adjoint *a, const efla_coefficients *slope) {
  return (slope->decay == 0 ? 0 : a->by_d * slope->decay) + a->by_e * slope->erase + a->by_w * slope->write;
}

/* From the keys of the update to those of the file, and where g is per channel to it. */
static void differentiate_keys(efla_adjoint *a, const efla_tokens *x, size_t t) {
  const double share = share_of(a);
  for (size_t i = 0; i < a->dk; i++) {
    if (a->channels)
      a->g[i] = a->decay[i] * a->inner[i] + share * a->erases[i] * a->by_p[i] +
                (1 - (long double)share) * a->writes[i] * a->by_k[i];
    a->k[i] = a->by_k[i] * channel(a, x, t, i, 1 - share) + a->by_lambda * a->erase[i];
    a->p[i] = a->by_p[i] * channel(a, x, t, i, share) + a->by_lambda * a->key[i];
    if (!a->erase_key) a->k[i] += a->p[i];
  }
  memcpy(a->treated, a->k, a->dk * sizeof *a->k);
  if (!a->spec->rule.keys->unit) return;
  const long double radial = dot(a->dk, a->key, a->k);
  for (size_t i = 0; i < a->dk; i++) a->k[i] = a->norm > 0 ? (a->k[i] - a->key[i] * radial) / a->norm : 0;
}

void efla_adjoint_differentiate(efla_adjoint *a, const efla_tokens *x, size_t t, const double *d_o,
                                const long double *before, const long double *after) {
  const size_t dk = a->dk, dv = a->dv;
  const double *v = x->v + t * dv;
  take(a, x, t);
  differentiate_readout(a, x->q + t * dk, d_o, after);
  update(a, v, before);
  apply_transposed(a, a->G, a->writes, a->du);
  a->by_w = a->by_e = a->by_d = 0;
  for (size_t j = 0; j < dv; j++) {
    a->v[j] = a->c.write * a->du[j];
    a->by_w += v[j] * a->du[j], a->by_e -= a->s[j] * a->du[j];
  }
  for (size_t i = 0; i < dk; i++) {
    a->by_k[i] = dot(dv, a->G + i * dv, a->u);
    a->by_p[i] = -a->c.erase * dot(dv, before + i * dv, a->du);
    a->by_d += a->inner[i] = dot(dv, a->G + i * dv, before + i * dv);
  }
  a->by_lambda = along(a, &a->slopes.by_lambda);
  a->beta = along(a, &a->slopes.by_beta);
  if (!a->channels) a->g[0] = along(a, &a->slopes.by_g);
  differentiate_keys(a, x, t);
}

void efla_adjoint_retreat(efla_adjoint *a) {
  for (size_t i = 0; i < a->dk; i++)
    for (size_t j = 0; j < a->dv; j++)
      a->G[i * a->dv + j] = a->decay[i] * a->G[i * a->dv + j] - a->c.erase * a->erases[i] * a->du[j];
}
