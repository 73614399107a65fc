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

/* dk with by_lambda in place of the derivative by lambda, of which each key has its own part, twice where they are one. */
static void with_lambda(const efla_gradient_view *view, long double by_lambda, long double *to) {
  const efla_adjoint *a = view->adjoint;
  const long double more = by_lambda - a->by_lambda;
  for (size_t i = 0; i < a->dk; i++) to[i] = a->treated[i] + more * (a->erase_key ? a->erase[i] : 2 * a->key[i]);
  untreat(a, to);
}

static void without_lambda(const efla_gradient_view *view, size_t amount, long double *to) {
  (void)amount;
  with_lambda(view, 0, to);
}

static void once_lambda(const efla_gradient_view *view, size_t amount, long double *to) {
  (void)amount;
  with_lambda(view, view->adjoint->by_lambda / 2, to);
}

static void negative_lambda(const efla_gradient_view *view, size_t amount, long double *to) {
  (void)amount;
  with_lambda(view, -view->adjoint->by_lambda, to);
}

/* The part of the derivative by lambda that the coefficients' divisor has: they are something over lambda. */
static long double by_divisor(const efla_adjoint *a) {
  return a->lambda > 0 ? -(a->c.erase * a->by_e + a->c.write * a->by_w) / a->lambda : 0;
}

static void without_divisor(const efla_gradient_view *view, size_t amount, long double *to) {
  (void)amount;
  with_lambda(view, view->adjoint->by_lambda - by_divisor(view->adjoint), to);
}

static void divisor_alone(const efla_gradient_view *view, size_t amount, long double *to) {
  (void)amount;
  with_lambda(view, by_divisor(view->adjoint), to);
}

static void lambda_of_written(const efla_gradient_view *view, size_t amount, long double *to) {
  const efla_adjoint *a = view->adjoint;
  (void)amount;
  with_lambda(view, a->by_w * a->slopes.by_lambda.write, to);
}

static void lambda_of_erased(const efla_gradient_view *view, size_t amount, long double *to) {
  const efla_adjoint *a = view->adjoint;
  (void)amount;
  with_lambda(view, a->by_e * a->slopes.by_lambda.erase, to);
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

/* How far off it is where the slope exp(-x) is 1 + expm1(-x) in f32: expm1, next to -1 a multiple of 2^-24, errs by as
 * much, and x's rounding changes it by 2^-24 x exp(-x), at most .37 times 2^-24. */
static void cancelled(const efla_gradient_view *view, size_t amount, long double *to) {
  coefficient_is_beta(view, amount, to);
  *to *= 1.37L * 0x1p-24L;
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
    {"state-before", "it is read from the state before the token, not from that after it", EFLA_BY_Q, 0, state_before,
     false},
    {"no-lambda", "the coefficient is taken as a constant: the term of its derivative by lambda = k^T k is missing",
     EFLA_BY_K, 0, without_lambda, false},
    {"half-lambda", "of the derivative of the coefficient by lambda = k^T k there is k, expected 2 k", EFLA_BY_K, 0,
     once_lambda, false},
    {"lambda-sign", "the term of the coefficient's derivative by lambda = k^T k has the wrong sign", EFLA_BY_K, 0,
     negative_lambda, false},
    {"lambda-numerator",
     "of the coefficient's derivative by lambda = k^T k there is that of the numerator alone: it is divided by lambda",
     EFLA_BY_K, 0, without_divisor, false},
    {"lambda-divisor",
     "of the coefficient's derivative by lambda = k^T k there is that of the division by lambda alone", EFLA_BY_K, 0,
     divisor_alone, false},
    {"lambda-written",
     "of the coefficient's derivative by lambda = k^T k there is the part of what is written alone, not of what is "
     "erased",
     EFLA_BY_K, 0, lambda_of_written, false},
    {"lambda-erased",
     "of the coefficient's derivative by lambda = k^T k there is the part of what is erased alone, not of what is "
     "written",
     EFLA_BY_K, 0, lambda_of_erased, false},
    {"no-key-norm", "it is the derivative by the normalised key: that of the normalisation is missing", EFLA_BY_K, 0,
     treated_key, false},
    {"no-projection",
     "of the derivative of the normalisation there is 1/|k| alone: the part along the key is not removed", EFLA_BY_K, 0,
     without_projection, false},
    {"no-erasure", "it is the derivative by what is written along k alone: that by what is erased is missing",
     EFLA_BY_K, 0, without_erasure, false},
    {"beta-writes", "beta itself is used as the coefficient", EFLA_BY_V, 0, beta_writes, false},
    {"coefficient-beta",
     "the derivative of the coefficient by beta is missing: that by the coefficient itself is there", EFLA_BY_BETA, 0,
     coefficient_is_beta, false},
    {"coefficient-linear", "the coefficient is taken as proportional to beta", EFLA_BY_BETA, 0, coefficient_over_beta,
     false},
    {"beta-cancels",
     "exp(-beta lambda), the coefficient's derivative by beta, is a difference from 1 in f32, as 1 + expm1(-beta "
     "lambda) "
     "is, which PyTorch takes for the derivative of expm1: its digits cancel",
     EFLA_BY_BETA, 0, cancelled, true},
    {"no-sum", sum_is_missing, EFLA_BY_DECAY, 0, without_sum, false},
    {"no-sum-16", sum_is_missing, EFLA_BY_DECAY, 16, without_sum, false},
    {"no-sum-32", sum_is_missing, EFLA_BY_DECAY, 32, without_sum, false},
    {"no-sum-64", sum_is_missing, EFLA_BY_DECAY, 64, without_sum, false},
    {"no-sum-128", sum_is_missing, EFLA_BY_DECAY, 128, without_sum, false},
    {"by-decay", "it is the derivative by the decay itself, not by its logarithm", EFLA_BY_DECAY, 0, by_decay_itself,
     false},
    {.name = NULL},
};
