/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/token_study.h"

#include "app/progress.h"
#include "io/lock.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct row {
  const char *task;
  size_t vocabulary, length, items;
  double noise;
  const char *mixer, *method, *decay, *keys, *beta;
  double lr;
  size_t seed, step, diverged;
  double loss, accuracy;
} row;

const efla_column efla_token_study_columns[] = {
    EFLA_COLUMN(row, task, "", "task"),
    EFLA_COLUMN(row, vocabulary, "", "tokens that there are"),
    EFLA_COLUMN(row, length, "", "length of a sequence, as the task counts it"),
    EFLA_COLUMN(row, items, "", "mqar: pairs; selective-copying: tokens to copy; 0: none"),
    EFLA_COLUMN(row, noise, "", "share of pairs that noise replaces"),
    EFLA_COLUMN(row, mixer, "", "delta rule, or softmax attention, which has no rule"),
    EFLA_COLUMN(row, method, "", "one-step method"),
    EFLA_COLUMN(row, decay, "", "decay; its name and 'channels' where it is per channel"),
    EFLA_COLUMN(row, keys, "", "key treatment"),
    EFLA_COLUMN(row, beta, "", "map of beta"),
    EFLA_COLUMN(row, lr, "", "largest learning rate"),
    EFLA_COLUMN(row, seed, "", "seed of parameters and examples"),
    EFLA_COLUMN(row, step, "", "steps of training"),
    EFLA_COLUMN(row, diverged, "", "step in which the training diverged; 0: it did not"),
    EFLA_COLUMN(row, loss, "nats", "cross-entropy of scored positions of test examples; nan: diverged"),
    EFLA_COLUMN(row, accuracy, "", "accuracy on test examples, as the task is scored; nan: diverged"),
    EFLA_COLUMNS_END(row)};

static void count_step(void *progress, const efla_token_run *run) {
  (void)run;
  efla_progress_add(progress, 1);
}

static row row_of(const efla_token_problem *p, const efla_lm_variant *v) {
  return (row){.task = p->task->name,
               .vocabulary = p->settings.vocabulary,
               .length = p->settings.length,
               .items = p->settings.items,
               .noise = p->settings.noise,
               .mixer = v->mixer,
               .method = v->method,
               .decay = v->decay,
               .keys = v->keys,
               .beta = v->beta,
               .lr = v->rate,
               .seed = v->listed};
}

static efla_status train_and_test(const efla_token_plan *plan, row *r, efla_progress *progress, efla_message *why) {
  efla_token_run run;
  efla_status status = efla_token_run_open(&run, plan, why);
  if (status != EFLA_OK) return status;
  efla_progress_add(progress, run.trainer.step);
  status = efla_token_run_finish(&run, count_step, progress, why);
  if (status == EFLA_OK) status = efla_token_run_test(&run, &r->accuracy, &r->loss, why);
  r->step = run.trainer.step, r->diverged = run.trainer.diverged ? run.trainer.step : 0;
  if (status == EFLA_OK)
    efla_progress_say(progress,
                      "%s, length %zu, items %zu: %s %s, decay %s, %s keys, lr %g, seed %zu: accuracy %.3f, loss %.3f, "
                      "%zu parameters, %.1f s\n",
                      r->task, r->length, r->items, r->mixer, r->method, r->decay, r->keys, r->lr, r->seed, r->accuracy,
                      r->loss, efla_lm_parameters(&run.plan.model), run.trainer.seconds);
  efla_token_run_clear(&run);
  return status;
}

static efla_status run_config(const efla_token_study *s, const efla_token_problem *problem, size_t i, efla_table *table,
                              efla_progress *progress, efla_message *why) {
  efla_token_plan plan = s->plan;
  efla_lm_variant v;
  efla_lock lock = {.path = NULL};
  char *path, prefix[96];
  if (!efla_lm_grid_at(&s->grid, i, &plan.model, &v)) return EFLA_OK;
  plan.task = problem->task, plan.settings = problem->settings, plan.seed = v.seed, plan.schedule.rate = v.rate;
  snprintf(prefix, sizeof prefix, "%s-%zu-%zu-%zu-%g-", problem->task->name, problem->settings.vocabulary,
           problem->settings.length, problem->settings.items, problem->settings.noise);
  efla_status status = efla_lm_variant_path(&v, s->configs, prefix, ".h5", &path, why);
  if (status == EFLA_OK && path) status = efla_lock_take(&lock, path, true, why);
  plan.path = path;
  row r = row_of(problem, &v);
  if (status == EFLA_OK) status = train_and_test(&plan, &r, progress, why);
  if (status == EFLA_OK) efla_table_put(table, &r);
  efla_lock_release(&lock);
  free(path);
  return status;
}

efla_status efla_token_study_check(const efla_token_study *s, efla_message *why) {
  efla_status status = efla_lm_check(&s->plan.model, s->plan.batch, s->plan.group, &s->plan.schedule, why);
  for (size_t i = 0; i < s->n && status == EFLA_OK; i++) {
    efla_token_source source;
    status = efla_token_source_init(&source, s->problems[i].task, &s->problems[i].settings, 0, true, why);
    efla_token_source_clear(&source);
  }
  return status;
}

efla_status efla_token_study_run(const efla_token_study *s, efla_table *table, efla_message *why) {
  const size_t n = efla_lm_grid_size(&s->grid);
  efla_lm_config model;
  efla_lm_variant v;
  efla_progress progress;
  efla_status status = EFLA_OK;
  size_t configs = 0;
  for (size_t i = 0; i < n; i++) configs += efla_lm_grid_at(&s->grid, i, &model, &v);
  efla_progress_start(&progress, "steps", configs * s->n * s->plan.schedule.steps);
  for (size_t i = 0; i < n; i++)
    for (size_t p = 0; p < s->n && status == EFLA_OK; p++)
      status = run_config(s, &s->problems[p], i, table, &progress, why);
  efla_progress_end(&progress);
  return status;
}
