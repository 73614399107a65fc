/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/gradient_bound.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = EFLA_GRADIENT_WINDOW };

static double square(double x) { return x * x; }

/* Mean squares of one rounding of a number, over its square. */
typedef struct roundings {
  double a, o, s; /* of the arithmetic, of an operand, of a stored state */
} roundings;

static roundings roundings_of(const efla_units *u) {
  return (roundings){square(u->arithmetic) / 3, square(u->operands) / 3, square(u->state) / 3};
}

double efla_stored_variance(const efla_format *stored, size_t n, double squares) {
  return (square(efla_format_unit(stored)) * squares + (double)n * square(ldexp(1, stored->least - stored->digits))) /
         3;
}

/* ---- the error of a state ---- */

double efla_covariance_form(const efla_error_bound *bound, const double *x, double *w) {
  const size_t n = bound->dk;
  double form = 0;
  memset(w, 0, n * sizeof *w);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) w[j] += bound->C[i * n + j] * x[i];
  for (size_t i = 0; i < n; i++) form += w[i] * x[i];
  return form > 0 ? form : 0;
}

double efla_covariance_kept(const efla_error_bound *bound, const double *k, const double *p, const double *d, double e,
                            double *w) {
  const double along = efla_covariance_form(bound, p, w);
  double before = 0, after = 0;
  for (size_t i = 0; i < bound->dk; i++) {
    const double c = bound->C[i * bound->dk + i];
    before += c;
    after += square(d[i]) * c - 2 * e * d[i] * k[i] * w[i] + square(e * k[i]) * along;
  }
  return before > 0 && after > 0 ? after / before : 0;
}

void efla_state_error_follow(efla_state_error *error, const efla_error_bound *bound, size_t dv, double kept,
                             const double *added) {
  double trace = 0, squares = 0, sum = 0;
  for (size_t i = 0; i < bound->dk; i++) error->diagonal[i] = bound->C[i * bound->dk + i], trace += error->diagonal[i];
  for (size_t e = 0; e < bound->dk * bound->dk; e++) squares += square(bound->C[e]);
  for (size_t j = 0; j < dv; j++) sum += added[j];
  const double rest = fmax(trace - kept * error->trace, 0);
  for (size_t j = 0; j < dv; j++)
    error->share[j] = kept * error->share[j] + (sum > 0 ? rest * added[j] / sum : rest / (double)dv);
  error->trace = trace, error->frobenius = sqrt(squares);
}

void efla_columns_add(const efla_units *units, size_t dk, size_t dv, double k2, const efla_column_sizes *x,
                      double *added) {
  const roundings r = roundings_of(units);
  for (size_t j = 0; j < dv; j++)
    added[j] = (r.s + 2 * r.a) * x->state[j] +
               k2 * ((r.a * ((double)dk + 2) + r.o) * (x->terms[j] + x->read[j] + x->written[j]) +
                     (4 * r.a + r.o) * x->update[j]);
}

/* ---- the bound ---- */

efla_status efla_gradient_bound_init(efla_gradient_bound *b, const efla_kernel_spec *spec, size_t dk, size_t dv) {
  *b = (efla_gradient_bound){.spec = spec, .dk = dk, .dv = dv};
  double **const of_dk[] = {&b->k, &b->p, &b->d, &b->w, &b->error.diagonal},
                 **const of_dv[] = {&b->of_s,        &b->of_u,          &b->of_du,      &b->before,
                                    &b->after,       &b->adjoint,       &b->added,      &b->error.share,
                                    &b->sizes.state, &b->sizes.written, &b->sizes.read, &b->sizes.update,
                                    &b->sizes.terms};
  const size_t dks = sizeof of_dk / sizeof *of_dk, dvs = sizeof of_dv / sizeof *of_dv;
  double *at = b->memory = calloc((dks + 2 * WINDOW) * dk + dvs * dv, sizeof *at);
  if (!at || efla_error_bound_init(&b->G, &spec->units, dk) != EFLA_OK) {
    efla_gradient_bound_clear(b);
    return EFLA_NO_MEMORY;
  }
  for (size_t i = 0; i < dks; i++, at += dk) *of_dk[i] = at;
  for (size_t i = 0; i < dvs; i++, at += dv) *of_dv[i] = at;
  b->terms = at, b->ends = at + WINDOW * dk;
  return EFLA_OK;
}

