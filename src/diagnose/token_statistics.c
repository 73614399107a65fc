/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnose/token_statistics.h"

#include <math.h>
#include <stdlib.h>

efla_status efla_token_statistics_init(efla_token_statistics *token_stats, size_t dk) {
  *token_stats = (efla_token_statistics){.dk = dk, .w = malloc(EFLA_STATISTICS_METHODS * dk * sizeof *token_stats->w)};
  if (!token_stats->w) return EFLA_NO_MEMORY;
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
  efla_quantiles_add(&f->x, x);
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

/* The transition d I - e k k^T of a method, with a factor e^log taken out; along: what it multiplies k by. */
typedef struct transition {
  double log, d, e, along;
} transition;

/* Of the exact flow all of the decay is taken out, which may underflow. */
static transition transition_of(const efla_method *method, const efla_rates *r, double lambda) {
  const double x = r->erase * lambda;
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

void efla_token_statistics_advance(efla_token_statistics *token_stats, const efla_tokens *x, efla_place at,
                                   efla_statistics *f) {
  const efla_decay *decay = f->decay ? f->decay : efla_decay_find("none");
  size_t dk = token_stats->dk;
  for (size_t t = 0; t < x->tokens; t++, at.token++) {
    const double *k = x->k + t * dk;
    double beta = x->beta[t], lambda = efla_lambda(dk, k);
    efla_rates r;
    decay->rates(beta, decay->gated && x->g ? x->g[t] : 0, &r);
    take_token(f, r.decay + r.erase * lambda, beta, lambda, at);
    take_decay(f, &r, lambda);
    for (size_t m = 0; m < f->methods; m++) {
      efla_method_statistics *statistics = &f->method[m];
      const transition p = transition_of(statistics->method, &r, lambda);
      const double step = efla_growth_transition(dk, k, p.d, p.e, token_stats->w + m * dk) + p.log;
      if (!decay->proportional) statistics->law_sum += expected(&token_stats->law, &p);
      statistics->growth += step;
      token_stats->excess[m] = fmax(0, token_stats->excess[m] + step);
      efla_worst_take(&statistics->rise, token_stats->excess[m], at);
    }
  }
  f->tokens += x->tokens;
}
