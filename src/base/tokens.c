/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/tokens.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

efla_status efla_tokens_init(efla_tokens *x, size_t tokens, size_t dk, size_t dv) {
  assert(dk > 0 && dv > 0);
  *x = (efla_tokens){0};
  size_t row;
  if (__builtin_add_overflow(2 * dk + 1, dv, &row)) return EFLA_NO_MEMORY;
  double *block = calloc(tokens ? tokens : 1, row * sizeof *block); /* calloc checks the product */
  if (!block) return EFLA_NO_MEMORY;
  *x = (efla_tokens){.tokens = tokens,
                     .dk = dk,
                     .dv = dv,
                     .q = block,
                     .k = block + tokens * dk,
                     .v = block + 2 * tokens * dk,
                     .beta = block + tokens * (2 * dk + dv),
                     .block = block};
  return EFLA_OK;
}

void efla_tokens_clear(efla_tokens *x) {
  free(x->block);
  *x = (efla_tokens){0};
}

efla_tokens efla_tokens_slice(const efla_tokens *x, size_t first, size_t count) {
  assert(first <= x->tokens && count <= x->tokens - first);
  return (efla_tokens){.tokens = count,
                       .dk = x->dk,
                       .dv = x->dv,
                       .q = x->q + first * x->dk,
                       .k = x->k + first * x->dk,
                       .v = x->v + first * x->dv,
                       .beta = x->beta + first,
                       .g = x->g ? x->g + first * (x->g_per_channel ? x->dk : 1) : NULL,
                       .p = x->p ? x->p + first * x->dk : NULL,
                       .g_per_channel = x->g_per_channel};
}

void efla_tokens_copy(efla_tokens *to, const efla_tokens *from) {
  assert(to->tokens == from->tokens && to->dk == from->dk && to->dv == from->dv);
  memcpy(to->q, from->q, from->tokens * from->dk * sizeof *to->q);
  memcpy(to->k, from->k, from->tokens * from->dk * sizeof *to->k);
  memcpy(to->v, from->v, from->tokens * from->dv * sizeof *to->v);
  memcpy(to->beta, from->beta, from->tokens * sizeof *to->beta);
  assert(!to->g || !from->g || to->g_per_channel == from->g_per_channel);
  if (to->g && from->g) memcpy(to->g, from->g, from->tokens * (from->g_per_channel ? from->dk : 1) * sizeof *to->g);
  if (to->p && from->p) memcpy(to->p, from->p, from->tokens * from->dk * sizeof *to->p);
}

double efla_lambda(size_t dk, const double *k) {
  double lambda = 0;
  for (size_t i = 0; i < dk; i++) lambda += k[i] * k[i];
  return lambda;
}

const double *efla_token_erase_key(const efla_tokens *x, size_t t) { return (x->p ? x->p : x->k) + t * x->dk; }

double efla_token_lambda(const efla_tokens *x, size_t t) {
  const double *k = x->k + t * x->dk, *p = efla_token_erase_key(x, t);
  double lambda = 0;
  for (size_t i = 0; i < x->dk; i++) lambda += p[i] * k[i];
  return lambda;
}

double efla_token_reach(const efla_tokens *x, size_t t) {
  const double of_k = efla_lambda(x->dk, x->k + t * x->dk);
  return x->p ? sqrt(of_k) * sqrt(efla_lambda(x->dk, x->p + t * x->dk)) : of_k;
}

double efla_token_x(const efla_tokens *x, size_t t) { return x->beta[t] * efla_token_lambda(x, t); }

double efla_token_argument(const efla_tokens *x, size_t t) { return x->g && !x->g_per_channel ? x->g[t] : 0; }

void efla_token_coefficients(const efla_rule *rule, const efla_tokens *x, efla_coefficients *c) {
  for (size_t t = 0; t < x->tokens; t++)
    efla_rule_coefficients(rule, efla_token_lambda(x, t), x->beta[t], efla_token_argument(x, t), c + t);
}

efla_rates efla_token_rates(const efla_decay *decay, const efla_tokens *x, size_t t) {
  efla_rates r;
  (decay ? decay : efla_decays)->rates(x->beta[t], efla_token_argument(x, t), &r);
  return r;
}

efla_rates_long efla_token_rates_long(const efla_decay *decay, const efla_tokens *x, size_t t) {
  efla_rates_long r;
  (decay ? decay : efla_decays)->rates_long(x->beta[t], efla_token_argument(x, t), &r);
  return r;
}

void efla_keys_apply(const efla_key_treatment *treatment, efla_tokens *x) {
  for (size_t t = 0; t < x->tokens; t++) treatment->apply(x->dk, x->k + t * x->dk);
}
