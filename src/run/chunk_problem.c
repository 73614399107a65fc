/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/chunk_problem.h"

#include "efla/reference/recurrence.h"
#include "ode/chunk_system.h"
#include "oracle/state.h"

#include <math.h>
#include <stdlib.h>

static float start(const efla_chunk_problem *p, size_t e) { return (float)p->x.v[e % p->d] / sqrtf((float)p->d); }

/* e = d w stays so, where it is: of the rounded d and w. */
static efla_coefficients rounded(const efla_rule *rule, const efla_coefficients *c) {
  const bool proportional = !rule->decay || rule->decay->proportional;
  const double d = (float)c->decay, w = (float)c->write;
  return (efla_coefficients){d, proportional ? d * w : (float)c->erase, w};
}

static efla_status find_coefficients(efla_chunk_problem *p, const efla_rule *rule, double y) {
  double *g = malloc(p->C * sizeof *g);
  if (!g) return EFLA_NO_MEMORY;
  for (size_t t = 0; t < p->C && rule->decay && rule->decay->gated; t++) g[t] = rule->decay->at_rate(y), p->x.g = g;
  efla_token_coefficients(rule, &p->x, p->c);
  for (size_t t = 0; t < p->C; t++) p->c[p->C + t] = rounded(rule, &p->c[t]);
  p->x.g = NULL;
  free(g);
  return EFLA_OK;
}

static efla_status find_truth(efla_chunk_problem *p) {
  const size_t d = p->d;
  long double *k = malloc(2 * d * sizeof *k);
  if (!k) return EFLA_NO_MEMORY;
  long double *v = k + d;
  for (size_t e = 0; e < p->C * d; e++) p->k[e] = (float)p->x.k[e], p->v[e] = (float)p->x.v[e];
  for (size_t e = 0; e < d * d; e++) p->truth[e] = start(p, e);
  p->scale = efla_norm(d * d, p->truth);
  for (size_t t = 0; t < p->C; t++) {
    const efla_coefficients *c = &p->c[p->C + t];
    for (size_t i = 0; i < d; i++) k[i] = p->k[t * d + i], v[i] = p->v[t * d + i];
    efla_recurrence_long(1, d, d, NULL, k, v, &(efla_coefficients_long){c->decay, c->erase, c->write}, p->truth, NULL);
    p->scale = fmax(p->scale, efla_norm(d * d, p->truth));
  }
  free(k);
  return EFLA_OK;
}

efla_status efla_chunk_problem_init(efla_chunk_problem *p, const efla_spec *spec, size_t C, const efla_rule *rule,
                                    double y, efla_message *why) {
  efla_source source;
  const size_t d = spec->dk, n = d * d;
  *p = (efla_chunk_problem){.C = C, .d = d};
  efla_status status = efla_source_init(&source, spec, why);
  if (status != EFLA_OK) return status;
  p->c = malloc(2 * C * sizeof *p->c);
  p->S64 = malloc((n + 2 * C * C + 3 * C) * sizeof *p->S64);
  p->k = malloc((2 * C * d + n + 4 * C * C + 2 * C * d + 3 * C) * sizeof *p->k);
  p->truth = malloc(n * sizeof *p->truth);
  if (efla_tokens_init(&p->x, C, d, d) != EFLA_OK || !p->c || !p->S64 || !p->k || !p->truth)
    status = efla_fail_memory(why);
  else
    p->system = p->S64 + n, p->v = p->k + C * d, p->S = p->v + C * d, p->scratch = p->S + n;
  if (status == EFLA_OK) status = efla_source_next(&source, &p->x, why);
  if (status == EFLA_OK && (find_coefficients(p, rule, y) != EFLA_OK || find_truth(p) != EFLA_OK))
    status = efla_fail_memory(why);
  efla_source_clear(&source);
  return status;
}

void efla_chunk_problem_clear(efla_chunk_problem *p) {
  efla_tokens_clear(&p->x);
  free(p->c);
  free(p->S64);
  free(p->k);
  free(p->truth);
}

/* Scaled by a = e/d, so that L has the factors d_{j+1} ... d_i; where d is 0 or below, by e. */
void efla_chunk_problem_condition(efla_chunk_problem *p, double *largest, double *condition) {
  double *L = p->system, *T = L + p->C * p->C, *decay = T + p->C * p->C, *own = decay + p->C, *a = own + p->C;
  for (size_t t = 0; t < p->C; t++) {
    const efla_coefficients *c = &p->c[t];
    const bool kept = c->decay > 0;
    decay[t] = c->decay, own[t] = kept ? c->decay : 1, a[t] = kept ? c->erase / c->decay : c->erase;
  }
  efla_chunk_system_f64(p->C, p->d, p->x.k, a, L);
  efla_chunk_fade_f64(p->C, decay, own, L);
  efla_chunk_condition(p->C, L, a, T, largest, condition);
}

double efla_chunk_problem_error(efla_chunk_problem *p, const efla_chunk_form *form) {
  const size_t n = p->d * p->d;
  for (size_t e = 0; e < n; e++) p->S[e] = start(p, e);
  efla_chunk_form_advance(form, p->C, p->d, p->k, p->v, p->c + p->C, p->S, p->scratch);
  for (size_t e = 0; e < n; e++) p->S64[e] = (double)p->S[e];
  return efla_distance(n, p->S64, p->truth) / p->scale;
}
