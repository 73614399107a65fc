/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backward pass token by token. */
#include "gradient_arrays.h"

#include <string.h>

double gradient_fit(double x) { return gradient_kernel_now->f64 ? x : (double)(float)x; }
double gradient_out(double x) { return efla_format_round(efla_format_find(gradient_kernel_now->format), x); }
double gradient_operand(double x) {
  return gradient_kernel_now->operands ? efla_format_round(efla_format_find(gradient_kernel_now->operands), x) : x;
}

/* operands: x and y are those of a product of matrices. */
static double sum_of(size_t n, const double *x, size_t step_x, const double *y, size_t step_y, bool operands) {
  const gradient_order order = gradient_kernel_now->order;
  double lanes[4] = {0}, sum = 0;
  if (order == GRADIENT_PAIRWISE && n > 1)
    return gradient_fit(sum_of(n / 2, x, step_x, y, step_y, operands) +
                        sum_of(n - n / 2, x + n / 2 * step_x, step_x, y + n / 2 * step_y, step_y, operands));
  for (size_t i = 0; i < n; i++) {
    const size_t at = order == GRADIENT_REVERSED ? n - 1 - i : i;
    const double first = x[at * step_x], second = y[at * step_y],
                 one = operands ? gradient_operand(first) * gradient_operand(second) : first * second;
    if (order == GRADIENT_LANES)
      lanes[i % 4] = gradient_fit(lanes[i % 4] + gradient_fit(one));
    else
      sum = gradient_fit(sum + (order == GRADIENT_FUSED ? one : gradient_fit(one)));
  }
  return order == GRADIENT_LANES ? gradient_fit(gradient_fit(lanes[0] + lanes[2]) + gradient_fit(lanes[1] + lanes[3]))
                                 : sum;
}

double gradient_sum(size_t n, const double *x, size_t step_x, const double *y, size_t step_y) {
  return sum_of(n, x, step_x, y, step_y, true);
}

void gradient_prepare(const gradient_arrays *a, size_t row, gradient_token *o) {
  const double beta = a->x[BETA][row], *k = a->x[K] + row * a->dk, lambda = sum_of(a->dk, k, 1, k, 1, false);
  const bool unit = !strcmp(gradient_kernel_now->keys, "unit") && lambda > 0;
  o->norm = unit ? gradient_fit(sqrt(lambda)) : 1;
  for (size_t i = 0; i < a->dk; i++) o->key[i] = gradient_fit(k[i] / o->norm);
  o->lambda = unit ? 1 : lambda;
  o->decay = gradient_gated() ? gradient_fit(exp(a->x[G][row])) : 1;
  const double x = gradient_fit(beta * o->lambda), e = gradient_fit(exp(-x));
  o->a = o->lambda > 0 ? gradient_fit(-gradient_fit(expm1(-x)) / o->lambda) : beta, o->by_beta = e;
  o->by_lambda =
      o->lambda > 0 ? gradient_fit(gradient_fit(gradient_fit(beta * e) - o->a) / o->lambda) : -beta * beta / 2;
}

void gradient_take_loss(const gradient_arrays *a, size_t first, size_t tokens) {
  for (size_t t = 0; t < tokens && gradient_kernel_now->loss == GRADIENT_SQUARES; t++)
    for (size_t j = 0; j < a->dv; j++) {
      const size_t at = (first + t * a->H) * a->dv + j;
      a->x[D_O][at] = gradient_out(gradient_out(a->x[O][at]) - a->x[V][at]);
    }
}

/* The update with u = a (v - d S^T k); S in and out. */
static void forward_token(const gradient_arrays *a, size_t row, gradient_token *o, double *state_) {
  const size_t dk = a->dk, dv = a->dv;
  for (size_t e = 0; e < dk * dv; e++) state_[e] = gradient_fit(o->decay * state_[e]);
  for (size_t j = 0; j < dv; j++)
    o->u[j] = gradient_fit(a->x[V][row * dv + j] - gradient_sum(dk, o->key, 1, state_ + j, dv));
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++)
      state_[i * dv + j] = gradient_fit(state_[i * dv + j] + gradient_fit(gradient_fit(o->a * o->key[i]) * o->u[j]));
  for (size_t j = 0; j < dv; j++)
    a->x[O][row * dv + j] =
        gradient_fit(gradient_kernel_now->scale * gradient_sum(dk, a->x[Q] + row * dk, 1, state_ + j, dv));
}

void gradient_untreat(const gradient_token *o, size_t dk, double *d) {
  if (strcmp(gradient_kernel_now->keys, "unit") != 0 || gradient_kernel_now->fault == GRADIENT_NO_NORM) return;
  const double radial = gradient_kernel_now->fault == GRADIENT_NO_PROJECTION ? 0 : gradient_sum(dk, o->key, 1, d, 1);
  for (size_t i = 0; i < dk; i++) d[i] = gradient_fit(gradient_fit(d[i] - gradient_fit(o->key[i] * radial)) / o->norm);
}

