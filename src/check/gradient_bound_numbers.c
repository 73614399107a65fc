/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bound for gradients that are numbers, and for those of decays. */
#include "check/gradient_bound.h"

#include "check/rounded_sums.h"

#include <math.h>
#include <string.h>

enum { WINDOW = EFLA_ERROR_BOUND_CHUNK };

/* Relative roundings of a slope; and below the smallest normal number of f32 it may be 0. */
static const double SLOPE = 8, SMALLEST = 0x1p-126;

static double square(double x) { return x * x; }

/* A number D by_d + E by_e + W by_w, whose factors change by `bent` with lambda (times lambda). */
double efla_gradient_bound_number(efla_gradient_bound *b, const efla_adjoint *a, const efla_coefficients *slope,
                                  const efla_coefficients *bent, double of_inner) {
  const efla_units *units = &b->spec->units;
  const double a2 = square(units->arithmetic) / 3, E = slope->erase, W = slope->write,
               lambda2 = square((double)a->lambda),
               of_x = EFLA_ROUNDED_RELATIVE + (lambda2 > 0 ? b->sizes.lambda / lambda2 : 0);
  const double by_d = slope->decay == 0 ? 0 : slope->decay * (double)a->by_d, by_e = E * (double)a->by_e,
               by_w = W * (double)a->by_w, sum = by_d + by_e + by_w;
  double rounded = 0;
  for (size_t j = 0; j < b->dv; j++) {
    b->y[j] = W * b->v[j] - E * b->s[j];
    rounded += (efla_rounded(W * b->v[j]) + efla_rounded(E * b->s[j]) + efla_rounded(b->y[j])) * square(b->du[j]);
  }
  const double change = bent->erase * (double)a->by_e + bent->write * (double)a->by_w +
                        (bent->decay == 0 ? 0 : bent->decay * (double)a->by_d);
  const double apart2 = square(by_d) + square(by_e) + square(by_w);
  return efla_quadratic_form(b->dv, b->of_du, b->y) + square(E) * efla_quadratic_form(b->dv, b->of_s, b->du) +
         square(W) * efla_rounded_product(units, b->dv, b->v, b->du) +
         square(E) * efla_rounded_product(units, b->dv, b->s, b->du) + square(slope->decay) * of_inner +
         a2 * (rounded + SLOPE * EFLA_ROUNDED_RELATIVE * (efla_gradient_apart(a) ? apart2 : square(sum)) +
               of_x * square(change)) +
         (units->arithmetic > 0x1p-40 ? square(SMALLEST) * (square((double)a->by_e) + square((double)a->by_w)) : 0);
}

/* Slopes at lambda (1 + 2^-10) less those at lambda (1 - 2^-10), times 2^9: the change by a relative one of lambda. */
efla_coefficient_slopes efla_gradient_bound_bend(const efla_gradient_bound *b, const efla_adjoint *a,
                                                 const efla_tokens *x, size_t t) {
  efla_coefficient_slopes up, down, bent;
  const double lambda = (double)a->lambda, beta = x->beta[t], g = efla_token_argument(x, t);
  efla_rule_slopes(&b->spec->rule, lambda * (1 + 0x1p-10), beta, g, &up);
  efla_rule_slopes(&b->spec->rule, lambda * (1 - 0x1p-10), beta, g, &down);
  const efla_coefficients *const of_up[] = {&up.by_lambda, &up.by_beta, &up.by_g}, *const of_down[] = {&down.by_lambda,
                                                                                                       &down.by_beta,
                                                                                                       &down.by_g};
  efla_coefficients *const to[] = {&bent.by_lambda, &bent.by_beta, &bent.by_g};
  for (size_t i = 0; i < 3; i++)
    *to[i] = (efla_coefficients){0x1p9 * (of_up[i]->decay - of_down[i]->decay),
                                 0x1p9 * (of_up[i]->erase - of_down[i]->erase),
                                 0x1p9 * (of_up[i]->write - of_down[i]->write)};
  return bent;
}

/* The derivative by lambda: automatic differentiation takes it as a difference of terms of the size of the coefficient
 * over lambda. */
double efla_gradient_bound_by_lambda(efla_gradient_bound *b, const efla_adjoint *a, const efla_coefficients *bent) {
  static const double DIFFERENCE = 4; /* relative roundings */
  const double lambda = fabs((double)a->lambda), d = a->c.decay == 0 || a->channels ? 1 : (double)a->c.decay,
               by_e = (double)(a->c.erase * a->by_e), by_w = (double)(a->c.write * a->by_w);
  const double sizes = efla_gradient_apart(a) ? square(by_e) + square(by_w) : square(by_e / d + by_w);
  return efla_gradient_bound_number(b, a, &a->slopes.by_lambda, bent, 0) +
         (lambda > 0
              ? DIFFERENCE * EFLA_ROUNDED_RELATIVE * square(b->spec->units.arithmetic) / 3 * sizes / square(lambda)
              : 0);
}

/* The variance of <E, S>, E an error with the covariances C and H: the trace of C S H S^T. */
static double contract(efla_gradient_bound *b, const efla_state_error *error, const double *S, double *rows) {
  double sum = 0;
  efla_passed_on(b->dk, b->dv, S, error->H, b->product, rows);
  for (size_t i = 0; i < b->dk; i++)
    for (size_t l = 0; l < b->dk; l++) {
      double pair = 0;
      for (size_t j = 0; j < b->dv; j++) pair += b->product[i * b->dv + j] * S[l * b->dv + j];
      sum += error->C[i * b->dk + l] * pair;
    }
  return sum;
}

