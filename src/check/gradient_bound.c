/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/gradient_bound.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = EFLA_GRADIENT_WINDOW };

static double square(double x) { return x * x; }

double efla_stored_variance(const efla_format *stored, size_t n, double squares) {
  return (square(efla_format_unit(stored)) * squares + (double)n * square(ldexp(1, stored->least - stored->digits))) /
         3;
}

efla_status efla_gradient_bound_init(efla_gradient_bound *b, const efla_backward_spec *spec, size_t dk, size_t dv) {
  *b = (efla_gradient_bound){.spec = spec, .dk = dk, .dv = dv};
  double **const of_dk[] = {&b->room.k, &b->room.p, &b->room.d},
                 **const of_dv[] = {&b->of_s,       &b->of_u,      &b->of_du,       &b->before,    &b->after,
                                    &b->room.value, &b->room.read, &b->room.update, &b->room.terms};
  const size_t dks = sizeof of_dk / sizeof *of_dk, dvs = sizeof of_dv / sizeof *of_dv;
  double *at = b->memory = calloc(dks * dk + dvs * dv + 2 * EFLA_GRADIENT_WINDOW, sizeof *at);
  if (!at || efla_covariance_init(&b->G, &spec->roundings, dk, dv) != EFLA_OK) {
    efla_gradient_bound_clear(b);
    return EFLA_NO_MEMORY;
  }
  for (size_t i = 0; i < dks; i++, at += dk) *of_dk[i] = at;
  for (size_t i = 0; i < dvs; i++, at += dv) *of_dv[i] = at;
  b->terms = at, b->ends = at + EFLA_GRADIENT_WINDOW;
  return EFLA_OK;
}

void efla_gradient_bound_clear(efla_gradient_bound *b) {
  efla_covariance_clear(&b->G);
  free(b->memory);
  *b = (efla_gradient_bound){.memory = NULL};
}

void efla_gradient_bound_start(efla_gradient_bound *b, const efla_adjoint *a) {
  efla_covariance_start(&b->G, a->G);
  b->tokens = 0;
}

static void measure_columns(size_t dk, size_t dv, const long double *S, double *columns) {
  memset(columns, 0, dv * sizeof *columns);
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) columns[j] += square((double)S[i * dv + j]);
}

/* Of an exponential, by one unit in the last place, and a product with it; where there are decays per channel. */
static double channel_roundings(const efla_adjoint *a) { return a->channels ? 3 : 0; }

/* The relative mean square of a unit key's error: that of its norm, a sum of dk terms, and of a division. */
static double key_error(const efla_gradient_bound *b, const efla_roundings *r) {
  return b->spec->rule.keys->unit ? r->a * ((double)b->dk / 4 + 3) : 0;
}

/* How large the terms of lambda are: |k| |p|, which where p is k is lambda. */
static double lambda_reach(const efla_adjoint *a) {
  if (!a->erase_key) return (double)a->lambda;
  double k2 = 0, p2 = 0;
  for (size_t i = 0; i < a->dk; i++) k2 += square((double)a->key[i]), p2 += square((double)a->erase[i]);
  return sqrt(k2 * p2);
}

/* The mean square error of a coefficient of that slope by lambda: a sum of dk products, and what follows from it. */
static double coefficient_error(const efla_adjoint *a, const efla_roundings *r, long double value, double slope) {
  return r->a * (8 * square((double)value) + ((double)a->dk + 4) * square(slope * lambda_reach(a)));
}

static bool apart(const efla_adjoint *a) {
  const efla_decay *decay = a->spec->rule.decay;
  return decay && !decay->proportional && !a->channels;
}

