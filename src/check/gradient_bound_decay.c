/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bound for gradients of decays. */
#include "check/gradient_bound.h"

#include <math.h>

enum { WINDOW = EFLA_GRADIENT_WINDOW };

static double square(double x) { return x * x; }

static double norm2(size_t n, const long double *x) {
  double sum = 0;
  for (size_t j = 0; j < n; j++) sum += square((double)x[j]);
  return sum;
}

/* <G, S>: C's action on the columns is at most its Frobenius norm. */
static double vary_inner(const efla_gradient_bound *b, const efla_adjoint *a, const efla_forward_error *f) {
  const efla_roundings *r = &b->spec->roundings;
  double carried = 0, terms = 0;
  for (size_t j = 0; j < b->dv; j++) {
    carried += efla_covariance_share(&b->G, j) * b->G.frobenius * b->before[j] +
               efla_state_error_share(&f->before, j) * f->before.frobenius * b->G.columns[j];
    terms += b->before[j] * b->G.columns[j];
  }
  return carried + efla_rounded_dot(r, b->dk + b->dv, terms / (double)b->dk, square((double)a->by_d));
}

/* What q.dq - v.dv, and k.dk, add to a sum of the gradient of a decay over tokens. */
static double vary_term(const efla_gradient_bound *b, const efla_adjoint *a, const double *q, const double *v,
                        const double *d_o, const efla_forward_error *f) {
  const efla_roundings *r = &b->spec->roundings;
  const double scale2 = square(b->spec->scale), w2 = square((double)a->c.write);
  double sum = 0, o = 0, o_terms = 0, value = 0;
  for (size_t j = 0; j < b->dv; j++) {
    sum += scale2 * square(d_o[j]) * f->read * efla_state_error_share(&f->after, j) +
           (w2 * square(v[j]) + square((double)a->u[j])) * b->of_du[j] + square((double)a->du[j]) * b->of_u[j];
    value += w2 * square(v[j] * (double)a->du[j]) + square((double)(a->u[j] * a->du[j]));
  }
  for (size_t i = 0; i < b->dk; i++) o += q[i] * (double)a->q[i], o_terms += square(q[i] * (double)a->q[i]);
  return sum + efla_rounded_dot(r, b->dk, o_terms, square(o)) +
         efla_rounded_dot(r, b->dv, value, square((double)(a->c.write * a->by_w)));
}

/* The gradient by the logarithm of a decay is <G, S> of the token, which kernels have from a telescoping sum over at
 * most WINDOW tokens and from <G, S> after them. */
static double telescope(efla_gradient_bound *b, double term, double end) {
  b->terms[b->tokens % WINDOW] = term, b->ends[b->tokens % WINDOW] = end;
  const size_t n = b->tokens + 1 < WINDOW ? b->tokens + 1 : WINDOW;
  double most = 0, sum = 0;
  for (size_t s = 0; s < n; s++) most = fmax(most, b->ends[s]), sum += b->terms[s];
  return sum + most;
}

/* The same by channels, whose rows are summed apart. */
double efla_gradient_bound_channels(efla_gradient_bound *b, const efla_adjoint *a, const double *q, const double *d_o,
                                    double by_k, double by_p, const efla_forward_error *f) {
  const efla_roundings *r = &b->spec->roundings;
  const double most_k = norm2(b->dk, a->writes), most_p = norm2(b->dk, a->erases);
  double rows = 0, term = 0, of_o = 0, carried_G = 0, carried_S = 0, inner = 0;
  for (size_t j = 0; j < b->dv; j++) {
    of_o += square(b->spec->scale * d_o[j]) * efla_state_error_share(&f->after, j);
    carried_G += efla_covariance_share(&b->G, j) * b->before[j],
        carried_S += efla_state_error_share(&f->before, j) * b->G.columns[j];
    inner += b->before[j] * b->G.columns[j];
  }
  double most_G = 0, most_S = 0;
  for (size_t i = 0; i < b->dk; i++) {
    most_G = fmax(most_G, b->G.diagonal[i]), most_S = fmax(most_S, f->before.diagonal[i]);
    term += square(q[i]) * of_o * f->after.diagonal[i] + efla_rounded_dot(r, b->dv, 0, square(q[i] * (double)a->q[i]));
    rows += (r->a * ((double)b->dv + 8) + r->o) * square((double)(a->decay[i] * a->inner[i]));
  }
  const double keys = (most_k * by_k + most_p * by_p) / (double)b->dk;
  rows += most_G * carried_G + most_S * carried_S + (r->a * ((double)b->dv + 2) + r->o) * inner / (double)b->dk;
  return keys + rows + telescope(b, term + keys, rows);
}

double efla_gradient_bound_head_decay(efla_gradient_bound *b, const efla_adjoint *a, const double *q, const double *v,
                                      const double *d_o, const efla_forward_error *f, double *of_inner) {
  const double d = (double)a->c.decay;
  *of_inner = vary_inner(b, a, f);
  return telescope(b, vary_term(b, a, q, v, d_o, f), d * d * *of_inner);
}
