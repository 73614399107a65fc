/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/trainer.h"

#include "app/progress.h"
#include "efla/cpu/isa.h"
#include "train/checkpoint.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

double efla_schedule_rate(const efla_schedule *schedule, size_t step) {
  if (step <= schedule->warmup) return schedule->rate * (double)step / (double)schedule->warmup;
  const double left = (double)(schedule->steps - step) / (double)(schedule->steps - schedule->warmup);
  return schedule->rate * (schedule->least + (1 - schedule->least) * (1 - cos(M_PI * left)) / 2);
}

enum { KEPT = 3 }; /* parameters and two moments */

size_t efla_trainer_floats(const efla_learner *learner, const efla_communicator *ranks) {
  return KEPT * learner->numbers + efla_gradients_floats(learner->numbers, learner->groups, ranks);
}

efla_status efla_trainer_init(efla_trainer *t, const efla_learner *learner, const efla_schedule *schedule,
                              const efla_adamw *rule, size_t threads, const efla_communicator *ranks,
                              const double *start, efla_message *why) {
  *t = (efla_trainer){.learner = *learner, .schedule = *schedule, .rule = *rule, .threads = threads ? threads : 1};
  const size_t n = learner->numbers;
  t->parameters = efla_alloc(KEPT * n * sizeof *t->parameters);
  t->losses = calloc(2 * schedule->steps + 1, sizeof *t->losses), t->norms = t->losses + schedule->steps;
  efla_status status = t->parameters && t->losses ? EFLA_OK : efla_fail_memory(why);
  if (status == EFLA_OK) status = efla_gradients_init(&t->gradients, n, learner->groups, ranks, why);
  if (status != EFLA_OK) {
    efla_trainer_clear(t);
    return status;
  }
  memset(t->parameters, 0, KEPT * n * sizeof *t->parameters);
  t->moment1 = t->parameters + n, t->moment2 = t->moment1 + n;
  for (size_t i = 0; i < n; i++) t->parameters[i] = (float)start[i];
  return EFLA_OK;
}

void efla_trainer_clear(efla_trainer *t) {
  efla_free(t->parameters), free(t->losses);
  efla_gradients_clear(&t->gradients);
  *t = (efla_trainer){.step = 0};
}

bool efla_trainer_unfinished(const efla_trainer *t) { return t->step < t->schedule.steps && !t->diverged; }

/* This rank's groups. */
static efla_status compute_groups(efla_trainer *t, efla_message *why) {
  const efla_learner *l = &t->learner;
  const efla_gradients *g = &t->gradients;
  efla_status worst = EFLA_OK;
  if (l->prepare) l->prepare(l->context, t->step + 1);
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)t->threads) if (t->threads > 1)
  for (size_t i = 0; i < g->own; i++) {
    float *gradient = g->rows + i * g->stride;
    efla_message mine;
    memset(gradient, 0, l->numbers * sizeof *gradient);
    const efla_status status = l->gradient(l->context, (size_t)omp_get_thread_num(), t->step + 1,
                                           efla_gradients_group(g, i), t->parameters, gradient, &g->parts[i], &mine);
    if (status == EFLA_OK) continue;
#pragma omp critical(efla_trainer_message)
    worst = status, *why = mine;
  }
  return worst;
}

/* Numbers first, ..., end - 1. */
static void update(efla_trainer *t, const efla_adamw *rule, double norm, size_t first, size_t end) {
  enum { SLICE = 16384 };
#pragma omp parallel for schedule(static) num_threads((int)t->threads) if (t->threads > 1)
  for (size_t i = first; i < end; i += SLICE)
    efla_adamw_step_f32(rule, t->step, norm, end - i < SLICE ? end - i : SLICE, t->gradients.rows + i,
                        t->parameters + i, t->moment1 + i, t->moment2 + i);
}