efla_rounded_step efla_gradient_step(const efla_adjoint *a, const double *v, const long double *S, bool backward,
                                     const efla_step_room *to) {
  const efla_coefficients *l = &a->slopes.by_lambda;
  const double e = (double)a->c.erase;
  efla_rounded_step step = {backward ? to->p : to->k,
                            backward ? to->k : to->p,
                            to->d,
                            e,
                            0,
                            to->value,
                            to->read,
                            to->update,
                            to->terms,
                            apart(a),
                            a->channels};
  for (size_t i = 0; i < a->dk; i++)
    to->k[i] = (double)a->writes[i], to->p[i] = (double)a->erases[i], to->d[i] = (double)a->decay[i];
  const double reach = lambda_reach(a);
  for (size_t j = 0; j < a->dv; j++) {
    const double x = v ? v[j] : 0, s = (double)(backward ? a->du[j] : a->s[j]), wx = (double)a->c.write * x;
    double terms = 0;
    for (size_t i = 0; i < a->dk; i++) terms += square(e * step.p[i] * (double)S[i * a->dv + j]);
    to->value[j] = wx * wx, to->read[j] = square(e * s), to->update[j] = square(wx - e * s), to->terms[j] = terms;
    step.lambda += square(reach * (l->write * x - l->erase * s));
  }
  return step;
}

/* Variances of s, u and du; sizes of the forward update. */
static void vary_columns(efla_gradient_bound *b, const efla_adjoint *a, const double *v, const long double *before,
                         const efla_forward_error *f) {
  const efla_roundings *r = &b->spec->roundings;
  const size_t dk = b->dk, dv = b->dv;
  const double c = channel_roundings(a) * r->a, e = (double)a->c.erase, e2 = e * e, w = (double)a->c.write,
               along = efla_covariance_form(&b->G, b->room.k), n = (double)dk;
  const efla_coefficients *l = &a->slopes.by_lambda;
  const double reach = lambda_reach(a);
  for (size_t j = 0; j < dv; j++) {
    double terms = 0, of_G = 0;
    for (size_t i = 0; i < dk; i++)
      terms += square(b->room.p[i] * (double)before[i * dv + j]),
          of_G += square(b->room.k[i] * (double)a->G[i * dv + j]);
    const double s2 = square((double)a->s[j]), u2 = square((double)a->u[j]), du2 = square((double)a->du[j]),
                 wv2 = square(w * v[j]);
    const double lambda = square(reach * (l->write * v[j] - l->erase * (double)a->s[j]));
    b->of_s[j] = f->erased * efla_state_error_share(&f->before, j) + efla_rounded_dot(r, dk, terms, s2) + c * terms;
    b->of_u[j] = e2 * b->of_s[j] + 2 * r->a * (wv2 + e2 * s2) + r->o * (u2 + wv2) +
                 r->a * (4 * u2 + n * lambda + (apart(a) ? 5 * wv2 : 0));
    b->of_du[j] = along * efla_covariance_share(&b->G, j) + efla_rounded_dot(r, dk, of_G, du2) + r->o * du2 + c * of_G;
  }
}

/* sum of x_j y_j^2 */
static double weigh(size_t n, const double *x, const long double *y) {
  double sum = 0;
  for (size_t j = 0; j < n; j++) sum += x[j] * square((double)y[j]);
  return sum;
}

static double total(size_t n, const double *x) {
  double sum = 0;
  for (size_t j = 0; j < n; j++) sum += x[j];
  return sum;
}

static double inner(size_t n, const double *x, const double *y) {
  double sum = 0;
  for (size_t j = 0; j < n; j++) sum += x[j] * y[j];
  return sum;
}

static double norm2(size_t n, const long double *x) {
  double sum = 0;
  for (size_t j = 0; j < n; j++) sum += square((double)x[j]);
  return sum;
}

static double vary_q(const efla_gradient_bound *b, const efla_adjoint *a, const double *d_o,
                     const efla_forward_error *f) {
  const efla_roundings *r = &b->spec->roundings;
  double carried = 0, terms = 0;
  for (size_t j = 0; j < b->dv; j++)
    carried += f->after.share[j] * square(d_o[j]), terms += b->after[j] * square(d_o[j]);
  const double d_q = norm2(b->dk, a->q);
  return square(b->spec->scale) * carried + efla_rounded_dot(r, b->dv, square(b->spec->scale) * terms, d_q) +
         2 * r->a * d_q;
}

