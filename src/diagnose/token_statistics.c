#include "diagnose/token_statistics.h"

#include "ode/growth.h"

#include <math.h>
#include <stdlib.h>

efla_status efla_survey_init(efla_survey *survey, size_t dk) {
  *survey = (efla_survey){.dk = dk, .w = malloc(EFLA_FINDINGS_METHODS * dk * sizeof *survey->w)};
  if (!survey->w) return EFLA_MEMORY;
  for (size_t m = 0; m < EFLA_FINDINGS_METHODS; m++) efla_growth_start(dk, survey->w + m * dk);
  return EFLA_OK;
}

void efla_survey_clear(efla_survey *survey) {
  free(survey->w);
  *survey = (efla_survey){0};
}

static void take_token(efla_findings *f, double beta, double lambda, efla_place at) {
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

void efla_survey_advance(efla_survey *survey, const efla_tokens *x, const double *g, efla_place at, efla_findings *f) {
  size_t dk = survey->dk;
  for (size_t t = 0; t < x->tokens; t++, at.token++) {
    const double *k = x->k + t * dk;
    double beta = x->beta[t], lambda = efla_lambda(dk, k);
    take_token(f, beta, lambda, at);
    if (g) f->decay += g[t];
    for (size_t m = 0; m < f->methods; m++) {
      efla_method_finding *finding = &f->method[m];
      double step = efla_growth_step(dk, k, efla_gate(finding->method, beta, lambda), survey->w + m * dk) + (g ? g[t] : 0);
      finding->growth += step;
      survey->excess[m] = fmax(0, survey->excess[m] + step);
      efla_worst_take(&finding->rise, survey->excess[m], at);
    }
  }
  f->tokens += x->tokens;
}
