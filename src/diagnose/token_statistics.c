/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnose/token_statistics.h"

#include "ode/channel_exact.h"

#include <math.h>
#include <stdlib.h>

efla_status efla_token_statistics_init(efla_token_statistics *token_stats, size_t dk) {
  *token_stats =
      (efla_token_statistics){.dk = dk, .w = malloc((EFLA_STATISTICS_METHODS + 3) * dk * sizeof *token_stats->w)};
  if (!token_stats->w) return EFLA_NO_MEMORY;
  token_stats->scratch = token_stats->w + EFLA_STATISTICS_METHODS * dk;
  efla_growth_law_init(&token_stats->law, dk);
  for (size_t m = 0; m < EFLA_STATISTICS_METHODS; m++) efla_growth_start(dk, token_stats->w + m * dk);
  return EFLA_OK;
}

void efla_token_statistics_clear(efla_token_statistics *token_stats) {
  free(token_stats->w);
  *token_stats = (efla_token_statistics){0};
}

/* x: the step, which the stability function takes. */
static void take_token(efla_statistics *f, double x, double beta, double lambda, efla_place at) {
  efla_quantiles_add(&f->x, fmax(x, 0)); /* negative with an erase key only */
  efla_worst_take(&f->beta, beta, at);
  efla_worst_take(&f->lambda, lambda, at);
  f->least_lambda = fmin(f->least_lambda, lambda);
  for (size_t i = 0; i < f->limits && x > f->beyond[i].limit; i++) {
    f->beyond[i].tokens++;
    efla_place_take(&f->beyond[i].first, at);
  }
}

/* How fast the exact flow forgets, and whether it matters when: w_split/w_joint = phi(x)/phi(x + y) of decays within
 * and before the step by the same factor d = e^-y (docs/derivations.md#e7). */
static void take_decay(efla_statistics *f, const efla_rates *r, double lambda) {
  const efla_method *exact = efla_method_find("exact");
  const double y = r->decay - r->before, x = r->erase * lambda;
  const double apart = fabs(efla_phi(exact, x) / efla_phi(exact, x + y) - 1);
  f->log_decay -= y;
  if (!f->fading.bins) return;
  efla_quantiles_add(&f->fading, fabs(y)); /* of g = 0 it is -0 */
  for (size_t i = 0; i < EFLA_STATISTICS_UNITS; i++) f->differ[i] += apart > efla_format_unit(efla_statistics_unit(i));
}

/* How fast every channel forgets. */
static void take_channels(efla_statistics *f, size_t dk, const double *g) {
  for (size_t i = 0; i < dk; i++) efla_quantiles_add(&f->fading, fabs(g[i]));
}

/* mu = p^T k, and by how much the flow grows along k where it is negative. */
static void take_mu(efla_statistics *f, double mu, double x, efla_place at) {
  efla_quantiles_add(mu < 0 ? &f->against : &f->along, fabs(mu));
  if (mu < 0) efla_worst_take(&f->rise, -x, at);
}

/* The transition d I - e k k^T of a method, with a factor e^log taken out; along: what it multiplies k by. */
typedef struct transition {
  double log, d, e, along;
} transition;

/* Of the exact flow all of the decay is taken out, which may underflow. */
static transition transition_of(const efla_method *method, const efla_rates *r, double lambda) {
  const double x = r->erase * lambda;
  if (lambda < 0) { /* of an erase key, for which the functions below are not made */
    const efla_rates within = {0, r->decay, r->erase, r->write};
    efla_coefficients c;
    efla_rates_coefficients(method, &within, lambda, &c);
    return (transition){r->before, c.decay, c.erase, c.decay - c.erase * lambda};
  }
  if (r->decay == 0 || method->order == EFLA_ORDER_INFINITE)
    return (transition){r->before - r->decay, 1, efla_coefficient(method, r->erase, lambda), efla_stability(method, x)};
  return (transition){r->before, efla_stability_ratio(method, r->decay),
                      r->erase * efla_psi_offset(method, r->decay, x), efla_stability(method, r->decay + x)};
}

/* The expected log growth for keys of random directions. */
static double expected(const efla_growth_law *law, const transition *p) {
  if (p->d == 0 && p->along == 0) return -INFINITY;
  const double across = p->d == 0 ? 1e-100 * p->along : p->d; /* the limit: only what lies along k is left */
  return p->log + log(fabs(across)) + efla_growth_expected(law, p->along / across);
}

/* ---- g per channel, or an erase key ---- */

/* By a method: diag(e^g) - e r s^T, r and s the keys k and p with their shares of the decays (efla/rule.h); the largest
 * of the decays is taken out. */