void efla_gradient_bound_clear(efla_gradient_bound *b) {
  if (b->G.C) efla_error_bound_clear(&b->G);
  free(b->memory);
  *b = (efla_gradient_bound){0};
}

static void measure_columns(size_t dk, size_t dv, const long double *S, double *columns) {
  memset(columns, 0, dv * sizeof *columns);
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) columns[j] += square((double)S[i * dv + j]);
}

void efla_gradient_bound_start(efla_gradient_bound *b, const efla_adjoint *a) {
  efla_error_bound_start(&b->G, b->dv, a->G);
  measure_columns(b->dk, b->dv, a->G, b->adjoint);
  memset(b->error.share, 0, b->dv * sizeof *b->error.share);
  b->error.trace = 0, b->tokens = 0;
  efla_state_error_follow(&b->error, &b->G, b->dv, 0, b->adjoint);
}

/* The sum of q do^T into G is rounded, and G stored. */
static void add_readout(efla_gradient_bound *b, const efla_adjoint *a, const double *q, const double *d_o) {
  const roundings r = roundings_of(&b->spec->units);
  double o2 = efla_lambda(b->dv, d_o) * square(b->spec->scale), q2 = efla_lambda(b->dk, q);
  for (size_t i = 0; i < b->dk; i++) {
    double row = 0;
    for (size_t j = 0; j < b->dv; j++) row += square((double)a->G[i * b->dv + j]);
    b->G.rows[i] = row;
    b->G.C[i * b->dk + i] += (r.s + 2 * r.a) * row + (r.o + 2 * r.a) * square(q[i]) * o2;
  }
  measure_columns(b->dk, b->dv, a->G, b->adjoint);
  for (size_t j = 0; j < b->dv; j++)
    b->added[j] = (r.s + 2 * r.a) * b->adjoint[j] + (r.o + 2 * r.a) * q2 * square(b->spec->scale * d_o[j]);
  efla_state_error_follow(&b->error, &b->G, b->dv, 1, b->added);
}

/* A sum of n products, by the sum of their squares and the square of what it comes to. */
static double dot(const roundings *r, size_t n, double squares, double total2) {
  return (r->a * ((double)n + 2) + r->o) * (squares + total2);
}

static double share_of(const efla_state_error *e, size_t j) { return e->trace > 0 ? e->share[j] / e->trace : 0; }

/* Of an exponential, by one unit in the last place, and a product with it; where there are decays per channel. */
static double channel_roundings(const efla_adjoint *a) { return a->channels ? 3 : 0; }

/* The relative mean square of a unit key's error: that of its norm, a sum of dk terms, and of a division. */
static double key_error(const efla_gradient_bound *b, const roundings *r) {
  return b->spec->rule.keys->unit ? r->a * ((double)b->dk / 4 + 3) : 0;
}

/* Relative change of a coefficient by that of lambda. */
static double by_lambda(const efla_adjoint *a, double slope, long double value) {
  const double reach = fabs(slope * (double)a->lambda);
  return value == 0 ? 0 : fmin(1, reach / fabs((double)value));
}

static bool apart(const efla_gradient_bound *b, const efla_adjoint *a) {
  const efla_decay *decay = b->spec->rule.decay;
  return decay && !decay->proportional && !a->channels;
}

