/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

size_t efla_text_step_of(const efla_text_plan *plan, size_t i) {
  const size_t step = (i + 1) * plan->every;
  return step < plan->schedule.steps ? step : plan->schedule.steps;
}

size_t efla_text_evaluations(const efla_text_plan *plan) {
  return (plan->schedule.steps + plan->every - 1) / plan->every;
}

static size_t width_of(const efla_text_plan *p) {
  const efla_lm_config *c = &p->options.model;
  return 1 + (p->along ? c->layers * efla_text_layers_quantities(c) * EFLA_LAYER_NUMBERS : 0);
}

const double *efla_text_run_result(const efla_text_run *run, size_t i) {
  return run->training.results + i * width_of(&run->plan);
}

/* All that the numbers depend on. */
static void describe(efla_text_run *run) {
  const efla_text_plan *p = &run->plan;
  const efla_text_options *o = &p->options;
  const efla_lm_config *c = &o->model;
  snprintf(
      run->settings, sizeof run->settings,
      "lm, %s, %s, %s%s, %s, %s, width %zu, layers %zu, heads %zu, hidden %zu, context %zu, batch %zu/%zu, seed %zu, "
      "lr %.17g, steps %zu/%zu, least %g, decay %g, clip %g, beta2 %g, every %zu, windows %zu%s, texts %08lx %08lx",
      c->softmax ? "softmax" : "delta", c->softmax ? "-" : c->rule.method->name, c->softmax ? "-" : c->rule.decay->name,
      c->per_channel ? " per channel" : "", c->softmax ? "-" : c->rule.keys->name, c->softmax ? "-" : c->beta->name,
      c->width, c->layers, c->heads, c->hidden, o->context, o->batch, o->group, o->seed, p->schedule.rate,
      p->schedule.warmup, p->schedule.steps, p->schedule.least, p->rule.decay, p->rule.clip, p->rule.beta2, p->every,
      p->windows, p->along ? " and layers" : "", crc32_z(0, o->corpus->train.bytes, o->corpus->train.count),
      crc32_z(0, o->corpus->valid.bytes, o->corpus->valid.count));
}

/* ---- evaluations on the validation text ---- */

static size_t step_of(const void *context, size_t i) {
  return efla_text_step_of(&((const efla_text_run *)context)->plan, i);
}

static size_t windows_of(const void *context, size_t i) {
  const efla_text_plan *p = &((const efla_text_run *)context)->plan;
  (void)i;
  return efla_text_windows(&p->options.corpus->valid, p->options.context, p->windows);
}

static efla_status evaluate(void *context, const float *parameters, size_t i, double *x, efla_message *why) {
  const efla_text_run *run = context;
  const efla_text_options *o = &run->plan.options;
  (void)i;
  const efla_status status = efla_text_evaluate(&run->task, o->ranks, parameters, &o->corpus->valid, o->context,
                                                run->plan.windows, x, NULL, why);
  return status == EFLA_OK && run->plan.along ? efla_text_layers_describe(&run->task, parameters, NULL, "", x + 1, why)
                                              : status;
}

static efla_training_plan plan_of(efla_text_run *run) {
  const efla_text_plan *p = &run->plan;
  return (efla_training_plan){.schedule = p->schedule,
                              .rule = p->rule,
                              .threads = p->options.threads,
                              .evaluations = {.count = efla_text_evaluations(p),
                                              .width = width_of(p),
                                              .context = run,
                                              .step = step_of,
                                              .size = windows_of,
                                              .evaluate = evaluate},
                              .batch = p->options.batch,
                              .settings = run->settings};
}

size_t efla_text_run_work(const efla_text_plan *plan) {
  efla_text_run view = {.plan = *plan};
  const efla_training_plan p = plan_of(&view);
  return efla_training_work(&p);
}

efla_status efla_text_run_open(efla_text_run *run, const efla_text_plan *plan, const char *path, size_t save,
                               efla_message *why) {
  *run = (efla_text_run){.plan = *plan};
  describe(run);
  efla_training_plan p = plan_of(run);
  p.path = path, p.save = save;
  efla_status status = efla_text_task_init(&run->task, &plan->options, why);
  if (status == EFLA_OK)
    status = efla_lm_learner_start(&run->task.learner, &p, plan->options.seed, &run->training, why);
  if (status != EFLA_OK) efla_text_run_clear(run);
  return status;
}

void efla_text_run_clear(efla_text_run *run) {
  efla_training_clear(&run->training);
  efla_text_task_clear(&run->task);
  *run = (efla_text_run){.settings = ""};
}
