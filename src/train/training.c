/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/training.h"

#include "efla/cpu/isa.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static size_t size_of(const efla_evaluations *e, size_t i) { return e->size ? e->size(e->context, i) : 0; }

/* Evaluations that belong to the steps so far. */
static size_t due(const efla_training *run) {
  const efla_evaluations *e = &run->plan.evaluations;
  size_t n = run->trainer.diverged ? e->count : 0;
  while (n < e->count && e->step(e->context, n) <= run->trainer.step) n++;
  return n;
}

static efla_status resume(efla_training *run, efla_message *why) {
  const efla_evaluations *e = &run->plan.evaluations;
  size_t n = e->count * e->width;
  const efla_status status =
      efla_trainer_load(&run->trainer, run->plan.path, run->plan.settings, &n, run->results, why);
  if (status != EFLA_OK) return status;
  run->evaluated = n / e->width;
  if (n != run->evaluated * e->width || run->evaluated > due(run))
    return efla_fail(why, EFLA_INPUT, "%s: %zu results after %zu steps, expected %zu for each of %zu evaluations",
                     run->plan.path, n, run->trainer.step, e->width, due(run));
  return EFLA_OK;
}

/* Whether the first rank has a checkpoint, for all. */
static efla_status find_checkpoint(const efla_training_plan *plan, bool *there, efla_message *why) {
  *there = efla_ranks_lead(plan->ranks) && plan->path && access(plan->path, F_OK) == 0;
  return efla_ranks_tell(plan->ranks, there, sizeof *there, why);
}

efla_status efla_training_open(efla_training *run, const efla_learner *learner, const efla_training_plan *plan,
                               const double *start, efla_message *why) {
  *run = (efla_training){.plan = *plan};
  bool there = false;
  efla_status status =
      efla_trainer_init(&run->trainer, learner, &plan->schedule, &plan->rule, plan->threads, plan->ranks, start, why);
  run->results = calloc(plan->evaluations.count * plan->evaluations.width + 1, sizeof *run->results);
  if (status == EFLA_OK && !run->results) status = efla_fail_memory(why);
  status = efla_ranks_agree(plan->ranks, status, why);
  if (status == EFLA_OK) status = efla_ranks_compare(plan->ranks, plan->settings, "settings or data", why);
  if (status == EFLA_OK) status = efla_ranks_compare(plan->ranks, efla_isa_best()->name, "instructions", why);
  if (status == EFLA_OK) status = find_checkpoint(plan, &there, why);
  if (status == EFLA_OK && there) status = resume(run, why);
  if (status != EFLA_OK) efla_training_clear(run);
  return status;
}

void efla_training_clear(efla_training *run) {
  efla_trainer_clear(&run->trainer);
  free(run->results);
  *run = (efla_training){.results = NULL};
}

size_t efla_training_work(const efla_training_plan *plan) {
  size_t work = plan->schedule.steps * plan->batch;
  for (size_t i = 0; i < plan->evaluations.count; i++) work += size_of(&plan->evaluations, i);
  return work;
}

bool efla_training_unfinished(const efla_training *run) {
  return efla_trainer_unfinished(&run->trainer) || run->evaluated < run->plan.evaluations.count;
}

size_t efla_training_left(const efla_training *run) {
  if (run->trainer.diverged) return 0;
  size_t left = (run->plan.schedule.steps - run->trainer.step) * run->plan.batch;
  for (size_t i = run->evaluated; i < run->plan.evaluations.count; i++) left += size_of(&run->plan.evaluations, i);
  return left;
}

static efla_status save(const efla_training *run, efla_message *why) {
  if (!run->plan.path) return EFLA_OK;
  return efla_trainer_save(&run->trainer, run->plan.path, run->plan.settings,
                           run->evaluated * run->plan.evaluations.width, run->results, why);
}

static efla_status evaluate(efla_training *run, efla_message *why) {
  const efla_evaluations *e = &run->plan.evaluations;
  double *x = run->results + run->evaluated * e->width;
  efla_status status = EFLA_OK;
  if (run->trainer.diverged)
    for (size_t j = 0; j < e->width; j++) x[j] = NAN;
  else
    status = efla_ranks_agree(run->plan.ranks, e->evaluate(e->context, run->trainer.parameters, run->evaluated, x, why),
                              why);
  if (status == EFLA_OK) run->evaluated++;
  return status;
}

/* One step or one evaluation; *sequences: that it worked through, or that a divergence leaves out. */
static efla_status advance(efla_training *run, size_t *sequences, efla_message *why) {
  const size_t left = efla_training_left(run);
  efla_status status;
  bool keep;
  if (run->evaluated < due(run)) {
    status = evaluate(run, why);
    keep = run->evaluated == due(run);
  } else {
    status = efla_trainer_step(&run->trainer, why);
    keep = run->trainer.step % run->plan.save == 0 || run->evaluated < due(run) || !efla_training_unfinished(run);
  }
  *sequences = left - efla_training_left(run);
  return status == EFLA_OK && keep ? save(run, why) : status;
}

efla_status efla_training_finish(efla_training *run, efla_training_callback *callback, void *context,
                                 efla_message *why) {
  efla_status status = EFLA_OK;
  while (status == EFLA_OK && efla_training_unfinished(run)) {
    size_t sequences;
    status = advance(run, &sequences, why);
    if (status == EFLA_OK && callback) callback(context, run, sequences);
  }
  return status;
}
