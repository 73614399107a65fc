/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/token_run.h"

#include "task/token_score.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Example i of a source as tokens and labels; room (2 positions). */
static void make_example(const efla_token_source *source, size_t i, uint16_t *room, uint32_t *tokens, int32_t *labels) {
  const size_t n = source->positions;
  assert(room && tokens && labels);
  efla_token_example(source, i, room, room + n);
  for (size_t t = 0; t < n; t++) {
    tokens[t] = room[t];
    labels[t] = room[n + t] == EFLA_UNSCORED ? -1 : room[n + t];
  }
}

static void make(void *context, size_t thread, size_t step, size_t i, uint32_t *tokens, int32_t *labels) {
  const efla_token_run *run = context;
  const efla_token_plan *p = &run->plan;
  size_t number = (step - 1) * p->batch + i;
  if (p->examples > 0) number %= p->examples;
  make_example(&run->training, number, run->room + 2 * thread * run->training.positions, tokens, labels);
}

static void describe(efla_token_run *run) {
  const efla_token_plan *p = &run->plan;
  const efla_token_settings *s = &p->settings;
  const efla_lm_config *c = &p->model;
  snprintf(
      run->settings, sizeof run->settings,
      "%s, vocabulary %zu, length %zu, items %zu, noise %g of %zu, exponent %g, filler %s, mixer %s, method %s, "
      "decay %s%s, keys %s, beta %s, width %zu, layers %zu, heads %zu, hidden %zu, batch %zu, group %zu, seed %zu, "
      "examples %zu, lr %.17g, warmup %zu, steps %zu, least %g, decay %g, clip %g, beta2 %g",
      p->task->name, s->vocabulary, s->length, s->items, s->noise, s->noise_vocabulary, s->exponent,
      s->random_filler ? "random" : "0", c->softmax ? "softmax" : "delta", c->softmax ? "-" : c->rule.method->name,
      c->softmax ? "-" : c->rule.decay->name, c->per_channel ? " per channel" : "",
      c->softmax ? "-" : c->rule.keys->name, c->softmax ? "-" : c->beta->name, c->width, c->layers, c->heads, c->hidden,
      p->batch, p->group, p->seed, p->examples, p->schedule.rate, p->schedule.warmup, p->schedule.steps,
      p->schedule.least, p->rule.decay, p->rule.clip, p->rule.beta2);
}

static efla_status open_run(efla_token_run *run, efla_message *why) {
  const efla_token_plan *p = &run->plan;
  efla_status status = efla_token_source_init(&run->training, p->task, &p->settings, p->seed, true, why);
  if (status == EFLA_OK) status = efla_token_source_init(&run->test, p->task, &p->settings, p->seed, false, why);
  if (status != EFLA_OK) return status;
  run->room = malloc(2 * p->threads * run->training.positions * sizeof *run->room);
  if (!run->room) return efla_fail_memory(why);
  run->learner = (efla_lm_learner){.model = p->model,
                                   .source = {run, make},
                                   .positions = run->training.positions,
                                   .batch = p->batch,
                                   .group = p->group,
                                   .threads = p->threads};
  status = efla_lm_learner_open(&run->learner, why);
  if (status == EFLA_OK)
    status = efla_lm_learner_start(&run->learner, &p->schedule, &p->rule, p->seed, &run->trainer, why);
  size_t none = 0;
  if (status == EFLA_OK && p->path && access(p->path, F_OK) == 0)
    status = efla_trainer_load(&run->trainer, p->path, run->settings, &none, NULL, why);
  return status;
}

efla_status efla_token_run_open(efla_token_run *run, const efla_token_plan *plan, efla_message *why) {
  *run = (efla_token_run){.plan = {.task = NULL}};
  if (plan->task->whole)
    return efla_fail(why, EFLA_USAGE, "%s: its labels are to follow from what is kept after the last token",
                     plan->task->name);
  run->plan = *plan;
  run->plan.model.vocabulary = plan->settings.vocabulary;
  describe(run);
  const efla_status status = open_run(run, why);
  if (status != EFLA_OK) efla_token_run_clear(run);
  return status;
}