/* by k: G u. */
static double vary_by_k(const efla_gradient_bound *b, const efla_adjoint *a) {
  const efla_roundings *r = &b->spec->roundings;
  const double terms = weigh(b->dv, b->G.columns, a->u);
  return weigh(b->dv, b->G.share, a->u) + inner(b->dv, b->G.columns, b->of_u) +
         efla_rounded_dot(r, b->dv, terms, norm2(b->dk, a->by_k));
}

/* by p: -e S du. */
static double vary_by_p(const efla_gradient_bound *b, const efla_adjoint *a, const efla_forward_error *f) {
  const efla_roundings *r = &b->spec->roundings;
  const double e2 = square((double)a->c.erase), size = norm2(b->dk, a->by_p),
               of_S = e2 > 0 ? size / e2 : weigh(b->dv, b->before, a->du);
  return e2 * (weigh(b->dv, f->before.share, a->du) + inner(b->dv, b->before, b->of_du)) +
         efla_rounded_dot(r, b->dv, e2 * weigh(b->dv, b->before, a->du), size) +
         coefficient_error(a, r, a->c.erase, a->slopes.by_lambda.erase) * of_S;
}

/* A number D by_d + E by_e + W by_w, whose factors change by `bent` with lambda (times lambda). */
static double vary_number(const efla_gradient_bound *b, const efla_adjoint *a, const double *v,
                          const efla_coefficients *slope, const efla_coefficients *bent, double of_inner) {
  const efla_roundings *r = &b->spec->roundings;
  const double by_d = slope->decay == 0 ? 0 : slope->decay * (double)a->by_d, by_e = slope->erase * (double)a->by_e,
               by_w = slope->write * (double)a->by_w, sum = by_d + by_e + by_w;
  double carried = 0, terms = 0;
  for (size_t j = 0; j < b->dv; j++) {
    const double s = slope->erase * (double)a->s[j], w = slope->write * v[j];
    carried += square(w - s) * b->of_du[j] + square(slope->erase * (double)a->du[j]) * b->of_s[j];
    terms += (square(w) + square(s)) * square((double)a->du[j]);
  }
  const double change = bent->erase * (double)a->by_e + bent->write * (double)a->by_w +
                        (bent->decay == 0 ? 0 : bent->decay * (double)a->by_d);
  return carried + efla_rounded_dot(r, b->dv, terms, square(by_e) + square(by_w)) + square(slope->decay) * of_inner +
         r->a * (8 * (apart(a) ? square(by_d) + square(by_e) + square(by_w) : square(sum)) +
                 (double)b->dk * square(change));
}

