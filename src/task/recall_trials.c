/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/recall_trials.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct workspace { /* reused by all trials of a run */
  efla_source source;
  efla_recall recall;
  efla_tokens written;
  gsl_rng *draw;
} workspace;

static efla_status workspace_init(workspace *ws, const efla_recall_trials *r, size_t seed, efla_message *why) {
  efla_spec own = r->spec;
  own.seed = seed;
  *ws = (workspace){.draw = gsl_rng_alloc(gsl_rng_mt19937)};
  efla_status status = efla_source_init(&ws->source, &own, why);
  if (status == EFLA_OK && (!ws->draw || efla_recall_init(&ws->recall, r->pairs, own.dk, own.dv) != EFLA_OK ||
                            efla_tokens_init(&ws->written, r->pairs, own.dk, own.dv) != EFLA_OK))
    status = efla_fail_memory(why);
  if (ws->draw) gsl_rng_set(ws->draw, seed);
  return status;
}

static void workspace_clear(workspace *ws) {
  efla_source_clear(&ws->source);
  efla_recall_clear(&ws->recall);
  efla_tokens_clear(&ws->written);
  gsl_rng_free(ws->draw);
}

static efla_recall_score score(workspace *ws, const efla_recall_config *config, double beta, double rate) {
  efla_tokens_copy(&ws->recall.x, &ws->written);
  for (size_t t = 0; t < ws->written.tokens; t++) ws->recall.x.beta[t] = beta;
  efla_keys_apply(config->rule.keys, &ws->recall.x);
  return efla_recall_run(&ws->recall, &config->rule, rate);
}

void efla_recall_trials_add_all(efla_recall_trials *r, const efla_list *methods, const efla_decay *decay,
                                const efla_list *treatments) {
  assert(r->n_configs + 2 * methods->n * treatments->n <= EFLA_RECALL_CONFIGS);
  for (size_t i = 0; i < 2 * methods->n * treatments->n; i++) {
    const efla_rule rule = {.method = &efla_methods[methods->row[i / 2 / treatments->n]],
                            .decay = decay,
                            .keys = &efla_key_treatments[treatments->row[i / 2 % treatments->n]]};
    r->configs[r->n_configs++] = (efla_recall_config){rule, i % 2, r->spec.beta};
  }
}

size_t efla_recall_trials_efla(const efla_recall_trials *r, const efla_recall_config *config) {
  for (size_t c = 0; c < r->n_configs; c++) {
    const efla_rule *rule = &r->configs[c].rule;
    if (!strcmp(rule->method->name, "exact") && !strcmp(rule->keys->name, "raw") && rule->decay == config->rule.decay &&
        r->configs[c].tuned == config->tuned)
      return c;
  }
  return r->n_configs;
}

efla_status efla_recall_trials_tune(efla_recall_trials *r, const double *candidates, size_t n, efla_message *why) {
  workspace ws;
  double *sums = calloc(r->n_configs * n, sizeof *sums);
  if (!sums) return efla_fail_memory(why);
  efla_status status = workspace_init(&ws, r, r->seed + 1000003, why);
  for (size_t t = 0; t < r->trials && status == EFLA_OK; t++) {
    status = efla_recall_next(&ws.recall, &ws.source, why);
    efla_tokens_copy(&ws.written, &ws.recall.x);
    for (size_t i = 0; i < r->n_configs * n && status == EFLA_OK; i++)
      if (r->configs[i / n].tuned)
        sums[i] +=
            score(&ws, &r->configs[i / n], candidates[i % n], r->rate).snr; /* not the accuracy, which saturates */
  }
  for (size_t c = 0; c < r->n_configs && status == EFLA_OK; c++) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
      if (sums[c * n + i] > sums[c * n + best]) best = i;
    if (r->configs[c].tuned) r->configs[c].beta = candidates[best];
  }
  workspace_clear(&ws);
  free(sums);
  return status;
}

size_t efla_recall_trials_scores(const efla_recall_trials *r) { return 3 * r->n_configs * r->trials; }

efla_status efla_recall_trials_run(const efla_recall_trials *r, const efla_perturbation *perturbation, double level,
                                   double *scores, efla_message *why) {
  workspace ws;
  /* The same random numbers for every level, to reduce the variance between levels. */
  efla_status status = workspace_init(&ws, r, r->seed, why);
  for (size_t t = 0; t < r->trials && status == EFLA_OK; t++) {
    status = efla_recall_next(&ws.recall, &ws.source, why);
    if (status == EFLA_OK) status = efla_perturb(perturbation, &ws.recall.x, level, ws.draw, why);
    efla_tokens_copy(&ws.written, &ws.recall.x);
    for (size_t c = 0; c < r->n_configs && status == EFLA_OK; c++) {
      efla_recall_score s = score(&ws, &r->configs[c], r->configs[c].beta, r->rate);
      scores[c * r->trials + t] = s.accuracy;
      scores[(r->n_configs + c) * r->trials + t] = s.error;
      scores[(2 * r->n_configs + c) * r->trials + t] = s.snr;
    }
  }
  workspace_clear(&ws);
  return status;
}

efla_status efla_recall_trials_summarise(const efla_recall_trials *r, const double *scores, size_t config,
                                         efla_recall_summary *summary, efla_message *why) {
  efla_interval *const means[] = {&summary->accuracy, &summary->error, &summary->snr};
  const double *own = scores + config * r->trials;
  size_t efla = efla_recall_trials_efla(r, &r->configs[config]);
  efla_status status = EFLA_OK;
  summary->difference = (efla_interval){NAN, NAN, NAN};
  for (size_t k = 0; k < 3 && status == EFLA_OK; k++)
    status = efla_bootstrap_mean(own + k * r->n_configs * r->trials, r->trials, r->seed, means[k]);
  if (status == EFLA_OK && efla < r->n_configs)
    status = efla_bootstrap_difference(scores + efla * r->trials, own, r->trials, r->seed, &summary->difference);
  return status == EFLA_OK ? EFLA_OK : efla_fail_memory(why);
}
