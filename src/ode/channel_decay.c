/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/channel_decay.h"

#include "efla/reference/recurrence.h"
#include "ode/channel_exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* S <- diag(e^(-part*y)) S */
static void decay(size_t dk, size_t dv, double part, const double *y, double *S) {
  for (size_t i = 0; i < dk; i++) {
    double factor = exp(-part * y[i]);
    for (size_t j = 0; j < dv; j++) S[i * dv + j] *= factor;
  }
}

/* The delta rule's step of token t. */
static void step(const efla_method *method, const efla_tokens *x, size_t t, double *S) {
  const double *k = x->k + t * x->dk;
  const efla_coefficients c = efla_coefficients_of(efla_coefficient(method, x->beta[t], efla_lambda(x->dk, k)));
  efla_recurrence_f64(1, x->dk, x->dv, NULL, k, x->v + t * x->dv, &c, S, NULL);
}

static void read_out(const efla_tokens *x, size_t t, const double *S, double *o) {
  if (o) efla_readout_f64(x->dk, x->dv, x->q + t * x->dk, S, o + t * x->dv);
}

void efla_channel_lie(const efla_method *method, const efla_tokens *x, const double *y, double *S, double *o) {
  for (size_t t = 0; t < x->tokens; t++) {
    decay(x->dk, x->dv, 1, y + t * x->dk, S);
    step(method, x, t, S);
    read_out(x, t, S, o);
  }
}

void efla_channel_strang(const efla_method *method, const efla_tokens *x, const double *y, double *S, double *o) {
  for (size_t t = 0; t < x->tokens; t++) {
    decay(x->dk, x->dv, 0.5, y + t * x->dk, S);
    step(method, x, t, S);
    decay(x->dk, x->dv, 0.5, y + t * x->dk, S);
    read_out(x, t, S, o);
  }
}

void efla_channel_merge(const efla_tokens *x, const double *y, double *rates, double *queries) {
  size_t dk = x->dk;
  for (size_t e = 0; e < x->tokens * dk; e++) {
    rates[e] = ((e < dk ? 0 : y[e - dk]) + y[e]) / 2;
    queries[e] = exp(-y[e] / 2) * x->q[e];
  }
}

efla_status efla_channel_strang_by_lie(const efla_method *method, const efla_tokens *x, const double *y, double *S,
                                       double *o) {
  size_t n = x->tokens * x->dk;
  if (n == 0) return EFLA_OK;
  double *rates = malloc(2 * n * sizeof *rates);
  if (!rates) return EFLA_NO_MEMORY;
  efla_tokens merged = *x;
  merged.q = rates + n;
  efla_channel_merge(x, y, rates, merged.q);
  efla_channel_lie(method, &merged, rates, S, o);
  decay(x->dk, x->dv, 0.5, y + n - x->dk, S);
  free(rates);
  return EFLA_OK;
}

/* ---- the error of the Lie splitting ---- */

/* The rates as the key sees them. With the mean mu = k^T diag(y) k/lambda, diag(y) k = mu k + r and r is orthogonal to
 * k, which makes both terms of the commutator orthogonal to each other and free of cancellation. */
typedef struct seen {
  double lambda, mu;
  double r, y_r, y_k; /* norms of r, diag(y) r, diag(y) k */
} seen;

static seen see(size_t dk, const double *k, const double *y) {
  seen s = {.lambda = efla_lambda(dk, k)};
  double r = 0, y_r = 0, y_k = 0;
  for (size_t i = 0; i < dk && s.lambda > 0; i++) s.mu += y[i] * (k[i] * k[i] / s.lambda);
  for (size_t i = 0; i < dk; i++) {
    r += pow((y[i] - s.mu) * k[i], 2);
    y_r += pow(y[i] * (y[i] - s.mu) * k[i], 2);
    y_k += pow(y[i] * k[i], 2);
  }
  s.r = sqrt(r), s.y_r = sqrt(y_r), s.y_k = sqrt(y_k);
  return s;
}

/* The commutator makes beta (k p^T - r u^T) of S, p = S^T r + mu v, u = S^T k - v; entry j of both. */
static void factors(size_t dk, size_t dv, const double *k, const double *y, double mu, const double *S, size_t j,
                    double v, double *p, double *u) {
  *p = mu * v, *u = -v;
  for (size_t i = 0; i < dk; i++) {
    *p += (y[i] - mu) * k[i] * S[i * dv + j];
    *u += k[i] * S[i * dv + j];
  }
}

