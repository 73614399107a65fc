/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_exchange.h"

#include "base/seed.h"

#include <math.h>
#include <string.h>

efla_status efla_text_exchange(const efla_text_run *run, const efla_method *method, size_t steps, double bits[2],
                               efla_message *why) {
  const efla_trainer *trained = &run->training.trainer;
  const efla_text_options *o = &run->plan.options;
  efla_text_plan plan = run->plan;
  efla_text_run other;
  bits[0] = bits[1] = NAN;
  if (trained->diverged) return EFLA_OK;
  plan.options.model.rule.method = method;
  plan.options.seed = efla_seed(o->seed, 1); /* of the windows */
  plan.schedule =
      (efla_schedule){.steps = steps, .rate = run->plan.schedule.rate * run->plan.schedule.least, .least = 1};
  plan.every = steps, plan.along = false, plan.options.ranks = NULL;
  efla_status status = efla_text_run_open(&other, &plan, NULL, steps, why);
  if (status != EFLA_OK) return status;
  memcpy(other.training.trainer.parameters, trained->parameters,
         trained->learner.numbers * sizeof *trained->parameters);
  status = efla_text_evaluate(&other.task, NULL, trained->parameters, &o->corpus->valid, o->context, plan.windows,
                              &bits[0], NULL, why);
  if (status == EFLA_OK) status = efla_training_finish(&other.training, NULL, NULL, why);
  if (status == EFLA_OK) bits[1] = *efla_text_run_result(&other, 0);
  efla_text_run_clear(&other);
  return status;
}