static double wide_step(const efla_token_statistics *token_stats, const efla_statistics *f, const efla_tokens *one,
                        const transition *p, double *w) {
  const size_t dk = token_stats->dk;
  double *decay = token_stats->scratch, *k = decay + dk, *erase = k + dk, most = f->channels ? -INFINITY : 0;
  for (size_t i = 0; i < dk && f->channels; i++) most = fmax(most, one->g[i]);
  for (size_t i = 0; i < dk; i++) {
    const double g = f->channels ? one->g[i] - most : 0, share = f->channels ? f->decay->share : 0;
    decay[i] = f->channels ? exp(g) : p->d;
    k[i] = exp((1 - share) * g) * one->k[i];
    erase[i] = exp(share * g) * (one->p ? one->p[i] : one->k[i]);
  }
  return efla_growth_wide_transition(dk, decay, k, erase, p->e, w) + p->log + most;
}

/* By the exact flow with g per channel: that of a state of one column, to which nothing is written. */
static efla_status exact_step(const efla_token_statistics *token_stats, const efla_tokens *one, double *w,
                              double *step) {
  double v = 0, *y = token_stats->scratch;
  efla_tokens column = *one;
  column.dv = 1, column.v = &v;
  for (size_t i = 0; i < token_stats->dk; i++) y[i] = -one->g[i];
  efla_status status = efla_channel_exact_f64(&column, y, w, NULL);
  *step = efla_growth_rescale(token_stats->dk, w);
  return status;
}

/* ---- all ---- */

/* The log growth of one token under a method, on its vector. */
static efla_status step_of(efla_token_statistics *token_stats, efla_statistics *f, size_t m, const efla_tokens *one,
                           const efla_rates *r, double lambda, double *step) {
  efla_method_statistics *statistics = &f->method[m];
  double *w = token_stats->w + m * token_stats->dk;
  if (efla_statistics_exact_flow(f)) return exact_step(token_stats, one, w, step);
  const transition p = transition_of(statistics->method, r, lambda);
  if (efla_statistics_runs(f)) {
    *step = efla_growth_transition(token_stats->dk, one->k, p.d, p.e, w) + p.log;
    if (!f->decay->proportional) statistics->law_sum += expected(&token_stats->law, &p);
  } else {
    *step = wide_step(token_stats, f, one, &p, w);
  }
  return EFLA_OK;
}

static efla_status grow(efla_token_statistics *token_stats, efla_statistics *f, const efla_tokens *one,
                        const efla_rates *r, double lambda, efla_place at) {
  for (size_t m = 0; m < f->methods; m++) {
    efla_method_statistics *statistics = &f->method[m];
    double step;
    if (efla_statistics_exact_flow(f) && statistics->method->order != EFLA_ORDER_INFINITE) continue;
    if (step_of(token_stats, f, m, one, r, lambda, &step) != EFLA_OK) return EFLA_NO_MEMORY;
    statistics->growth += step;
    token_stats->excess[m] = fmax(0, token_stats->excess[m] + step);
    efla_worst_take(&statistics->rise, token_stats->excess[m], at);
  }
  return EFLA_OK;
}

/* The rates of one token, per channel those of its step alone. */
static efla_rates rates_of(const efla_statistics *f, const efla_tokens *one) {
  efla_rates r;
  f->decay->rates(one->beta[0], f->decay->gated && one->g && !f->channels ? one->g[0] : 0, &r);
  return r;
}

efla_status efla_token_statistics_advance(efla_token_statistics *token_stats, const efla_tokens *x, efla_place at,
                                          efla_statistics *f) {
  const size_t dk = token_stats->dk;
  if (!f->decay) f->decay = efla_decay_find("none");
  for (size_t t = 0; t < x->tokens; t++, at.token++) {
    const efla_tokens one = efla_tokens_slice(x, t, 1);
    const double lambda = efla_token_lambda(x, t), of_k = efla_lambda(dk, one.k);
    const efla_rates r = rates_of(f, &one);
    double x_t = r.decay + r.erase * lambda, fastest = 0;
    for (size_t i = 0; i < dk && efla_statistics_exact_flow(f); i++) fastest = fmax(fastest, -one.g[i]);
    take_token(f, x_t + fastest, one.beta[0], of_k, at);
    if (f->channels)
      take_channels(f, dk, one.g);
    else
      take_decay(f, &r, lambda);
    if (f->erase_key) take_mu(f, lambda, x_t, at);
    if (grow(token_stats, f, &one, &r, lambda, at) != EFLA_OK) return EFLA_NO_MEMORY;
  }
  f->tokens += x->tokens;
  return EFLA_OK;
}