void efla_token_run_clear(efla_token_run *run) {
  efla_trainer_clear(&run->trainer);
  efla_lm_learner_close(&run->learner);
  efla_token_source_clear(&run->training), efla_token_source_clear(&run->test);
  free(run->room);
  *run = (efla_token_run){.plan = {.task = NULL}};
}

efla_status efla_token_run_finish(efla_token_run *run, efla_token_callback *callback, void *context,
                                  efla_message *why) {
  efla_trainer *t = &run->trainer;
  efla_status status = EFLA_OK;
  while (status == EFLA_OK && efla_trainer_unfinished(t)) {
    status = efla_trainer_step(t, why);
    if (status == EFLA_OK && run->plan.path && (t->step % run->plan.save == 0 || !efla_trainer_unfinished(t)))
      status = efla_trainer_save(t, run->plan.path, run->settings, 0, NULL, why);
    if (status == EFLA_OK && callback) callback(context, run);
  }
  return status;
}

/* ---- test ---- */

static uint16_t likeliest(const double *logits, size_t n) {
  size_t best = 0;
  for (size_t i = 1; i < n; i++)
    if (logits[i] > logits[best]) best = i;
  return (uint16_t)best;
}

/* Example i: its answers (positions), and its labels again; losses of scored positions are added up. */
static efla_status answer(const efla_token_run *run, efla_lm *m, size_t i, uint16_t *labels, uint16_t *answers,
                          double *loss, size_t *counted, efla_message *why) {
  const size_t n = run->test.positions, V = run->plan.model.vocabulary;
  uint16_t *room = run->room;
  uint32_t *tokens = malloc(n * sizeof *tokens);
  int32_t *wanted = malloc(n * sizeof *wanted);
  double *logits = malloc(V * sizeof *logits);
  efla_status status = tokens && wanted && logits ? EFLA_OK : efla_fail_memory(why);
  double sum = 0;
  if (status == EFLA_OK) {
    make_example(&run->test, i, room, tokens, wanted);
    memcpy(labels, room + n, n * sizeof *labels);
    status = efla_lm_forward(m, run->trainer.parameters, tokens, wanted, 0, &sum, why);
  }
  for (size_t t = 0; t < n && status == EFLA_OK && wanted && logits; t++) {
    if (wanted[t] < 0) continue;
    m->device->row->read(V, efla_device_at(m->device, m->logits, t * V), logits);
    answers[t] = likeliest(logits, V), ++*counted;
  }
  *loss += sum;
  free(tokens), free(wanted), free(logits);
  return status;
}

efla_status efla_token_run_test(efla_token_run *run, double *accuracy, double *loss, efla_message *why) {
  const size_t n = run->test.positions, examples = run->plan.tested;
  efla_lm m = {.layers = NULL};
  uint16_t *labels = malloc(2 * examples * n * sizeof *labels);
  size_t counted = 0;
  *accuracy = *loss = NAN;
  if (!labels) return efla_fail_memory(why);
  uint16_t *answers = labels + examples * n;
  double sum = 0;
  efla_status status = EFLA_OK;
  if (!run->trainer.diverged) status = efla_lm_init(&m, &run->plan.model, &run->learner.devices[0], 1, n, why);
  for (size_t i = 0; i < examples && status == EFLA_OK && !run->trainer.diverged; i++)
    status = answer(run, &m, i, labels + i * n, answers + i * n, &sum, &counted, why);
  if (status == EFLA_OK && !run->trainer.diverged) {
    *loss = sum / (double)counted;
    status = efla_token_score_of(run->plan.task->score, run->plan.settings.vocabulary, examples, n, labels, answers,
                                 accuracy, why);
  }
  efla_lm_clear(&m);
  free(labels);
  return status;
}
