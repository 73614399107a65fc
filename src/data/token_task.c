/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/token_task.h"

#include "data/mad.h"
#include "data/mqar.h"

#include <stdlib.h>
#include <string.h>

const efla_token_task *const efla_token_tasks[] = {
    &efla_mqar,
    &efla_mad_in_context_recall,
    &efla_mad_fuzzy_recall,
    &efla_mad_noisy_recall,
    &efla_mad_selective_copying,
    &efla_mad_compression,
    &efla_mad_memorization,
    NULL,
};

const char *efla_token_task_name(size_t i) {
  return i < sizeof efla_token_tasks / sizeof *efla_token_tasks && efla_token_tasks[i] ? efla_token_tasks[i]->name
                                                                                       : NULL;
}

const efla_token_task *efla_token_task_find(const char *name) {
  const efla_token_task *const *task = efla_token_tasks;
  while (*task && strcmp((*task)->name, name) != 0) task++;
  return *task;
}

/* Purposes of a seed: the two sets, by `training`, and what their examples share. */
enum { SHARED = 2 };

static const char *not_met(const efla_token_task *task, const efla_token_settings *s) {
  if (s->vocabulary < 1 || s->vocabulary > EFLA_UNSCORED) return "1 to 65535 tokens";
  if (s->length < 1) return "a length of at least 1";
  if (!task->noisy && (s->noise_vocabulary > 0 || s->noise != 0)) return "no noise";
  if (!(s->noise >= 0 && s->noise < 1)) return "a share of noise in [0, 1)";
  if (s->noise > 0 && s->noise_vocabulary == 0) return "tokens for the noise";
  if (s->noise_vocabulary >= s->vocabulary) return "fewer tokens of noise than tokens";
  return task->expected(s);
}

efla_status efla_token_source_init(efla_token_source *source, const efla_token_task *task,
                                   const efla_token_settings *settings, uint64_t seed, bool training,
                                   efla_message *why) {
  *source = (efla_token_source){0};
  const char *expected = not_met(task, settings);
  if (expected)
    return efla_fail(why, EFLA_USAGE, "%s: settings that it cannot have, expected %s", task->name, expected);
  *source = (efla_token_source){.task = task,
                                .settings = *settings,
                                .seed = seed,
                                .training = training,
                                .positions = settings->length - task->lost};
  if (!task->table) return EFLA_OK;
  source->table = malloc(task->table(settings));
  if (!source->table) {
    *source = (efla_token_source){0};
    return efla_fail_memory(why);
  }
  efla_draw draw = efla_draw_begin(efla_seed_64(seed, SHARED));
  task->start(source, &draw);
  return EFLA_OK;
}

void efla_token_source_clear(efla_token_source *source) {
  free(source->table);
  *source = (efla_token_source){0};
}

void efla_token_example(const efla_token_source *source, uint64_t i, uint16_t *inputs, uint16_t *labels) {
  efla_draw draw = efla_draw_begin(efla_seed_64(efla_seed_64(source->seed, source->training), i));
  source->task->generate(source, &draw, inputs, labels);
}

uint16_t efla_token_draw(efla_draw *draw, size_t first, size_t count) {
  return (uint16_t)(first + efla_draw_below(draw, count));
}

static bool among(size_t n, size_t stride, const uint16_t *tokens, uint16_t token) {
  for (size_t i = 0; i < n; i++)
    if (tokens[i * stride] == token) return true;
  return false;
}

void efla_token_draw_distinct(efla_draw *draw, size_t first, size_t count, size_t n, size_t stride, uint16_t *tokens) {
  for (size_t i = 0; i < n; i++) {
    uint16_t token;
    do token = efla_token_draw(draw, first, count);
    while (among(i, stride, tokens, token));
    tokens[i * stride] = token;
  }
}

void efla_token_unscore(size_t n, uint16_t *labels) {
  for (size_t t = 0; t < n; t++) labels[t] = EFLA_UNSCORED;
}