/* <G, S>, by rows and then over them. */
static double vary_inner(efla_gradient_bound *b, const efla_adjoint *a, const efla_forward_error *f) {
  const double n = (double)(b->dk + b->dv), a2 = square(b->spec->units.arithmetic) / 3,
               o2 = square(b->spec->units.operands) / 3;
  const efla_state_sums of_G = efla_error_bound_sums(&b->G),
                        of_S = efla_state_error_sums(f->before, &b->spec->units, b->before);
  double squares = 0, partial = 0;
  for (size_t e = 0; e < b->dk * b->dv; e++) {
    const size_t i = e / b->dv, j = e % b->dv;
    squares += square(b->before[e] * b->G.S[e]);
    partial +=
        (square(b->before[e]) * efla_partial_sums(&of_G, i, j) + square(b->G.S[e]) * efla_partial_sums(&of_S, i, j)) /
        3;
  }
  memset(b->sum, 0, b->dk * sizeof *b->sum);
  return contract(b, &b->error, b->before, b->sum) + contract(b, f->before, b->G.S, b->sum) + partial +
         EFLA_ROUNDED_SQUARE * ((a2 * (n / 6 + 2) + 2 * o2) * squares + a2 * n / 3 * square((double)a->by_d));
}

/* What q.dq - v.dv, and k.dk, add to a sum of the gradient of a decay over tokens. */
static double vary_term(efla_gradient_bound *b, const efla_adjoint *a, const double *q, const double *d_o,
                        const efla_forward_error *f) {
  const efla_units *units = &b->spec->units;
  const double w2 = square(b->sizes.write);
  for (size_t i = 0; i < b->dk; i++) b->sum[i] = (double)a->q[i];
  return square(b->spec->scale) * efla_quadratic_form(b->dk, f->after->C, q) *
             efla_quadratic_form(b->dv, f->after->H, d_o) +
         w2 * efla_quadratic_form(b->dv, b->of_du, b->v) + efla_quadratic_form(b->dv, b->of_du, b->u) +
         efla_quadratic_form(b->dv, b->of_u, b->du) + efla_rounded_product(units, b->dk, q, b->sum) +
         w2 * efla_rounded_product(units, b->dv, b->v, b->du) + efla_rounded_product(units, b->dv, b->u, b->du);
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

double efla_gradient_bound_head(efla_gradient_bound *b, const efla_adjoint *a, const double *q, const double *d_o,
                                const efla_coefficients *bent, const efla_forward_error *f) {
  const double d = (double)a->c.decay, inner = vary_inner(b, a, f),
               sum = telescope(b, vary_term(b, a, q, d_o, f), d * d * inner),
               log_slope = d != 0 ? a->slopes.by_g.decay / d : 0;
  return efla_gradient_bound_number(b, a, &a->slopes.by_g, bent, inner) + square(log_slope) * sum;
}

/* The errors of the rows <G_i, S_i>: C_ii (S H S^T)_ii, whose matrix has no eigenvalue above the largest (S H S^T)_ii
 * times that of C (Schur). */
static efla_variance vary_rows(efla_gradient_bound *b, const efla_state_error *error, const double *S) {
  efla_variance V = {0};
  double most = 0;
  memset(b->sum, 0, b->dk * sizeof *b->sum);
  efla_passed_on(b->dk, b->dv, S, error->H, b->product, b->sum);
  for (size_t i = 0; i < b->dk; i++) V.sum += b->sum[i] * error->C[i * b->dk + i], most = fmax(most, b->sum[i]);
  V.most = fmin(V.sum, most * error->frobenius);
  return V;
}

/* The same by channels, whose rows are summed apart. */
efla_variance efla_gradient_bound_channels(efla_gradient_bound *b, const efla_adjoint *a, const double *q,
                                           const double *d_o, const efla_forward_error *f) {
  const efla_units *units = &b->spec->units;
  const double of_o = square(b->spec->scale) * efla_quadratic_form(b->dv, f->after->H, d_o),
               a2 = square(units->arithmetic) / 3;
  efla_variance rows = vary_rows(b, &b->error, b->before);
  const efla_variance of_S = vary_rows(b, f->before, b->G.S);
  double keys = 0, term = 0;
  efla_variance_add(&rows, 1, &of_S);
  for (size_t i = 0; i < b->dk; i++) {
    const double d2 = square((double)a->decay[i]);
    double one = d2 * efla_rounded_product(units, b->dv, b->before + i * b->dv, b->G.S + i * b->dv) +
                 a2 * 8 * EFLA_ROUNDED_SQUARE * square((double)(a->decay[i] * a->inner[i]));
    rows.sum += one, rows.most = fmax(rows.most, one);
    keys += square((double)a->writes[i]) * b->by_k[i] + square((double)a->erases[i]) * b->by_p[i];
    term += square(q[i]) * of_o * f->after->C[i * b->dk + i] +
            a2 * EFLA_ROUNDED_SQUARE * (double)b->dv * square(q[i] * (double)a->q[i]);
  }
  const double summed = telescope(b, term + keys, rows.sum);
  return (efla_variance){keys + rows.sum + summed, keys + rows.most + summed};
}
