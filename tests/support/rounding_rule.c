/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The delta rule of a rounding device, token by token, forward and back. */
#include "rounding_device.h"

#include "efla/internal/backend.h"

#include <assert.h>

enum { MOST = 32, WINDOW = 16 }; /* numbers of a head's row; tokens of a chunk of the backward pass, at most */

static const efla_backend_row *plain;

typedef struct head {
  const efla_call *call;
  size_t b, h, dk, dv;
  double *S, scale; /* (tokens + 1, dk, dv) */
} head;

/* key: treated; k, p: with their parts of the decay, what is added along and erased by; decay: of each row of S. */
typedef struct token {
  const double *q, *v, *d_o;
  double norm, key[MOST], before[MOST], after[MOST], k[MOST], p[MOST], decay[MOST], s[MOST], u[MOST];
  efla_coefficients c;
  efla_coefficient_slopes slopes;
} token;

static double *number_at(const head *x, const efla_array *a, size_t t) {
  return (double *)a->data + (ptrdiff_t)x->b * a->batch + (ptrdiff_t)x->h * a->head + (ptrdiff_t)t * a->token;
}

/* Formed in f64 and rounded: by the type, and of the sums that they are taken of. */
static efla_coefficients rounded_coefficients(efla_coefficients c) {
  return (efla_coefficients){rounded_times(c.decay, 2), rounded_times(c.erase, 2), rounded_times(c.write, 2)};
}

static token take(const head *x, size_t t) {
  const efla_sequence *in = x->call->x;
  const efla_rule *rule = x->call->rule;
  const double *k = number_at(x, &in->k, t), *g = in->g.data ? number_at(x, &in->g, t) : NULL,
               share = rule->decay->share, *S = x->S + t * x->dk * x->dv;
  token a = {.q = number_at(x, &in->q, t), .v = number_at(x, &in->v, t)};
  assert(g || !in->g_per_channel);
  a.norm = rounded(sqrt(rounded_sum(x->dk, k, 1, k, 1)));
  for (size_t i = 0; i < x->dk; i++) a.key[i] = rule->keys->unit ? rounded_times(k[i] / a.norm, 2) : k[i];
  const double lambda = rounded_sum(x->dk, a.key, 1, a.key, 1), beta = *number_at(x, &in->beta, t),
               argument = g && !in->g_per_channel ? *g : 0;
  efla_rule_coefficients(rule, lambda, beta, argument, &a.c), efla_rule_slopes(rule, lambda, beta, argument, &a.slopes);
  a.c = rounded_coefficients(a.c), a.slopes.by_beta = rounded_coefficients(a.slopes.by_beta);
  a.slopes.by_lambda = rounded_coefficients(a.slopes.by_lambda), a.slopes.by_g = rounded_coefficients(a.slopes.by_g);
  for (size_t i = 0; i < x->dk; i++) {
    a.before[i] = in->g_per_channel ? rounded_times(exp(share * g[i]), 5) : 1;
    a.after[i] = in->g_per_channel ? rounded_times(exp((1 - share) * g[i]), 5) : 1;
    a.decay[i] = in->g_per_channel ? rounded(a.before[i] * a.after[i]) : a.c.decay;
    a.k[i] = rounded(a.key[i] * a.after[i]), a.p[i] = rounded(a.key[i] * a.before[i]);
  }
  for (size_t j = 0; j < x->dv; j++) {
    a.s[j] = rounded_sum(x->dk, a.p, 1, S + j, (ptrdiff_t)x->dv);
    a.u[j] = rounded(rounded(a.c.write * a.v[j]) - rounded(a.c.erase * a.s[j]));
  }
  return a;
}

static void advance(const head *x, size_t t) {
  const token a = take(x, t);
  const double *S = x->S + t * x->dk * x->dv;
  double *next = x->S + (t + 1) * x->dk * x->dv;
  for (size_t i = 0; i < x->dk; i++)
    for (size_t j = 0; j < x->dv; j++)
      next[i * x->dv + j] = rounded(rounded(a.decay[i] * S[i * x->dv + j]) + rounded(a.k[i] * a.u[j]));
}

static head start(const efla_call *call, size_t b, size_t h) {
  const efla_sequence *in = call->x;
  head x = {.call = call, .b = b, .h = h, .dk = in->dk, .dv = in->dv};
  x.scale = (double)(float)(call->rule->scale == 0 ? 1 : call->rule->scale);
  x.S = calloc((in->tokens + 1) * x.dk * x.dv, sizeof *x.S);
  ck_assert(x.S && x.dk <= MOST && x.dv <= MOST);
  for (size_t t = 0; t < in->tokens; t++) advance(&x, t);
  return x;
}

static efla_status forward(const efla_call *call, efla_arena *arena) {
  if (!arena->base) plain->forward(call, arena);
  for (size_t b = 0; b < call->x->batch && arena->base; b++)
    for (size_t h = 0; h < call->x->heads; h++) {
      const head x = start(call, b, h);
      for (size_t t = 0; t < call->x->tokens; t++)
        for (size_t j = 0; j < x.dv; j++)
          number_at(&x, &call->y->o, t)[j] =
              rounded(x.scale * rounded_sum(x.dk, number_at(&x, &call->x->q, t), 1, x.S + (t + 1) * x.dk * x.dv + j,
                                            (ptrdiff_t)x.dv));
      free(x.S);
    }
  return EFLA_OK;
}

/* By coefficients d, e, w that change with something. */
static double along(const efla_coefficients *slope, const double by[3]) {
  return rounded(rounded(by[0] * slope->decay) +
                 rounded(rounded(by[1] * slope->erase) + rounded(by[2] * slope->write)));
}

