/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_study.h"

#include "task/text_generation.h"
#include "task/lm_speed.h"
#include "task/text_layer_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void config_of(const efla_text_study *s, size_t number, efla_text_plan *plan, efla_lm_variant *v) {
  *plan = s->plan;
  efla_lm_grid_at(&s->grid, number, &plan->options.model, v);
  plan->options.seed = v->seed, plan->schedule.rate = v->rate;
}

static efla_lm_variant variant_of(const efla_text_study *s) {
  efla_text_plan plan;
  efla_lm_variant v;
  config_of(s, s->number, &plan, &v);
  return v;
}

static size_t work(void *context, size_t number) {
  efla_text_plan plan;
  efla_lm_variant v;
  config_of(context, number, &plan, &v);
  return efla_text_run_work(&plan);
}

static char *path(void *context, size_t number, const char *directory, const char *ending) {
  efla_text_plan plan;
  efla_lm_variant v;
  config_of(context, number, &plan, &v);
  return efla_lm_variant_path(&v, directory, "", ending);
}

static efla_status open_config(void *context, size_t number, const char *path, size_t save, efla_training **run,
                               efla_message *why) {
  efla_text_study *s = context;
  efla_text_plan plan;
  efla_lm_variant v;
  config_of(s, number, &plan, &v);
  s->number = number;
  const efla_status status = efla_text_run_open(&s->run, &plan, path, save, why);
  if (status == EFLA_OK) *run = &s->run.training;
  return status;
}

static void close_config(void *context) { efla_text_run_clear(&((efla_text_study *)context)->run); }

static void name(void *context, char *text, size_t room) {
  const efla_lm_variant v = variant_of(context);
  efla_lm_variant_name(&v, text, room);
}

static void report(void *context, char *text, size_t room) {
  const efla_text_run *run = &((efla_text_study *)context)->run;
  const efla_text_options *o = &run->plan.options;
  const efla_training *training = &run->training;
  const efla_trainer *t = &training->trainer;
  const double tokens = (double)(t->step * o->batch * o->context);
  const int n = snprintf(text, room, "%zu parameters, %.0f MB, ", efla_lm_parameters(&o->model),
                         efla_text_task_bytes(&run->task, t->schedule.steps, run->plan.windows) * 1e-6);
  if (t->diverged)
    snprintf(text + n, room - (size_t)n, "diverged in step %zu", t->step);
  else
    snprintf(text + n, room - (size_t)n, "%.4f bits per byte; trained for %.1f s, %.0f tokens/s",
             *efla_text_run_result(run, training->evaluated - 1), t->seconds, tokens / t->seconds);
}

/* ---- what a config writes ---- */

static efla_text_row row_of(const efla_lm_variant *v) {
  return (efla_text_row){.mixer = v->mixer,
                         .method = v->method,
                         .decay = v->decay,
                         .keys = v->keys,
                         .beta = v->beta,
                         .width = v->width,
                         .lr = v->rate,
                         .seed = v->listed,
                         .accuracy = NAN};
}

static efla_status inspect(const efla_text_study *s, const efla_lm_variant *v, const efla_text_row *r,
                           efla_message *why) {
  char *stem = NULL;
  if (s->tensors && !(stem = efla_lm_variant_path(v, s->tensors, "", ""))) return efla_fail_memory(why);
  const efla_status status = efla_text_inspect(&s->run, r, stem, s->layers, why);
  free(stem);
  return status;
}

static efla_status generate(const efla_text_study *s, size_t seed, efla_message *why) {
  efla_text_speed speed;
  if (!s->prompt || s->run.training.trainer.diverged) return EFLA_OK;
  const efla_status status =
      efla_text_generate(&s->run, s->prompt, s->length, s->temperature, seed, stderr, &speed, why);
  if (status == EFLA_OK)
    efla_progress_say(
        &s->study.progress,
        "%.0f bytes/s, reading weights at %.1f GB/s, %.2f of the %.1f GB/s at which they are only added up\n",
        speed.bytes, speed.weights * 1e-9, speed.weights / speed.memory_rate, speed.memory_rate * 1e-9);
  return status;
}

static efla_status compare_speed(const efla_text_study *s, efla_message *why) {
  const efla_text_options *o = &s->run.plan.options;
  const efla_trainer *t = &s->run.training.trainer;
  const double tokens = (double)(t->step * o->batch * o->context) / t->seconds;
  efla_lm_speed speed;
  if (!s->baseline || t->step == 0) return EFLA_OK;
  const efla_status status = efla_lm_measure_speed(&s->run.task.learner, &speed, why);
  if (status != EFLA_OK) return status;
  efla_progress_say(
      &s->study.progress,
      "%.0f tokens/s with %zu threads, %.1f Gflop/s in matrix products, %.2f of the %.1f of these products "
      "alone\n",
      tokens, o->threads, tokens * speed.flops * 1e-9, tokens * speed.flops / speed.rate, speed.rate * 1e-9);
  return EFLA_OK;
}

static efla_status write_config(void *context, efla_message *why) {
  const efla_text_study *s = context;
  const efla_lm_variant v = variant_of(s);
  const efla_text_row r = row_of(&v);
  efla_status status = efla_text_write_rows(&s->run, &s->judges, r, s->table, why);
  if (status == EFLA_OK) status = inspect(s, &v, &r, why);
  if (status == EFLA_OK) status = compare_speed(s, why);
  return status == EFLA_OK ? generate(s, v.listed, why) : status;
}

/* ---- options that do not fit each other ---- */

static efla_status check_options(const efla_text_study *s, efla_message *why) {
  if (s->prompt && !*s->prompt) return efla_fail(why, EFLA_USAGE, "--generate: expected a text, at least one byte");
  for (size_t i = 0; i < s->grid.mixers.n && s->prompt; i++)
    if (s->grid.mixers.row[i] == 1)
      return efla_fail(why, EFLA_USAGE, "--generate: softmax attention has no state of constant size to decode with");
  for (size_t i = 0; i < s->grid.decays.n && s->tensors; i++) {
    const efla_decay *d = &efla_decays[s->grid.decays.row[i]];
    if (d->gated && strcmp(d->argument, "g") != 0)
      return efla_fail(why, EFLA_USAGE, "--tensors: a tensor file has no place for the argument of the decay %s",
                       d->name);
  }
  return EFLA_OK;
}

efla_status efla_text_study_check(efla_text_study *s, efla_message *why) {
  const efla_text_options *o = &s->plan.options;
  efla_status status = efla_lm_grid_check(&s->grid, &o->model, o->batch, o->group, &s->plan.schedule, why);
  if (status == EFLA_OK) status = check_options(s, why);
  s->study.files = s->tensors;
  s->study.configs = (efla_configs){.count = efla_lm_grid_size(&s->grid),
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