/* One token back: before and after, the states about it; dG in and out.  Returns q.dq - v.dv. */
static double backward_token(const gradient_arrays *a, size_t row, const double *before, const double *after,
                             double *dG, bool early) {
  const size_t dk = a->dk, dv = a->dv;
  const gradient_fault fault = gradient_kernel_now->fault;
  const double *q = a->x[Q] + row * dk, *v = a->x[V] + row * dv, *d_o = a->x[D_O] + row * dv,
               scale = fault == GRADIENT_NO_SCALE ? 1 : gradient_kernel_now->scale;
  double *d_q = a->d[Q] + row * dk, *d_k = a->d[K] + row * dk, *d_v = a->d[V] + row * dv, y[GRADIENT_WIDTH],
         decayed[GRADIENT_WIDTH * GRADIENT_WIDTH];
  gradient_token o = {.norm = 0};
  gradient_prepare(a, row, &o);
  const double coefficient = fault == GRADIENT_EULER ? a->x[BETA][row] : o.a,
               by_beta = fault == GRADIENT_EULER || fault == GRADIENT_BETA ? 1 : o.by_beta,
               by_lambda = fault == GRADIENT_EULER || fault == GRADIENT_NO_LAMBDA ? 0 : o.by_lambda;
  const double *read = fault == GRADIENT_BEFORE ? before : after;
  for (size_t e = 0; e < dk * dv; e++) decayed[e] = gradient_fit(o.decay * before[e]);
  for (size_t i = 0; i < dk; i++) {
    d_q[i] = gradient_fit(scale * gradient_sum(dv, read + i * dv, 1, d_o, 1));
    for (size_t j = 0; j < dv; j++)
      dG[i * dv + j] = gradient_fit(dG[i * dv + j] + gradient_fit(gradient_fit(scale * q[i]) * d_o[j]));
  }
  for (size_t j = 0; j < dv; j++) {
    y[j] = gradient_fit(v[j] - gradient_sum(dk, o.key, 1, decayed + j, dv));
    o.du[j] = gradient_sum(dk, o.key, 1, dG + j, dv);
    d_v[j] = gradient_fit(coefficient * o.du[j]);
  }
  const double by_a = gradient_sum(dv, y, 1, o.du, 1);
  a->d[BETA][row] = gradient_fit(by_beta * by_a);
  for (size_t i = 0; i < dk; i++) {
    const double written = gradient_sum(dv, dG + i * dv, 1, y, 1),
                 erased = gradient_sum(dv, decayed + i * dv, 1, o.du, 1);
    d_k[i] = gradient_fit(gradient_fit(coefficient * gradient_fit(written - erased)) +
                          gradient_fit(2 * o.key[i] * gradient_fit(by_lambda * by_a)));
  }
  gradient_untreat(&o, dk, d_k);
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) {
      const double erased = gradient_fit(gradient_fit(coefficient * o.key[i]) * o.du[j]);
      dG[i * dv + j] = gradient_fit(o.decay * gradient_fit(dG[i * dv + j] - erased));
    }
  const double term = gradient_fit(gradient_sum(dk, q, 1, d_q, 1) - gradient_sum(dv, v, 1, d_v, 1));
  for (size_t i = 0; i < dk; i++) {
    if (fault == GRADIENT_FACTOR || (fault == GRADIENT_HALF_TOKENS && early)) d_k[i] = gradient_fit(1.5 * d_k[i]);
    if (fault == GRADIENT_ZERO) d_q[i] = 0;
  }
  for (size_t j = 0; j < dv && fault == GRADIENT_SIGN; j++) d_v[j] = -d_v[j];
  return term;
}

static bool handed_on(size_t t, size_t tokens) {
  const gradient_fault fault = gradient_kernel_now->fault;
  const size_t chunk = gradient_kernel_now->chunk ? gradient_kernel_now->chunk : 1;
  if ((t + 1) % chunk != 0 || t + 1 == tokens) return true;
  if (fault == GRADIENT_LAST_CARRY) return t + 1 != (tokens - 1) / chunk * chunk;
  return fault != GRADIENT_CARRY;
}

void gradient_by_tokens(const gradient_arrays *a, size_t first, size_t tokens, size_t at) {
  const size_t n = a->dk * a->dv;
  double *states = calloc((tokens + 1) * n, sizeof *states), *dG = calloc(n, sizeof *dG), sum = 0;
  for (size_t e = 0; e < n; e++) {
    states[e] = gradient_kernel_now->initial ? a->x[S0][at + e] : 0;
    dG[e] = gradient_kernel_now->final && gradient_kernel_now->fault != GRADIENT_NO_FINAL ? a->x[D_S][at + e] : 0;
  }
  for (size_t t = 0; t < tokens; t++) {
    gradient_token o;
    memcpy(states + (t + 1) * n, states + t * n, n * sizeof *states);
    gradient_prepare(a, first + t * a->H, &o);
    forward_token(a, first + t * a->H, &o, states + (t + 1) * n);
  }
  gradient_take_loss(a, first, tokens);
  memcpy(a->x[S] + at, states + tokens * n, n * sizeof *states);
  for (size_t e = 0; e < n; e++) sum = gradient_fit(sum + gradient_fit(dG[e] * states[tokens * n + e]));
  for (size_t t = tokens; t-- > 0;) {
    if (!handed_on(t, tokens)) memset(dG, 0, n * sizeof *dG);
    const size_t row = first + t * a->H;
    const double term = backward_token(a, row, states + t * n, states + (t + 1) * n, dG, t < tokens / 2);
    sum = gradient_kernel_now->fault == GRADIENT_NO_SUM && t + 1 < tokens ? term : gradient_fit(sum + term);
    if (gradient_gated()) a->d[G][row] = sum;
  }
  memcpy(a->d[S0] + at, dG, n * sizeof *dG);
  free(states), free(dG);
}
