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

efla_status efla_trainer_init(efla_trainer *t, const efla_learner *learner, const efla_schedule *schedule,
                              const efla_adamw *rule, size_t threads, const double *start, efla_message *why) {
  *t = (efla_trainer){.learner = *learner, .schedule = *schedule, .rule = *rule, .threads = threads ? threads : 1};
  const size_t n = learner->numbers;
  t->parameters = efla_alloc((3 + learner->groups) * n * sizeof *t->parameters);
  t->losses = calloc(2 * schedule->steps + 1, sizeof *t->losses), t->norms = t->losses + schedule->steps;
  t->parts = calloc(learner->groups, sizeof *t->parts);
  if (!t->parameters || !t->losses || !t->parts) {
    efla_trainer_clear(t);
    return efla_fail_memory(why);
  }
  memset(t->parameters, 0, (3 + learner->groups) * n * sizeof *t->parameters);
  t->moment1 = t->parameters + n, t->moment2 = t->moment1 + n, t->gradients = t->moment2 + n;
  for (size_t i = 0; i < n; i++) t->parameters[i] = (float)start[i];
  return EFLA_OK;
}

void efla_trainer_clear(efla_trainer *t) {
  efla_free(t->parameters), free(t->losses), free(t->parts);
  *t = (efla_trainer){.step = 0};
}

bool efla_trainer_unfinished(const efla_trainer *t) { return t->step < t->schedule.steps && !t->diverged; }

static efla_status compute_groups(efla_trainer *t, efla_message *why) {
  const efla_learner *l = &t->learner;
  efla_status worst = EFLA_OK;
  if (l->prepare) l->prepare(l->context, t->step + 1);
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)t->threads) if (t->threads > 1)
  for (size_t g = 0; g < l->groups; g++) {
    float *gradient = t->gradients + g * l->numbers;
    efla_message mine;
    memset(gradient, 0, l->numbers * sizeof *gradient);
    const efla_status status = l->gradient(l->context, (size_t)omp_get_thread_num(), t->step + 1, g, t->parameters,
                                           gradient, &t->parts[g], &mine);
    if (status == EFLA_OK) continue;
#pragma omp critical(efla_trainer_message)
    worst = status, *why = mine;
  }
  return worst;
}

/* Adds the groups' gradients, in order, to the first one. */
static void add_gradients(const efla_trainer *t) {
  const size_t n = t->learner.numbers;
#pragma omp parallel for schedule(static) num_threads((int)t->threads) if (t->threads > 1)
  for (size_t first = 0; first < n; first += EFLA_PAD)
    for (size_t g = 1; g < t->learner.groups; g++)
      for (size_t i = first; i < first + EFLA_PAD; i++) t->gradients[i] += t->gradients[g * n + i];
}

/* Numbers first, ..., end - 1. */
static void update(efla_trainer *t, const efla_adamw *rule, double norm, size_t first, size_t end) {
  enum { SLICE = 16384 };
#pragma omp parallel for schedule(static) num_threads((int)t->threads) if (t->threads > 1)
  for (size_t i = first; i < end; i += SLICE)
    efla_adamw_step_f32(rule, t->step, norm, end - i < SLICE ? end - i : SLICE, t->gradients + i, t->parameters + i,
                        t->moment1 + i, t->moment2 + i);
}

efla_status efla_trainer_step(efla_trainer *t, efla_message *why) {
  const double begin = efla_seconds();
  const size_t n = t->learner.numbers, decayed = t->learner.decayed;
  const efla_status status = compute_groups(t, why);
  if (status != EFLA_OK) return status;
  add_gradients(t);
  const double norm = efla_adamw_norm_f32(n, t->gradients);
  double loss = 0;
  for (size_t g = 0; g < t->learner.groups; g++) loss += t->parts[g];
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
  list_arrays(t, extra, x, &seconds, list);
  list[LOSSES].n = list[NORMS].n = t->step;
  return efla_checkpoint_write(path, settings, list, ARRAYS, why);
}

efla_status efla_trainer_load(efla_trainer *t, const char *path, const char *settings, size_t *extra, double *x,
                              efla_message *why) {
  efla_checkpoint_array list[ARRAYS];
  list_arrays(t, *extra, x, &t->seconds, list);
  const efla_status status = efla_checkpoint_read(path, settings, list, ARRAYS, why);
  if (status != EFLA_OK) return status;
  *extra = list[EXTRA].n, t->step = list[LOSSES].n;
  t->diverged = t->step > 0 && !(isfinite(t->losses[t->step - 1]) && isfinite(t->norms[t->step - 1]));
  return EFLA_OK;
}
