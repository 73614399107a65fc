/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/token_run.h"

#include "task/token_score.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
  make_example(&run->source, number, run->room + 2 * thread * run->source.positions, tokens, labels);
}

static void describe(efla_token_run *run) {
  const efla_token_plan *p = &run->plan;
  const efla_token_settings *s = &p->settings;
  const efla_lm_config *c = &p->model;
  snprintf(
      run->settings, sizeof run->settings,
      "%s, vocabulary %zu, length %zu, items %zu, noise %g of %zu, exponent %g, filler %s, mixer %s, method %s, "
      "decay %s%s, keys %s, beta %s, width %zu, layers %zu, heads %zu, hidden %zu, batch %zu, group %zu, seed %zu, "
      "examples %zu, tested %zu, lr %.17g, warmup %zu, steps %zu, least %g, decay %g, clip %g, beta2 %g",
      p->task->name, s->vocabulary, s->length, s->items, s->noise, s->noise_vocabulary, s->exponent,
      s->random_filler ? "random" : "0", c->softmax ? "softmax" : "delta", c->softmax ? "-" : c->rule.method->name,
      c->softmax ? "-" : c->rule.decay->name, c->per_channel ? " per channel" : "",
      c->softmax ? "-" : c->rule.keys->name, c->softmax ? "-" : c->beta->name, c->width, c->layers, c->heads, c->hidden,
      p->batch, p->group, p->seed, p->examples, p->tested, p->schedule.rate, p->schedule.warmup, p->schedule.steps,
      p->schedule.least, p->rule.decay, p->rule.clip, p->rule.beta2);
}

/* ---- test ---- */

static uint16_t likeliest(const double *logits, size_t n) {
  size_t best = 0;
  for (size_t i = 1; i < n; i++)
    if (logits[i] > logits[best]) best = i;
  return (uint16_t)best;
}

/* What a thread needs to answer one example after another. */
typedef struct answerer {
  efla_lm model;
  uint16_t *room;   /* (2 positions) */
  uint32_t *tokens; /* (positions) */
  int32_t *wanted;  /* (positions) */
  double *logits;   /* (vocabulary) */
} answerer;

static efla_status open_answerer(answerer *a, const efla_token_run *run, size_t thread, efla_message *why) {
  const size_t n = run->test.positions;
  *a = (answerer){.room = run->room + 2 * thread * n};
  a->tokens = calloc(n, sizeof *a->tokens), a->wanted = calloc(n, sizeof *a->wanted);
  a->logits = calloc(run->plan.model.vocabulary, sizeof *a->logits);
  if (!a->tokens || !a->wanted || !a->logits) return efla_fail_memory(why);
  return efla_lm_init_forward(&a->model, &run->plan.model, &run->learner.devices[thread], 1, n, why);
}

static void close_answerer(answerer *a) {
  efla_lm_clear(&a->model);
  free(a->tokens), free(a->wanted), free(a->logits);
}

/* Example i: its labels and answers (positions), and the sum of the losses of scored positions. */
static efla_status answer(answerer *a, const efla_token_run *run, const float *parameters, size_t i, uint16_t *labels,
                          uint16_t *answers, double *loss, efla_message *why) {
  const size_t n = run->test.positions, V = run->plan.model.vocabulary;
  efla_lm *m = &a->model;
  assert(a->room && labels && answers);
  make_example(&run->test, i, a->room, a->tokens, a->wanted);
  memcpy(labels, a->room + n, n * sizeof *labels);
  const efla_status status = efla_lm_forward(m, parameters, a->tokens, a->wanted, 0, loss, why);
  for (size_t t = 0; t < n && status == EFLA_OK; t++) {
    if (a->wanted[t] < 0) continue;
    m->device->row->read(V, efla_device_at(m->device, m->logits, t * V), a->logits);
    answers[t] = likeliest(a->logits, V);
  }
  return status;
}

static efla_status answer_all(const efla_token_run *run, const float *parameters, uint16_t *labels, uint16_t *answers,
                              double *losses, efla_message *why) {
  const size_t n = run->test.positions, threads = run->learner.threads;
  efla_status worst = EFLA_OK;
  size_t first, end;
  efla_ranks_share(run->plan.ranks, run->plan.tested, &first, &end);
#pragma omp parallel num_threads((int)threads) if (threads > 1)
  {
    answerer a;
    efla_message mine;
    efla_status status = open_answerer(&a, run, (size_t)omp_get_thread_num(), &mine);
#pragma omp for schedule(dynamic, 8)
    for (size_t i = first; i < end; i++)
      if (status == EFLA_OK)
        status = answer(&a, run, parameters, i, labels + i * n, answers + i * n, &losses[i], &mine);
    close_answerer(&a);
    if (status != EFLA_OK) {
#pragma omp critical(efla_token_run_message)
      worst = status, *why = mine;
    }
  }
  return worst;
}

