/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "diagnose/token_statistics.h"

#include "ode/growth.h"

#include <math.h>
#include <stdlib.h>

efla_status efla_token_statistics_init(efla_token_statistics *token_stats, size_t dk) {
  *token_stats = (efla_token_statistics){.dk = dk, .w = malloc(EFLA_STATISTICS_METHODS * dk * sizeof *token_stats->w)};
  if (!token_stats->w) return EFLA_NO_MEMORY;
  for (size_t m = 0; m < EFLA_STATISTICS_METHODS; m++) efla_growth_start(dk, token_stats->w + m * dk);
  return EFLA_OK;
}

void efla_token_statistics_clear(efla_token_statistics *token_stats) {
  free(token_stats->w);
  *token_stats = (efla_token_statistics){0};
}

static void take_token(efla_statistics *f, double beta, double lambda, efla_place at) {
  double x = beta * lambda;
  efla_quantiles_add(&f->x, x);
  efla_worst_take(&f->beta, beta, at);
  efla_worst_take(&f->lambda, lambda, at);
  f->least_lambda = fmin(f->least_lambda, lambda);
  for (size_t i = 0; i < f->limits && x > f->beyond[i].limit; i++) {
    f->beyond[i].tokens++;
    efla_place_take(&f->beyond[i].first, at);
  }
}

void efla_token_statistics_advance(efla_token_statistics *token_stats, const efla_tokens *x, efla_place at,
                                   efla_statistics *f) {
  size_t dk = token_stats->dk;
  for (size_t t = 0; t < x->tokens; t++, at.token++) {
    const double *k = x->k + t * dk;
    double beta = x->beta[t], lambda = efla_lambda(dk, k);
    take_token(f, beta, lambda, at);
    if (x->g) f->decay += x->g[t];
    for (size_t m = 0; m < f->methods; m++) {
      efla_method_statistics *statistics = &f->method[m];
      double step =
          efla_growth_step(dk, k, efla_coefficient(statistics->method, beta, lambda), token_stats->w + m * dk) +
          (x->g ? x->g[t] : 0);
      statistics->growth += step;
      token_stats->excess[m] = fmax(0, token_stats->excess[m] + step);
      efla_worst_take(&statistics->rise, token_stats->excess[m], at);
    }
  }
  f->tokens += x->tokens;
}