/* The integrals over 0 <= s <= 1 of (1 - s) e^-xs and of s e^-xs, by which k p^T and r u^T are weighted. */
static double weight_across(double x) {
  const efla_method *exact = efla_method_find("exact");
  return efla_phi(exact, x) + efla_phi_slope(exact, x);
}
static double weight_along(double x) { return -efla_phi_slope(efla_method_find("exact"), x); }

void efla_channel_lie_leading(size_t dk, size_t dv, const double *k, const double *v, double beta, const double *y,
                              const double *S, double *E) {
  const seen s = see(dk, k, y);
  double along = beta * weight_along(beta * s.lambda), across = beta * weight_across(beta * s.lambda), p, u;
  for (size_t j = 0; j < dv; j++) {
    factors(dk, dv, k, y, s.mu, S, j, v[j], &p, &u);
    for (size_t i = 0; i < dk; i++) E[i * dv + j] = k[i] * (along * p - across * (y[i] - s.mu) * u);
  }
}

double efla_channel_lie_bound(size_t dk, size_t dv, const double *k, const double *v, double beta, const double *y,
                              const double *S) {
  const seen s = see(dk, k, y);
  double norm_k = sqrt(s.lambda), norm_v = sqrt(efla_lambda(dv, v)), norm_S = sqrt(efla_lambda(dk * dv, S));
  double along = 0, across = 0, p, u;
  for (size_t j = 0; j < dv; j++) {
    factors(dk, dv, k, y, s.mu, S, j, v[j], &p, &u);
    along += p * p, across += u * u;
  }
  double commutator = hypot(norm_k * sqrt(along), s.r * sqrt(across)),
         rest = norm_S * hypot(norm_k * s.y_r, s.r * s.y_k) * 2 / 3,
         by_norms = hypot(norm_k * (s.r * norm_S + s.mu * norm_v), s.r * (norm_k * norm_S + norm_v));
  return beta * weight_across(beta * s.lambda) * fmin(commutator + rest, by_norms);
}

efla_status efla_channel_lie_predict(const efla_tokens *x, const double *y, double *S,
                                     efla_channel_lie_theory *theory) {
  size_t dk = x->dk, dv = x->dv, n = dk * dv;
  double *error = calloc(2 * n + dv, sizeof *error);
  if (!error) return EFLA_NO_MEMORY;
  double *local = error + n, *zero = local + n;
  efla_status status = EFLA_OK;
  theory->bound = 0;
  for (size_t t = 0; t < x->tokens && status == EFLA_OK; t++) {
    const efla_tokens one = efla_tokens_slice(x, t, 1);
    efla_tokens homogeneous = one;
    homogeneous.v = zero;
    const double *rates = y + t * dk;
    double least = INFINITY;
    for (size_t i = 0; i < dk; i++) least = fmin(least, rates[i]);
    theory->bound = exp(-least) * theory->bound + efla_channel_lie_bound(dk, dv, one.k, one.v, one.beta[0], rates, S);
    efla_channel_lie(efla_method_find("exact"), &homogeneous, rates, error, NULL);
    efla_channel_lie_leading(dk, dv, one.k, one.v, one.beta[0], rates, S, local);
    for (size_t e = 0; e < n; e++) error[e] += local[e];
    status = efla_channel_exact_f64(&one, rates, S, NULL);
  }
  theory->leading = sqrt(efla_lambda(n, error));
  free(error);
  return status;
}

/* ---- the table ---- */

static efla_status lie(const efla_method *method, const efla_tokens *x, const double *y, double *S) {
  efla_channel_lie(method, x, y, S, NULL);
  return EFLA_OK;
}

static efla_status strang(const efla_method *method, const efla_tokens *x, const double *y, double *S) {
  efla_channel_strang(method, x, y, S, NULL);
  return EFLA_OK;
}

static efla_status strang_by_lie(const efla_method *method, const efla_tokens *x, const double *y, double *S) {
  return efla_channel_strang_by_lie(method, x, y, S, NULL);
}

static efla_status exact(const efla_method *method, const efla_tokens *x, const double *y, double *S) {
  (void)method;
  return efla_channel_exact_f64(x, y, S, NULL);
}

const efla_channel_scheme efla_channel_schemes[] = {
    {"lie", 1, lie}, {"strang", 2, strang}, {"strang_by_lie", 2, strang_by_lie}, {"exact", EFLA_ORDER_INFINITE, exact},
    {.name = NULL},
};

const char *efla_channel_scheme_name(size_t i) {
  return i < sizeof efla_channel_schemes / sizeof *efla_channel_schemes ? efla_channel_schemes[i].name : NULL;
}