/* What each rank has done of it, on all. */
static efla_status complete(const efla_token_run *run, uint16_t *labels, uint16_t *answers, double *losses,
                            efla_status status, efla_message *why) {
  const efla_communicator *ranks = run->plan.ranks;
  const size_t examples = run->plan.tested, bytes = run->test.positions * sizeof *labels;
  status = efla_ranks_complete(ranks, examples, bytes, labels, status, why);
  if (status == EFLA_OK) status = efla_ranks_complete(ranks, examples, bytes, answers, status, why);
  if (status == EFLA_OK) status = efla_ranks_complete(ranks, examples, sizeof *losses, losses, status, why);
  return status;
}

static size_t scored(size_t n, const uint16_t *labels) {
  size_t count = 0;
  assert(labels);
  for (size_t i = 0; i < n; i++) count += labels[i] != EFLA_UNSCORED;
  return count;
}

efla_status efla_token_run_test(const efla_token_run *run, const float *parameters, double *accuracy, double *loss,
                                efla_message *why) {
  const size_t n = run->test.positions, examples = run->plan.tested;
  uint16_t *labels = calloc(2 * examples * n, sizeof *labels);
  double *losses = calloc(examples, sizeof *losses), sum = 0;
  efla_status status = labels && losses ? EFLA_OK : efla_fail_memory(why);
  if (status == EFLA_OK && labels && losses) {
    uint16_t *answers = labels + examples * n;
    status = answer_all(run, parameters, labels, answers, losses, why);
    status = complete(run, labels, answers, losses, status, why);
    for (size_t i = 0; i < examples; i++) sum += losses[i];
    *loss = sum / (double)scored(examples * n, labels);
    *accuracy = NAN; /* of logits that are not finite there is no likeliest */
    if (status == EFLA_OK && isfinite(*loss))
      status = efla_token_score_of(run->plan.task->score, run->plan.settings.vocabulary, examples, n, labels, answers,
                                   accuracy, why);
  }
  free(labels), free(losses);
  return status;
}

/* ---- training ---- */

static size_t at_the_end(const void *context, size_t i) {
  (void)i;
  return ((const efla_token_run *)context)->plan.schedule.steps;
}

static size_t tested(const void *context, size_t i) {
  (void)i;
  return ((const efla_token_run *)context)->plan.tested;
}

static efla_status evaluate(void *context, const float *parameters, size_t i, double *x, efla_message *why) {
  (void)i;
  return efla_token_run_test(context, parameters, &x[0], &x[1], why);
}

static efla_training_plan plan_of(efla_token_run *run) {
  const efla_token_plan *p = &run->plan;
  return (efla_training_plan){
      .schedule = p->schedule,
      .rule = p->rule,
      .threads = p->threads,
      .evaluations = {.count = 1, .width = 2, .context = run, .step = at_the_end, .size = tested, .evaluate = evaluate},
      .batch = p->batch,
      .settings = run->settings};
}

size_t efla_token_run_work(const efla_token_plan *plan) {
  efla_token_run view = {.plan = *plan};
  const efla_training_plan p = plan_of(&view);
  return efla_training_work(&p);
}

static efla_status open_run(efla_token_run *run, const char *path, size_t save, efla_message *why) {
  const efla_token_plan *p = &run->plan;
  efla_training_plan training = plan_of(run);
  training.path = path, training.save = save;
  efla_status status = efla_token_source_init(&run->source, p->task, &p->settings, p->seed, true, why);
  if (status == EFLA_OK) status = efla_token_source_init(&run->test, p->task, &p->settings, p->seed, false, why);
  if (status != EFLA_OK) return status;
  run->room = calloc(2 * p->threads * run->source.positions, sizeof *run->room);
  if (!run->room) return efla_fail_memory(why);
  run->learner = (efla_lm_learner){.model = p->model,
                                   .source = {run, make},
                                   .positions = run->source.positions,
                                   .batch = p->batch,
                                   .group = p->group,
                                   .threads = p->threads,
                                   .ranks = p->ranks};
  status = efla_lm_learner_open(&run->learner, why);
  return status == EFLA_OK ? efla_lm_learner_start(&run->learner, &training, p->seed, &run->training, why) : status;
}

efla_status efla_token_run_open(efla_token_run *run, const efla_token_plan *plan, const char *path, size_t save,
                                efla_message *why) {
  *run = (efla_token_run){.plan = {.task = NULL}};
  run->plan = *plan;
  run->plan.model.vocabulary = plan->settings.vocabulary, run->plan.model.compress = plan->task->whole;
  describe(run);
  const efla_status status = open_run(run, path, save, why);
  if (status != EFLA_OK) efla_token_run_clear(run);
  return status;
}

void efla_token_run_clear(efla_token_run *run) {
  efla_training_clear(&run->training);
  efla_lm_learner_close(&run->learner);
  efla_token_source_clear(&run->source), efla_token_source_clear(&run->test);
  free(run->room);
  *run = (efla_token_run){.plan = {.task = NULL}};
}
