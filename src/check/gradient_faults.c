/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/gradient_faults.h"

static size_t decay_width(const efla_adjoint *a) { return a->channels ? a->dk : 1; }

static void state_before(const efla_gradient_view *view, size_t amount, long double *to) {
  const efla_adjoint *a = view->adjoint;
  (void)amount;
  for (size_t i = 0; i < a->dk; i++) {
    to[i] = 0;
    for (size_t j = 0; j < a->dv; j++) to[i] += view->before[i * a->dv + j] * view->d_o[j];
    to[i] *= (long double)a->spec->scale;
  }
}

/* The derivative by the raw key from one by the treated key. */
static void untreat(const efla_adjoint *a, long double *to) {
  long double radial = 0;
  if (!a->spec->rule.keys->unit) return;
  for (size_t i = 0; i < a->dk; i++) radial += a->key[i] * to[i];
  for (size_t i = 0; i < a->dk; i++) to[i] = a->norm > 0 ? (to[i] - a->key[i] * radial) / a->norm : 0;
}

/* Of the derivative by lambda each key has its own part, twice where they are one. */
static long double lambda_term(const efla_adjoint *a, size_t i) {
  return a->by_lambda * (a->erase_key ? a->erase[i] : 2 * a->key[i]);
}

static void without_lambda(const efla_gradient_view *view, size_t amount, long double *to) {
  const efla_adjoint *a = view->adjoint;
  (void)amount;
  for (size_t i = 0; i < a->dk; i++) to[i] = a->treated[i] - lambda_term(a, i);
  untreat(a, to);
}

static void once_lambda(const efla_gradient_view *view, size_t amount, long double *to) {
  const efla_adjoint *a = view->adjoint;
  (void)amount;
  for (size_t i = 0; i < a->dk; i++) to[i] = a->treated[i] - lambda_term(a, i) / 2;
  untreat(a, to);
}

static void treated_key(const efla_gradient_view *view, size_t amount, long double *to) {
  const efla_adjoint *a = view->adjoint;
  (void)amount;
  for (size_t i = 0; i < a->dk; i++) to[i] = a->treated[i];
}

static void without_projection(const efla_gradient_view *view, size_t amount, long double *to) {
  const efla_adjoint *a = view->adjoint;
  (void)amount;
  for (size_t i = 0; i < a->dk; i++) to[i] = a->norm > 0 ? a->treated[i] / a->norm : 0;
}

static void without_erasure(const efla_gradient_view *view, size_t amount, long double *to) {
  const efla_adjoint *a = view->adjoint;
  (void)amount;
  for (size_t i = 0; i < a->dk; i++) to[i] = a->treated[i] - (a->erase_key ? 0 : a->by_p[i]);
  untreat(a, to);
}

static void beta_writes(const efla_gradient_view *view, size_t amount, long double *to) {
  const efla_adjoint *a = view->adjoint;
  (void)amount;
  for (size_t j = 0; j < a->dv; j++) to[j] = view->x->beta[view->t] * a->du[j];
}

/* As if the coefficient were beta: its derivative by beta is 1. */
static void coefficient_is_beta(const efla_gradient_view *view, size_t amount, long double *to) {
  const efla_adjoint *a = view->adjoint;
  (void)amount;
  *to = a->by_w + (a->channels ? 1 : a->c.decay) * a->by_e;
}

/* As if the coefficient were proportional to beta. */
static void coefficient_over_beta(const efla_gradient_view *view, size_t amount, long double *to) {
  const efla_adjoint *a = view->adjoint;
  const long double beta = view->x->beta[view->t];
  (void)amount;
  *to = beta > 0 ? (a->c.write * a->by_w + a->c.erase * a->by_e) / beta : 0;
}

/* Within a chunk, whose last token has what comes after it; amount 0: one chunk. */
static void without_sum(const efla_gradient_view *view, size_t amount, long double *to) {
  const efla_adjoint *a = view->adjoint;
  const bool ends = amount && (view->token + 1) % amount == 0;
  for (size_t i = 0; i < decay_width(a); i++) to[i] = a->g[i] - (view->next && !ends ? view->next[i] : 0);
}

static void by_decay_itself(const efla_gradient_view *view, size_t amount, long double *to) {
  const efla_adjoint *a = view->adjoint;
  (void)amount;
  for (size_t i = 0; i < decay_width(a); i++) to[i] = a->decay[i] != 0 ? a->g[i] / a->decay[i] : 0;
}

static const char sum_is_missing[] =
    "it has every token's own part alone: the sum over the later tokens, to the end of their chunk, is missing";

const efla_gradient_fault efla_gradient_faults[EFLA_GRADIENT_FAULTS + 1] = {
    {"state-before", "it is read from the state before the token, not from that after it", EFLA_BY_Q, 0, state_before},
    {"no-lambda", "the coefficient is taken as a constant: the term of its derivative by lambda = k^T k is missing",
     EFLA_BY_K, 0, without_lambda},
    {"half-lambda", "of the derivative of the coefficient by lambda = k^T k there is k, expected 2 k", EFLA_BY_K, 0,
     once_lambda},
    {"no-key-norm", "it is the derivative by the normalised key: that of the normalisation is missing", EFLA_BY_K, 0,
     treated_key},
    {"no-projection",
     "of the derivative of the normalisation there is 1/|k| alone: the part along the key is not removed", EFLA_BY_K, 0,
     without_projection},
    {"no-erasure", "it is the derivative by what is written along k alone: that by what is erased is missing",
     EFLA_BY_K, 0, without_erasure},
    {"beta-writes", "beta itself is used as the coefficient", EFLA_BY_V, 0, beta_writes},
    {"coefficient-beta",
     "the derivative of the coefficient by beta is missing: that by the coefficient itself is there", EFLA_BY_BETA, 0,
     coefficient_is_beta},
    {"coefficient-linear", "the coefficient is taken as proportional to beta", EFLA_BY_BETA, 0, coefficient_over_beta},
    {"no-sum", sum_is_missing, EFLA_BY_DECAY, 0, without_sum},
    {"no-sum-16", sum_is_missing, EFLA_BY_DECAY, 16, without_sum},
    {"no-sum-32", sum_is_missing, EFLA_BY_DECAY, 32, without_sum},
    {"no-sum-64", sum_is_missing, EFLA_BY_DECAY, 64, without_sum},
    {"no-sum-128", sum_is_missing, EFLA_BY_DECAY, 128, without_sum},
    {"by-decay", "it is the derivative by the decay itself, not by its logarithm", EFLA_BY_DECAY, 0, by_decay_itself},
    {.name = NULL},
};
