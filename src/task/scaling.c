/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/scaling.h"

#include <math.h>

static size_t parts(size_t n, size_t of) { return (n + of - 1) / of; }

/* Rounds of a gather; in an exchange a rank sends to one after another. */
static double rounds(size_t ranks) { return ceil(log2((double)ranks)); }

static efla_scaling_time predict_scan(const efla_scaling_costs *c, const efla_scaling_work *w, size_t ranks) {
  const double tokens = (double)(w->heads * parts(w->tokens, ranks)), heads = (double)parts(w->heads, ranks),
               all = (double)w->heads, n = (double)ranks, state = (double)(w->dk * w->dv) * sizeof(float),
               map = (double)(w->dk * w->dk) * sizeof(float) + state,
               /* the first rank needs no M, the last no N */
      summary = ranks == 1   ? 0
                : ranks == 2 ? fmax(c->sum, c->map)
                             : c->sum + c->map;
  efla_scaling_time t = {.own = tokens * c->forward, .more = tokens * summary + heads * (n - 1) * c->product};
  if (ranks > 1) {
    t.waiting = 2 * n * (c->latency + c->message);
    t.transfer = (fmax(all, heads * n) * (map + state)) / c->rate;
  }
  return t;
}

static efla_scaling_time predict_step(const efla_scaling_costs *c, const efla_scaling_work *w, size_t ranks) {
  const double numbers = (double)w->numbers, n = (double)ranks, turns = (double)parts(w->groups, ranks),
               bytes = numbers * sizeof(float);
  efla_scaling_time t = {.own = turns * c->gradient + numbers * (c->update + (double)w->groups * c->add / n)};
  if (ranks > 1) {
    t.waiting = (turns * n + 2 * rounds(ranks)) * (c->latency + c->message);
    t.transfer = (turns + 1) * bytes * (n - 1) / n / c->rate;
  }
  return t;
}

efla_scaling_time efla_scaling_predict(const efla_scaling_costs *c, const efla_scaling_work *w, size_t ranks) {
  efla_scaling_time t = w->tokens > 0 ? predict_scan(c, w, ranks) : predict_step(c, w, ranks);
  t.total = t.own + t.more + t.waiting + t.transfer;
  return t;
}
