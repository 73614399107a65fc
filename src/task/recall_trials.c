/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/recall_trials.h"

#include <stdlib.h>

typedef struct stage { /* what trials need */
  efla_source source;
  efla_recall recall;
  efla_tokens written;
  gsl_rng *draw;
} stage;

static efla_status stage_init(stage *st, const efla_recall_trials *c, size_t stage_seed, efla_message *why) {
  efla_spec own = c->spec;
  own.seed = stage_seed;
  *st = (stage){.draw = gsl_rng_alloc(gsl_rng_mt19937)};
  efla_status status = efla_source_init(&st->source, &own, why);
  if (status == EFLA_OK && (!st->draw || efla_recall_init(&st->recall, c->pairs, own.dk, own.dv) != EFLA_OK ||
                            efla_tokens_init(&st->written, c->pairs, own.dk, own.dv) != EFLA_OK))
    status = efla_fail_memory(why);
  if (st->draw) gsl_rng_set(st->draw, stage_seed);
  return status;
}

static void stage_clear(stage *st) {
  efla_source_clear(&st->source);
  efla_recall_clear(&st->recall);
  efla_tokens_clear(&st->written);
  gsl_rng_free(st->draw);
}

static efla_recall_score score(stage *st, const efla_recall_config *w, double beta) {
  efla_tokens_copy(&st->recall.x, &st->written);
  for (size_t t = 0; t < st->written.tokens; t++) st->recall.x.beta[t] = beta;
  efla_keys_apply(w->keys, &st->recall.x);
  return efla_recall_run(&st->recall, w->method);
}

efla_status efla_recall_trials_tune(efla_recall_trials *c, const double *candidates, size_t n, efla_message *why) {
  stage st;
  double *sums = calloc(c->n_ways * n, sizeof *sums);
  if (!sums) return efla_fail_memory(why);
  efla_status status = stage_init(&st, c, c->seed + 1000003, why);
  for (size_t t = 0; t < c->trials && status == EFLA_OK; t++) {
    status = efla_recall_next(&st.recall, &st.source, why);
    efla_tokens_copy(&st.written, &st.recall.x);
    for (size_t i = 0; i < c->n_ways * n && status == EFLA_OK; i++)
      if (c->ways[i / n].tuned) sums[i] += score(&st, &c->ways[i / n], candidates[i % n]).snr; /* accuracy saturates */
  }
  for (size_t w = 0; w < c->n_ways && status == EFLA_OK; w++) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
      if (sums[w * n + i] > sums[w * n + best]) best = i;
    if (c->ways[w].tuned) c->ways[w].beta = candidates[best];
  }
  stage_clear(&st);
  free(sums);
  return status;
}

efla_status efla_recall_trials_run(const efla_recall_trials *c, const efla_perturbation *perturbation, double level,
                                   double *scores, efla_message *why) {
  stage st;
  efla_status status = stage_init(&st, c, c->seed, why); /* the same for every level: less noise between them */
  for (size_t t = 0; t < c->trials && status == EFLA_OK; t++) {
    status = efla_recall_next(&st.recall, &st.source, why);
    if (status == EFLA_OK) status = efla_perturb(perturbation, &st.recall.x, level, st.draw, why);
    efla_tokens_copy(&st.written, &st.recall.x);
    for (size_t w = 0; w < c->n_ways && status == EFLA_OK; w++) {
      efla_recall_score s = score(&st, &c->ways[w], c->ways[w].beta);
      scores[w * c->trials + t] = s.accuracy;
      scores[(c->n_ways + w) * c->trials + t] = s.error;
      scores[(2 * c->n_ways + w) * c->trials + t] = s.snr;
    }
  }
  stage_clear(&st);
  return status;
}