/* From derivatives by k and p of the update, and lambda. */
static void keys_back(const head *x, const token *a, const double *by_k, const double *by_p, double by_lambda,
                      double *d_k) {
  for (size_t i = 0; i < x->dk; i++)
    d_k[i] = rounded(rounded(rounded(by_k[i] * a->after[i]) + rounded(by_p[i] * a->before[i])) +
                     rounded(2 * by_lambda * a->key[i]));
  if (!x->call->rule->keys->unit) return;
  const double radial = rounded_sum(x->dk, a->key, 1, d_k, 1);
  for (size_t i = 0; i < x->dk; i++) d_k[i] = rounded_times(rounded(d_k[i] - rounded(a->key[i] * radial)) / a->norm, 2);
}

/* What the terms of q.d_q - v.d_v - ..., of which a chunk sums d_g up, add to the mean square of its error. */
typedef struct terms {
  double all, row[MOST];
} terms;

static void retreat(const head *x, size_t t, double *G, terms *own) {
  const efla_gradient *dx = x->call->dx;
  const size_t dk = x->dk, dv = x->dv;
  token a = take(x, t);
  a.d_o = number_at(x, &x->call->y->o, t);
  const double *S = x->S + t * dk * dv, *next = S + dk * dv, share = x->call->rule->decay->share, one = 1,
               count = (double)(dk + dv) / 2 + 6;
  double du[MOST], by_k[MOST], by_p[MOST], inner[MOST], *d_q = number_at(x, &dx->q, t), *d_v = number_at(x, &dx->v, t),
                                                        *d_k = number_at(x, &dx->k, t);
  for (size_t i = 0; i < dk * dv; i++) G[i] = rounded(G[i] + rounded(x->scale * a.q[i / dv] * a.d_o[i % dv]));
  for (size_t j = 0; j < dv; j++) du[j] = rounded_sum(dk, G + j, (ptrdiff_t)dv, a.k, 1);
  *own = (terms){.all = 0};
  for (size_t i = 0; i < dk; i++) {
    inner[i] = rounded_sum(dv, G + i * dv, 1, S + i * dv, 1);
    d_q[i] = rounded(x->scale * rounded_sum(dv, next + i * dv, 1, a.d_o, 1));
    by_k[i] = rounded_sum(dv, G + i * dv, 1, a.u, 1);
    by_p[i] = -rounded(a.c.erase * rounded_sum(dv, S + i * dv, 1, du, 1));
    for (size_t j = 0; j < dv; j++)
      own->row[i] +=
          count * (pow(a.q[i] * x->scale * next[i * dv + j] * a.d_o[j], 2) + pow(a.k[i] * G[i * dv + j] * a.u[j], 2) +
                   pow(a.p[i] * a.c.erase * S[i * dv + j] * du[j], 2));
    own->all += own->row[i];
  }
  for (size_t j = 0; j < dv; j++) d_v[j] = rounded(a.c.write * du[j]), own->all += count * pow(a.v[j] * d_v[j], 2);
  const double by[3] = {rounded_sum(dk, inner, 1, &one, 0), -rounded_sum(dv, a.s, 1, du, 1),
                        rounded_sum(dv, a.v, 1, du, 1)};
  keys_back(x, &a, by_k, by_p, along(&a.slopes.by_lambda, by), d_k);
  *number_at(x, &dx->beta, t) = along(&a.slopes.by_beta, by);
  double *d_g = dx->g.data ? number_at(x, &dx->g, t) : NULL;
  for (size_t i = 0; d_g && x->call->x->g_per_channel && i < dk; i++)
    d_g[i] = rounded(rounded(a.decay[i] * inner[i]) +
                     rounded(share * rounded(a.p[i] * by_p[i]) + (1 - share) * rounded(a.k[i] * by_k[i])));
  if (d_g && !x->call->x->g_per_channel)
    *d_g = along(&a.slopes.by_g, by), own->all *= pow(a.slopes.by_g.decay / a.c.decay, 2);
  for (size_t i = 0; i < dk * dv; i++)
    G[i] = rounded(rounded(a.decay[i / dv] * G[i]) - rounded(rounded(a.c.erase * a.p[i / dv]) * du[i % dv]));
}

static void sum_up(const head *x, const terms *of) {
  const efla_sequence *in = x->call->x;
  for (size_t t = 0; t < in->tokens && in->g.data; t++)
    for (size_t i = 0; i < (in->g_per_channel ? x->dk : 1); i++) {
      double square = 0;
      for (size_t s = t; s < in->tokens && s < t + WINDOW; s++) square += in->g_per_channel ? of[s].row[i] : of[s].all;
      number_at(x, &x->call->dx->g, t)[i] += rounding_error(square);
    }
}

static efla_status backward(const efla_call *call, efla_arena *arena) {
  const efla_sequence *in = call->x;
  if (!arena->base) plain->backward(call, arena);
  for (size_t b = 0; b < in->batch && arena->base; b++)
    for (size_t h = 0; h < in->heads; h++) {
      const head x = start(call, b, h);
      double G[MOST * MOST] = {0};
      terms *of = calloc(in->tokens, sizeof *of);
      ck_assert_ptr_nonnull(of);
      for (size_t t = in->tokens; t-- > 0;) retreat(&x, t, G, &of[t]);
      sum_up(&x, of);
      free(of), free(x.S);
    }
  return EFLA_OK;
}

void rounding_rule_open(efla_backend *backend) {
  static efla_backend_row row;
  plain = backend->row, row = *plain;
  row.forward = forward, row.backward = backward;
  backend->row = &row;
}