efla_status efla_trainer_step(efla_trainer *t, efla_message *why) {
  const double begin = efla_seconds();
  const size_t n = t->learner.numbers, decayed = t->learner.decayed;
  double loss;
  efla_status status = compute_groups(t, why);
  status = efla_gradients_add(&t->gradients, t->threads, status, &loss, why);
  if (status != EFLA_OK) return status;
  const double norm = efla_adamw_norm_f32(n, t->gradients.rows);
  t->losses[t->step] = loss, t->norms[t->step] = norm;
  t->step++;
  t->diverged = !isfinite(loss) || !isfinite(norm);
  efla_adamw rule = t->rule, plain = t->rule;
  rule.lr = plain.lr = efla_schedule_rate(&t->schedule, t->step), plain.decay = 0;
  if (!t->diverged) update(t, &rule, norm, 0, decayed), update(t, &plain, norm, decayed, n);
  t->seconds += efla_seconds() - begin;
  return EFLA_OK;
}

/* ---- checkpoints ---- */

enum { PARAMETERS, MOMENT1, MOMENT2, LOSSES, NORMS, SECONDS, EXTRA, ARRAYS };

static void list_arrays(const efla_trainer *t, size_t extra, double *x, double *seconds, efla_checkpoint_array *list) {
  const size_t n = t->learner.numbers, steps = t->schedule.steps;
  list[PARAMETERS] = (efla_checkpoint_array){"parameters", n, false, t->parameters, NULL};
  list[MOMENT1] = (efla_checkpoint_array){"moment1", n, false, t->moment1, NULL};
  list[MOMENT2] = (efla_checkpoint_array){"moment2", n, false, t->moment2, NULL};
  list[LOSSES] = (efla_checkpoint_array){"losses", steps, true, NULL, t->losses};
  list[NORMS] = (efla_checkpoint_array){"norms", steps, true, NULL, t->norms};
  list[SECONDS] = (efla_checkpoint_array){"seconds", 1, false, NULL, seconds};
  list[EXTRA] = (efla_checkpoint_array){"results", extra, true, NULL, x};
}

efla_status efla_trainer_save(const efla_trainer *t, const char *path, const char *settings, size_t extra, double *x,
                              efla_message *why) {
  efla_checkpoint_array list[ARRAYS];
  double seconds = t->seconds;
  efla_status status = EFLA_OK;
  list_arrays(t, extra, x, &seconds, list);
  list[LOSSES].n = list[NORMS].n = t->step;
  if (efla_ranks_lead(t->gradients.ranks)) status = efla_checkpoint_write(path, settings, list, ARRAYS, why);
  return efla_ranks_agree(t->gradients.ranks, status, why);
}

/* What the first rank has read. */
static efla_status tell_arrays(const efla_communicator *ranks, efla_checkpoint_array *list, efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < ARRAYS && status == EFLA_OK; i++) {
    efla_checkpoint_array *a = &list[i];
    status = efla_ranks_tell(ranks, &a->n, sizeof a->n, why);
    if (status == EFLA_OK)
      status = a->f32 ? efla_ranks_tell(ranks, a->f32, a->n * sizeof *a->f32, why)
                      : efla_ranks_tell(ranks, a->f64, a->n * sizeof *a->f64, why);
  }
  return status;
}

efla_status efla_trainer_load(efla_trainer *t, const char *path, const char *settings, size_t *extra, double *x,
                              efla_message *why) {
  efla_checkpoint_array list[ARRAYS];
  efla_status status = EFLA_OK;
  list_arrays(t, *extra, x, &t->seconds, list);
  if (efla_ranks_lead(t->gradients.ranks)) status = efla_checkpoint_read(path, settings, list, ARRAYS, why);
  status = efla_ranks_agree(t->gradients.ranks, status, why);
  if (status == EFLA_OK) status = tell_arrays(t->gradients.ranks, list, why);
  if (status != EFLA_OK) return status;
  *extra = list[EXTRA].n, t->step = list[LOSSES].n;
  t->diverged = t->step > 0 && !(isfinite(t->losses[t->step - 1]) && isfinite(t->norms[t->step - 1]));
  return EFLA_OK;
}