/* Variances of s, u and du; sizes of the forward update. */
static void vary_columns(efla_gradient_bound *b, const efla_adjoint *a, const double *v, const long double *before,
                         const efla_forward_error *f) {
  const roundings r = roundings_of(&b->spec->units);
  const size_t dk = b->dk, dv = b->dv;
  const double c = channel_roundings(a) * r.a, e = (double)a->c.erase, e2 = e * e, w = (double)a->c.write,
               along = efla_covariance_form(&b->G, b->k, b->w), n = (double)dk;
  const efla_coefficients *l = &a->slopes.by_lambda;
  const double reach = a->erase_key ? sqrt(efla_lambda(dk, b->k) * efla_lambda(dk, b->p)) : 0;
  for (size_t j = 0; j < dv; j++) {
    double terms = 0, of_G = 0;
    for (size_t i = 0; i < dk; i++)
      terms += square(b->p[i] * (double)before[i * dv + j]), of_G += square(b->k[i] * (double)a->G[i * dv + j]);
    const double s2 = square((double)a->s[j]), u2 = square((double)a->u[j]), du2 = square((double)a->du[j]),
                 wv2 = square(w * v[j]);
    const double lambda =
        a->erase_key ? square(reach * (l->write * v[j] - l->erase * (double)a->s[j])) : u2 + (apart(b, a) ? wv2 : 0);
    b->of_s[j] = f->erased * share_of(&f->before, j) + dot(&r, dk, terms, s2) + c * terms;
    b->of_u[j] = e2 * b->of_s[j] + 2 * r.a * (wv2 + e2 * s2) + r.o * (u2 + wv2) +
                 r.a * (4 * u2 + n * lambda + (apart(b, a) ? 5 * wv2 : 0));
    b->of_du[j] = along * share_of(&b->error, j) + dot(&r, dk, of_G, du2) + r.o * du2 + c * of_G;
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
  const roundings r = roundings_of(&b->spec->units);
  double carried = 0, terms = 0;
  for (size_t j = 0; j < b->dv; j++)
    carried += f->after.share[j] * square(d_o[j]), terms += b->after[j] * square(d_o[j]);
  const double d_q = norm2(b->dk, a->q);
  return square(b->spec->scale) * carried + dot(&r, b->dv, square(b->spec->scale) * terms, d_q) + 2 * r.a * d_q;
}

/* by k: G u. */
static double vary_by_k(const efla_gradient_bound *b, const efla_adjoint *a) {
  const roundings r = roundings_of(&b->spec->units);
  const double terms = weigh(b->dv, b->adjoint, a->u);
  return weigh(b->dv, b->error.share, a->u) + inner(b->dv, b->adjoint, b->of_u) +
         dot(&r, b->dv, terms, norm2(b->dk, a->by_k));
}

/* by p: -e S du. */
static double vary_by_p(const efla_gradient_bound *b, const efla_adjoint *a, const efla_forward_error *f) {
  const roundings r = roundings_of(&b->spec->units);
  const double e2 = square((double)a->c.erase), size = norm2(b->dk, a->by_p);
  const double rel = by_lambda(a, a->slopes.by_lambda.erase, a->c.erase);
  return e2 * (weigh(b->dv, f->before.share, a->du) + inner(b->dv, b->before, b->of_du)) +
         dot(&r, b->dv, e2 * weigh(b->dv, b->before, a->du), size) + r.a * (8 + (double)b->dk * rel * rel) * size;
}

/* <G, S>: C's action on the columns is at most its Frobenius norm. */
static double vary_inner(const efla_gradient_bound *b, const efla_adjoint *a, const efla_forward_error *f) {
  const roundings r = roundings_of(&b->spec->units);
  double carried = 0, terms = 0;
  for (size_t j = 0; j < b->dv; j++) {
    carried += share_of(&b->error, j) * b->error.frobenius * b->before[j] +
               share_of(&f->before, j) * f->before.frobenius * b->adjoint[j];
    terms += b->before[j] * b->adjoint[j];
  }
  return carried + dot(&r, b->dk + b->dv, terms / (double)b->dk, square((double)a->by_d));
}

/* A number D by_d + E by_e + W by_w, whose factors change by `bent` with lambda (times lambda). */
static double vary_number(const efla_gradient_bound *b, const efla_adjoint *a, const double *v,
                          const efla_coefficients *slope, const efla_coefficients *bent, double of_inner) {
  const roundings r = roundings_of(&b->spec->units);
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
  return carried + dot(&r, b->dv, terms, square(by_e) + square(by_w)) + square(slope->decay) * of_inner +
         r.a * (8 * (apart(b, a) ? square(by_d) + square(by_e) + square(by_w) : square(sum)) +
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
  const roundings r = roundings_of(&b->spec->units);
  const double lambda = fabs((double)a->lambda), reach = a->erase_key ? 1 : lambda;
  double by_e = (double)(a->c.erase * a->by_e), by_w = (double)(a->c.write * a->by_w);
  const double sizes = apart(b, a) ? square(by_e) + square(by_w)
                                   : square(by_e / (double)(a->c.decay == 0 ? 1
                                                            : a->channels   ? 1
                                                                            : a->c.decay) +
                                            by_w);
  return vary_number(b, a, v, &a->slopes.by_lambda, bent, 0) +
         (reach > 0 && lambda > 0 ? 4 * r.a * sizes / square(lambda) : 0);
}

/* From the update's keys to dk, or dp where the keys are apart. */
static void vary_keys(const efla_gradient_bound *b, const efla_adjoint *a, double by_k, double by_p, double lambda,
                      efla_gradient_variance *to) {
  const roundings r = roundings_of(&b->spec->units);
  const double key2 = norm2(b->dk, a->key), erase2 = norm2(b->dk, a->erase), l2 = square((double)a->by_lambda);
  const double k2 = norm2(b->dk, a->by_k), p2 = norm2(b->dk, a->by_p), kappa = key_error(b, &r);
  const double sums = (3 + channel_roundings(a)) * r.a + kappa;
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
  to->k +=
      dot(&r, b->dk, terms, square(radial)) + 4 * kappa * square(radial) + (4 * r.a + kappa) * norm2(b->dk, a->treated);
  to->k = a->norm > 0 ? to->k / square((double)a->norm) : 0;
}

/* What q.dq - v.dv, and k.dk, add to a sum of the gradient of a decay over tokens. */
static double vary_term(const efla_gradient_bound *b, const efla_adjoint *a, const double *q, const double *v,
                        const double *d_o, const efla_forward_error *f) {
  const roundings r = roundings_of(&b->spec->units);
  const double scale2 = square(b->spec->scale), w2 = square((double)a->c.write);
  double sum = 0, o = 0, o_terms = 0, value = 0;
  for (size_t j = 0; j < b->dv; j++) {
    sum += scale2 * square(d_o[j]) * f->read * share_of(&f->after, j) +
           (w2 * square(v[j]) + square((double)a->u[j])) * b->of_du[j] + square((double)a->du[j]) * b->of_u[j];
    value += w2 * square(v[j] * (double)a->du[j]) + square((double)(a->u[j] * a->du[j]));
  }
  for (size_t i = 0; i < b->dk; i++) o += q[i] * (double)a->q[i], o_terms += square(q[i] * (double)a->q[i]);
  return sum + dot(&r, b->dk, o_terms, square(o)) + dot(&r, b->dv, value, square((double)(a->c.write * a->by_w)));
}

/* The gradient by the logarithm of a decay is <G, S> of the token, which kernels have from a telescoping sum over at
 * most WINDOW tokens and from <G, S> after them. */
static double telescope(efla_gradient_bound *b, double term, double end) {
  b->terms[b->tokens % WINDOW] = term, b->ends[b->tokens % WINDOW] = end;
  const size_t n = b->tokens + 1 < WINDOW ? b->tokens + 1 : WINDOW;
  double most = 0;
  for (size_t s = 0; s < n; s++) most = fmax(most, b->ends[s]);
  return total(n, b->terms) + most;
}

static double vary_g(efla_gradient_bound *b, const efla_adjoint *a, const efla_tokens *x, size_t t, const double *d_o,
                     const efla_coefficients *bent, const efla_forward_error *f) {
  const double *v = x->v + t * b->dv, of_inner = vary_inner(b, a, f), d = (double)a->c.decay;
  const double term = vary_term(b, a, x->q + t * b->dk, v, d_o, f), slope = a->slopes.by_g.decay;
  const double sum = telescope(b, term, d * d * of_inner), log_slope = d != 0 ? slope / d : 0;
  return vary_number(b, a, v, &a->slopes.by_g, bent, of_inner) + square(log_slope) * sum;
}

/* The same by channels, whose rows are summed apart. */
static double vary_channels(efla_gradient_bound *b, const efla_adjoint *a, const double *q, const double *d_o,
                            double by_k, double by_p, const efla_forward_error *f) {
  const roundings r = roundings_of(&b->spec->units);
  const double most_k = norm2(b->dk, a->writes), most_p = norm2(b->dk, a->erases);
  double rows = 0, term = 0, of_o = 0, carried_G = 0, carried_S = 0;
  for (size_t j = 0; j < b->dv; j++) {
    of_o += square(b->spec->scale * d_o[j]) * share_of(&f->after, j);
    carried_G += share_of(&b->error, j) * b->before[j], carried_S += share_of(&f->before, j) * b->adjoint[j];
  }
  double most_G = 0, most_S = 0;
  for (size_t i = 0; i < b->dk; i++) {
    most_G = fmax(most_G, b->error.diagonal[i]), most_S = fmax(most_S, f->before.diagonal[i]);
    term += square(q[i]) * of_o * f->after.diagonal[i] + dot(&r, b->dv, 0, square(q[i] * (double)a->q[i]));
    rows += (r.a * ((double)b->dv + 8) + r.o) * square((double)(a->decay[i] * a->inner[i]));
  }
  const double keys = (most_k * by_k + most_p * by_p) / (double)b->dk;
  rows += most_G * carried_G + most_S * carried_S +
          (r.a * ((double)b->dv + 2) + r.o) * inner(b->dv, b->before, b->adjoint) / (double)b->dk;
  return keys + rows + telescope(b, term + keys, rows);
}

efla_gradient_variance efla_gradient_bound_token(efla_gradient_bound *b, const efla_adjoint *a, const efla_tokens *x,
                                                 size_t t, const double *d_o, const long double *before,
                                                 const long double *after, const efla_forward_error *f) {
  const roundings r = roundings_of(&b->spec->units);
  const double *q = x->q + t * b->dk, *v = x->v + t * b->dv, kappa = key_error(b, &r);
  const efla_coefficient_slopes bent = bend(b, a, x, t);
  efla_gradient_variance to = {0};
  for (size_t i = 0; i < b->dk; i++)
    b->k[i] = (double)a->writes[i], b->p[i] = (double)a->erases[i], b->d[i] = (double)a->decay[i];
  add_readout(b, a, q, d_o);
  measure_columns(b->dk, b->dv, before, b->before);
  measure_columns(b->dk, b->dv, after, b->after);
  vary_columns(b, a, v, before, f);
  to.q = vary_q(b, a, d_o, f);
  const double rel = by_lambda(a, a->slopes.by_lambda.write, a->c.write);
  to.v = square((double)a->c.write) * total(b->dv, b->of_du) +
         (r.a * (8 + (double)b->dk * rel * rel) + kappa) * norm2(b->dv, a->v);
  const double by_k = vary_by_k(b, a), by_p = vary_by_p(b, a, f), lambda = vary_by_lambda(b, a, v, &bent.by_lambda);
  vary_keys(b, a, by_k, by_p, lambda, &to);
  to.beta = vary_number(b, a, v, &a->slopes.by_beta, &bent.by_beta, 0) + kappa * square((double)a->beta);
  if (a->channels)
    to.g = vary_channels(b, a, q, d_o, by_k, by_p, f);
  else if (b->spec->rule.decay && b->spec->rule.decay->gated)
    to.g = vary_g(b, a, x, t, d_o, &bent.by_g, f);
  b->tokens++;
  return to;
}

/* What is rounded where e p du^T is taken from G, by columns and in all. */
static efla_token_sizes measure_retreat(efla_gradient_bound *b, const efla_adjoint *a) {
  const double e2 = square((double)a->c.erase),
               reach = sqrt(efla_lambda(b->dk, b->k) * efla_lambda(b->dk, b->p)) * a->slopes.by_lambda.erase;
  efla_token_sizes sizes = {.k = b->p,
                            .p = b->k,
                            .decay = b->d,
                            .erase = (double)a->c.erase,
                            .apart = apart(b, a),
                            .channels = a->channels,
                            .series = 1};
  for (size_t j = 0; j < b->dv; j++) {
    const double du2 = square((double)a->du[j]), read = e2 * du2;
    double terms = 0;
    for (size_t i = 0; i < b->dk; i++) terms += e2 * square(b->k[i] * (double)a->G[i * b->dv + j]);
    b->sizes.written[j] = 0, b->sizes.read[j] = b->sizes.update[j] = read, b->sizes.terms[j] = terms;
    sizes.read += read, sizes.update += read;
    sizes.lambda += a->erase_key ? square(reach) * du2 : read;
  }
  return sizes;
}

void efla_gradient_bound_retreat(efla_gradient_bound *b, efla_adjoint *a) {
  const double kept = efla_covariance_kept(&b->G, b->p, b->k, b->d, (double)a->c.erase, b->w);
  const efla_token_sizes sizes = measure_retreat(b, a);
  efla_adjoint_retreat(a);
  efla_error_bound_step(&b->G, &sizes, b->dv, a->G);
  measure_columns(b->dk, b->dv, a->G, b->sizes.state);
  efla_columns_add(&b->spec->units, b->dk, b->dv, efla_lambda(b->dk, b->p), &b->sizes, b->added);
  efla_state_error_follow(&b->error, &b->G, b->dv, kept, b->added);
}
