/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_run.h"

#include "app/progress.h"
#include "nn/language_decoder.h"

#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

size_t efla_text_step_of(const efla_text_plan *plan, size_t i) {
  const size_t step = (i + 1) * plan->every;
  return step < plan->schedule.steps ? step : plan->schedule.steps;
}

size_t efla_text_evaluations(const efla_text_plan *plan) {
  return (plan->schedule.steps + plan->every - 1) / plan->every;
}

/* All that the numbers depend on. */
static void describe(efla_text_run *run) {
  const efla_text_plan *p = &run->plan;
  const efla_text_options *o = &p->options;
  const efla_lm_config *c = &o->model;
  snprintf(
      run->settings, sizeof run->settings,
      "lm, %s, %s, %s%s, %s, %s, width %zu, layers %zu, heads %zu, hidden %zu, context %zu, batch %zu/%zu, seed %zu, "
      "lr %.17g, steps %zu/%zu, least %g, decay %g, clip %g, beta2 %g, every %zu, windows %zu, texts %08lx %08lx",
      c->softmax ? "softmax" : "delta", c->softmax ? "-" : c->rule.method->name, c->softmax ? "-" : c->rule.decay->name,
      c->per_channel ? " per channel" : "", c->softmax ? "-" : c->rule.keys->name, c->softmax ? "-" : c->beta->name,
      c->width, c->layers, c->heads, c->hidden, o->context, o->batch, o->group, o->seed, p->schedule.rate,
      p->schedule.warmup, p->schedule.steps, p->schedule.least, p->rule.decay, p->rule.clip, p->rule.beta2, p->every,
      p->windows, crc32_z(0, o->corpus->train.bytes, o->corpus->train.count),
      crc32_z(0, o->corpus->valid.bytes, o->corpus->valid.count));
}

efla_status efla_text_run_open(efla_text_run *run, const efla_text_plan *plan, efla_message *why) {
  *run = (efla_text_run){.plan = *plan};
  describe(run);
  efla_status status = efla_text_task_init(&run->task, &plan->options, why);
  if (status == EFLA_OK)
    status =
        efla_lm_learner_start(&run->task.learner, &plan->schedule, &plan->rule, plan->options.seed, &run->trainer, why);
  size_t n = efla_text_evaluations(plan);
  run->bits = calloc(n + 1, sizeof *run->bits);
  if (status == EFLA_OK && !run->bits) status = efla_fail_memory(why);
  if (status == EFLA_OK && plan->path && access(plan->path, F_OK) == 0) {
    status = efla_trainer_load(&run->trainer, plan->path, run->settings, &n, run->bits, why);
    run->evaluations = n;
  }
  if (status != EFLA_OK) efla_text_run_clear(run);
  return status;
}

void efla_text_run_clear(efla_text_run *run) {
  efla_trainer_clear(&run->trainer);
  efla_text_task_clear(&run->task);
  free(run->bits);
  *run = (efla_text_run){.bits = NULL};
}

static efla_status save(const efla_text_run *run, efla_message *why) {
  if (!run->plan.path) return EFLA_OK;
  return efla_trainer_save(&run->trainer, run->plan.path, run->settings, run->evaluations, run->bits, why);
}

/* The evaluations that are due after the steps so far. */
static efla_status evaluate(efla_text_run *run, efla_message *why) {
  const efla_text_options *o = &run->plan.options;
  efla_status status = EFLA_OK;
  while (status == EFLA_OK && run->evaluations < efla_text_evaluations(&run->plan) &&
         (run->trainer.diverged || efla_text_step_of(&run->plan, run->evaluations) <= run->trainer.step)) {
    double *bits = &run->bits[run->evaluations++];
    *bits = NAN;
    if (!run->trainer.diverged)
      status = efla_text_evaluate(&run->task, run->trainer.parameters, &o->corpus->valid, o->context, run->plan.windows,
                                  bits, NULL, why);
  }
  return status;
}

efla_status efla_text_run_finish(efla_text_run *run, efla_text_callback *callback, void *context, efla_message *why) {
  efla_status status = evaluate(run, why);
  while (status == EFLA_OK && efla_trainer_unfinished(&run->trainer)) {
    status = efla_trainer_step(&run->trainer, why);
    if (status == EFLA_OK) status = evaluate(run, why);
    if (status == EFLA_OK && (run->trainer.step % run->plan.save == 0 || !efla_trainer_unfinished(&run->trainer)))
      status = save(run, why);
    if (status == EFLA_OK && callback) callback(context, run);
  }
  return status;
}

/* ---- generation ---- */

static size_t draw_byte(const double *logits, double temperature, gsl_rng *draw) {
  size_t best = 0;
  double sum = 0, weights[EFLA_BYTES];
  for (size_t i = 1; i < EFLA_BYTES; i++)
    if (logits[i] > logits[best]) best = i;
  if (temperature == 0) return best;
  for (size_t i = 0; i < EFLA_BYTES; i++) sum += weights[i] = exp((logits[i] - logits[best]) / temperature);
  double left = gsl_rng_uniform(draw) * sum;
  for (size_t i = 0; i < EFLA_BYTES; i++)
    if ((left -= weights[i]) < 0) return i;
  return best;
}

efla_status efla_text_generate(const efla_text_run *run, const char *prompt, size_t length, double temperature,
                               size_t seed, FILE *file, double *speed, efla_message *why) {
  efla_lm_decoder d;
  double logits[EFLA_BYTES] = {0};
  efla_status status =
      efla_lm_decoder_open(&d, &run->plan.options.model, &run->task.learner.devices[0], run->trainer.parameters, why);
  if (status != EFLA_OK) return status;
  gsl_rng *draw = gsl_rng_alloc(gsl_rng_mt19937);
  if (!draw) status = efla_fail_memory(why);
  if (draw) gsl_rng_set(draw, seed);
  fputs(prompt, file);
  for (const char *c = prompt; *c && status == EFLA_OK; c++)
    status = efla_lm_decoder_step(&d, (unsigned char)*c, logits, why);
  const double begin = efla_seconds();
  for (size_t i = 0; i < length && status == EFLA_OK; i++) {
    const size_t byte = draw_byte(logits, temperature, draw);
    fputc((int)byte, file);
    status = efla_lm_decoder_step(&d, (uint32_t)byte, logits, why);
  }
  *speed = (double)length / (efla_seconds() - begin);
  fputc('\n', file);
  gsl_rng_free(draw);
  efla_lm_decoder_close(&d);
  return status;
}
