/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/token_study.h"

#include <stdio.h>

typedef struct row {
  const char *task;
  size_t vocabulary, length, items;
  double noise;
  const char *mixer, *method, *decay, *keys, *beta;
  size_t width;
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
    EFLA_COLUMN(row, width, "", "width of the model"),
    EFLA_COLUMN(row, lr, "", "largest learning rate"),
    EFLA_COLUMN(row, seed, "", "seed of parameters and examples"),
    EFLA_COLUMN(row, step, "", "steps of the whole training"),
    EFLA_COLUMN(row, diverged, "", "step in which the training diverged; 0: it did not"),
    EFLA_COLUMN(row, loss, "nats",
                "cross-entropy of scored positions of test examples; nan: diverged, or the logits are not finite"),
    EFLA_COLUMN(row, accuracy, "", "accuracy on test examples, as the task is scored; nan: the loss is not finite"),
    EFLA_COLUMNS_END(row)};

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
               .width = v->width,
               .lr = v->rate,
               .seed = v->listed};
}

/* Config `number`: problem by problem for each of the grid. */
static const efla_token_problem *config_of(const efla_token_study *s, size_t number, efla_token_plan *plan,
                                           efla_lm_variant *v) {
  const efla_token_problem *problem = &s->problems[number % s->n];
  *plan = s->plan;
  efla_lm_grid_at(&s->grid, number / s->n, &plan->model, v);
  plan->task = problem->task, plan->settings = problem->settings, plan->seed = v->seed, plan->schedule.rate = v->rate;
  return problem;
}

static size_t work(void *context, size_t number) {
  efla_token_plan plan;
  efla_lm_variant v;
  config_of(context, number, &plan, &v);
  return efla_token_run_work(&plan);
}

static char *path(void *context, size_t number, const char *directory, const char *ending) {
  char prefix[96];
  efla_token_plan plan;
  efla_lm_variant v;
  config_of(context, number, &plan, &v);
  const efla_token_settings *t = &plan.settings;
  snprintf(prefix, sizeof prefix, "%s-%zu-%zu-%zu-%g-", plan.task->name, t->vocabulary, t->length, t->items, t->noise);
  return efla_lm_variant_path(&v, directory, prefix, ending);
}

static efla_status open_config(void *context, size_t number, const char *path, size_t save, efla_training **run,
                               efla_message *why) {
  efla_token_study *s = context;
  efla_token_plan plan;
  efla_lm_variant v;
  config_of(s, number, &plan, &v);
  s->number = number;
  const efla_status status = efla_token_run_open(&s->run, &plan, path, save, why);
  if (status == EFLA_OK) *run = &s->run.training;
  return status;
}

static void close_config(void *context) { efla_token_run_clear(&((efla_token_study *)context)->run); }

static void name(void *context, char *text, size_t room) {
  const efla_token_study *s = context;
  char variant[160];
  efla_token_plan plan;
  efla_lm_variant v;
  config_of(s, s->number, &plan, &v);
  efla_lm_variant_name(&v, variant, sizeof variant);
  snprintf(text, room, "%s, length %zu, items %zu: %s", plan.task->name, plan.settings.length, plan.settings.items,
           variant);
}

static void report(void *context, char *text, size_t room) {
  const efla_token_run *run = &((efla_token_study *)context)->run;
  const efla_trainer *t = &run->training.trainer;
  if (t->diverged)
    snprintf(text, room, "diverged in step %zu", t->step);
  else
    snprintf(text, room, "accuracy %.3f, loss %.3f; %zu parameters, trained for %.1f s", run->training.results[0],
             run->training.results[1], efla_lm_parameters(&run->plan.model), t->seconds);
}

static efla_status write_config(void *context, efla_message *why) {
  const efla_token_study *s = context;
  const efla_trainer *t = &s->run.training.trainer;
  efla_token_plan plan;
  efla_lm_variant v;
  (void)why;
  row r = row_of(config_of(s, s->number, &plan, &v), &v);
  r.accuracy = s->run.training.results[0], r.loss = s->run.training.results[1];
  r.step = t->schedule.steps, r.diverged = t->diverged ? t->step : 0;
  efla_table_put(s->table, &r);
  return EFLA_OK;
}

efla_status efla_token_study_check(efla_token_study *s, efla_message *why) {
  efla_status status =
      efla_lm_grid_check(&s->grid, &s->plan.model, s->plan.batch, s->plan.group, &s->plan.schedule, why);
  for (size_t i = 0; i < s->n && status == EFLA_OK; i++) {
    efla_token_source source;
    status = efla_token_source_init(&source, s->problems[i].task, &s->problems[i].settings, 0, true, why);
    efla_token_source_clear(&source);
  }
  s->study.configs = (efla_configs){.count = s->n * efla_lm_grid_size(&s->grid),
                                    .context = s,
                                    .work = work,
                                    .path = path,
                                    .open = open_config,
                                    .close = close_config,
                                    .name = name,
                                    .report = report,
                                    .write = write_config};
  return status == EFLA_OK ? efla_study_check(&s->study, why) : status;
}