/* Slopes at lambda (1 + 2^-10) less those at lambda (1 - 2^-10), times 2^9: the change by a relative one of lambda. */
static efla_coefficient_slopes bend(const efla_gradient_bound *b, const efla_adjoint *a, const efla_tokens *x,
                                    size_t t) {
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
static double vary_by_lambda(const efla_gradient_bound *b, const efla_adjoint *a, const double *v,
                             const efla_coefficients *bent) {
  const efla_roundings *r = &b->spec->roundings;
  const double lambda = fabs((double)a->lambda), reach = a->erase_key ? 1 : lambda;
  double by_e = (double)(a->c.erase * a->by_e), by_w = (double)(a->c.write * a->by_w);
  const double sizes = apart(a) ? square(by_e) + square(by_w)
                                : square(by_e / (double)(a->c.decay == 0 ? 1
                                                         : a->channels   ? 1
                                                                         : a->c.decay) +
                                         by_w);
  return vary_number(b, a, v, &a->slopes.by_lambda, bent, 0) +
         (reach > 0 && lambda > 0 ? 4 * r->a * sizes / square(lambda) : 0);
}

/* From the update's keys to dk, or dp where the keys are apart. */
static void vary_keys(const efla_gradient_bound *b, const efla_adjoint *a, double by_k, double by_p, double lambda,
                      efla_gradient_variance *to) {
  const efla_roundings *r = &b->spec->roundings;
  const double key2 = norm2(b->dk, a->key), erase2 = norm2(b->dk, a->erase), l2 = square((double)a->by_lambda);
  const double k2 = norm2(b->dk, a->by_k), p2 = norm2(b->dk, a->by_p), kappa = key_error(b, r);
  const double sums = (3 + channel_roundings(a)) * r->a + kappa;
  if (a->erase_key) {
    to->p = by_p + key2 * lambda + sums * (p2 + key2 * l2);
    to->k = by_k + erase2 * lambda + sums * (k2 + erase2 * l2);
  } else {
    to->k = by_k + by_p + 4 * key2 * lambda + sums * (k2 + p2 + 4 * key2 * l2);
  }
  if (!b->spec->rule.keys->unit) return;
  double radial = 0, terms = 0;
  for (size_t i = 0; i < b->dk; i++)
    radial += (double)(a->key[i] * a->treated[i]), terms += square((double)(a->key[i] * a->treated[i]));
  to->k += efla_rounded_dot(r, b->dk, terms, square(radial)) + 4 * kappa * square(radial) +
           (4 * r->a + kappa) * norm2(b->dk, a->treated);
  to->k = a->norm > 0 ? to->k / square((double)a->norm) : 0;
}

static double vary_g(efla_gradient_bound *b, const efla_adjoint *a, const double *q, const double *v, const double *d_o,
                     const efla_coefficients *bent, const efla_forward_error *f) {
  double of_inner;
  const double sum = efla_gradient_bound_head_decay(b, a, q, v, d_o, f, &of_inner),
               log_slope = a->c.decay != 0 ? a->slopes.by_g.decay / (double)a->c.decay : 0;
  return vary_number(b, a, v, &a->slopes.by_g, bent, of_inner) + square(log_slope) * sum;
}

efla_gradient_variance efla_gradient_bound_token(efla_gradient_bound *b, const efla_adjoint *a, const efla_tokens *x,
                                                 size_t t, const double *d_o, const long double *before,
                                                 const long double *after, const efla_forward_error *f) {
  const efla_roundings *r = &b->spec->roundings;
  const double *q = x->q + t * b->dk, *v = x->v + t * b->dv, kappa = key_error(b, r);
  const efla_coefficient_slopes bent = bend(b, a, x, t);
  efla_gradient_variance to = {0};
  for (size_t i = 0; i < b->dk; i++) b->room.k[i] = (double)a->writes[i], b->room.p[i] = (double)a->erases[i];
  for (size_t j = 0; j < b->dv; j++) b->room.value[j] = b->spec->scale * d_o[j];
  efla_covariance_add(&b->G, q, b->room.value, a->G);
  measure_columns(b->dk, b->dv, before, b->before);
  measure_columns(b->dk, b->dv, after, b->after);
  vary_columns(b, a, v, before, f);
  to.q = vary_q(b, a, d_o, f);
  to.v = square((double)a->c.write) * total(b->dv, b->of_du) +
         coefficient_error(a, r, a->c.write, a->slopes.by_lambda.write) * norm2(b->dv, a->du) +
         kappa * norm2(b->dv, a->v);
  const double by_k = vary_by_k(b, a), by_p = vary_by_p(b, a, f), lambda = vary_by_lambda(b, a, v, &bent.by_lambda);
  vary_keys(b, a, by_k, by_p, lambda, &to);
  to.beta = vary_number(b, a, v, &a->slopes.by_beta, &bent.by_beta, 0) + kappa * square((double)a->beta);
  if (a->channels)
    to.g = efla_gradient_bound_channels(b, a, q, d_o, by_k, by_p, f);
  else if (b->spec->rule.decay && b->spec->rule.decay->gated)
    to.g = vary_g(b, a, q, v, d_o, &bent.by_g, f);
  b->tokens++;
  return to;
}

void efla_gradient_bound_retreat(efla_gradient_bound *b, efla_adjoint *a) {
  const efla_rounded_step step = efla_gradient_step(a, NULL, a->G, true, &b->room);
  efla_adjoint_retreat(a);
  efla_covariance_step(&b->G, &step, a->G);
}
