/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/progress.h"
#include "efla/cpu/isa.h"
#include "task/scaling.h"
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

/* In place of computing. */
static void pause_for(double seconds) {
  const double whole = floor(seconds);
  const struct timespec length = {(time_t)whole, (long)((seconds - whole) * 1e9)};
  nanosleep(&length, NULL);
}

/* ---- scan ---- */

/* Bytes between this rank and each: as one that has tokens, and as one that has heads. */
static void count_bytes(const efla_communicator *r, size_t heads, size_t bytes, size_t *by_tokens, size_t *by_heads) {
  const size_t mine = efla_rank_first(heads, r->rank + 1, r->size) - efla_rank_first(heads, r->rank, r->size);
  for (size_t i = 0; i < r->size; i++) {
    by_tokens[i] = (efla_rank_first(heads, i + 1, r->size) - efla_rank_first(heads, i, r->size)) * bytes;
    by_heads[i] = mine * bytes;
  }
}

static efla_status scan(const efla_scaling_costs *c, const efla_scaling_work *w, const efla_communicator *r, char *room,
                        size_t *bytes) {
  const size_t state = w->dk * w->dv * sizeof(float), map = w->dk * w->dk * sizeof(float) + state,
               heads = efla_rank_first(w->heads, r->rank + 1, r->size) - efla_rank_first(w->heads, r->rank, r->size);
  const double tokens = (double)w->heads * (double)(efla_rank_first(w->tokens, r->rank + 1, r->size) -
                                                    efla_rank_first(w->tokens, r->rank, r->size));
  char *by_tokens = room, *by_heads = room + w->heads * map;
  pause_for(tokens * ((r->rank + 1 < r->size ? c->sum : 0) + (r->rank > 0 ? c->map : 0)));
  count_bytes(r, w->heads, map, bytes, bytes + r->size);
  efla_status status = r->exchange(r, by_tokens, bytes, by_heads, bytes + r->size);
  if (status != EFLA_OK) return status;
  pause_for((double)(heads * (r->size - 1)) * c->product);
  count_bytes(r, w->heads, state, bytes, bytes + r->size);
  status = r->exchange(r, by_heads, bytes + r->size, by_tokens, bytes);
  pause_for(tokens * c->forward);
  return status;
}

static efla_status run_scan(const efla_scaling_costs *c, const efla_scaling_work *w, const efla_communicator *r,
                            efla_message *why) {
  const size_t heads = (w->heads + r->size - 1) / r->size, map = w->dk * (w->dk + w->dv) * sizeof(float);
  char *room = malloc((w->heads + heads * r->size) * map);
  size_t *bytes = malloc(2 * r->size * sizeof *bytes);
  efla_status status = room && bytes ? EFLA_OK : efla_fail_memory(why);
  status = efla_ranks_agree(r, status, why);
  if (status == EFLA_OK && (status = scan(c, w, r, room, bytes)) != EFLA_OK)
    efla_fail(why, status, "the ranks cannot exchange data: %s", efla_status_text(status));
  free(room), free(bytes);
  return status;
}

/* ---- step: the trainer itself ---- */

typedef struct pauses {
  double gradient, update;
} pauses;

static efla_status gradient(void *context, size_t thread, size_t step, size_t group, const float *parameters,
                            float *numbers, double *loss, efla_message *why) {
  (void)thread, (void)step, (void)group, (void)parameters, (void)numbers, (void)why;
  pause_for(((const pauses *)context)->gradient);
  *loss = 0;
  return EFLA_OK;
}

static void prepare(void *context, size_t step) {
  (void)step;
  pause_for(((const pauses *)context)->update);
}

static efla_status run_step(const efla_scaling_costs *c, const efla_scaling_work *w, const efla_communicator *r,
                            efla_message *why) {
  const double share = (double)(w->groups * w->numbers) / (double)r->size;
  pauses p = {c->gradient, (double)w->numbers * c->update + share * c->add};
  const efla_learner learner = {&p, w->numbers, w->numbers, w->groups, gradient, prepare};
  const efla_schedule schedule = {.steps = 1, .least = 1};
  const efla_adamw rule = efla_adamw_default(0);
  efla_trainer t;
  double *start = calloc(w->numbers, sizeof *start);
  efla_status status =
      start ? efla_trainer_init(&t, &learner, &schedule, &rule, 1, r, start, why) : efla_fail_memory(why);
  free(start);
  const bool open = status == EFLA_OK;
  status = efla_ranks_agree(r, status, why);
  if (status == EFLA_OK) status = efla_trainer_step(&t, why);
  if (open) efla_trainer_clear(&t);
  return status;
}

efla_status efla_scaling_run(const efla_scaling_costs *c, const efla_scaling_work *w, const efla_communicator *ranks,
                             double *seconds, efla_message *why) {
  efla_status status = efla_ranks_agree(ranks, EFLA_OK, why); /* all begin together */
  const double begin = efla_seconds();
  if (status == EFLA_OK) status = w->tokens > 0 ? run_scan(c, w, ranks, why) : run_step(c, w, ranks, why);
  const double mine = efla_seconds() - begin;
  double *all = calloc(ranks->size, sizeof *all);
  if (status == EFLA_OK && !all) status = efla_fail_memory(why);
  if (status == EFLA_OK && all) all[ranks->rank] = mine;
  status = efla_ranks_complete(ranks, ranks->size, sizeof *all, all, status, why);
  *seconds = 0;
  for (size_t i = 0; i < ranks->size && status == EFLA_OK; i++) *seconds = fmax(*seconds, all[i]);
  free(all);
  return status;
}
