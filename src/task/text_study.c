/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_study.h"

#include "io/lock.h"
#include "task/text_layers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The plan of config i and its names; false where it is another config's equal. */
static bool config_of(const efla_text_study *s, size_t i, efla_text_plan *plan, efla_lm_variant *v, efla_text_row *r) {
  *plan = s->plan;
  if (!efla_lm_grid_at(&s->grid, i, &plan->options.model, v)) return false;
  plan->options.seed = v->seed, plan->schedule.rate = v->rate;
  r->mixer = v->mixer, r->method = v->method, r->decay = v->decay, r->keys = v->keys, r->beta = v->beta;
  r->lr = v->rate, r->seed = v->listed;
  return true;
}

static efla_status inspect(const efla_text_study *s, const efla_text_run *run, const efla_lm_variant *v,
                           const efla_text_row *r, efla_message *why) {
  char *stem;
  efla_status status = efla_lm_variant_path(v, s->tensors, "", "", &stem, why);
  if (status == EFLA_OK) status = efla_text_inspect(run, r, stem, s->layers, why);
  free(stem);
  return status;
}

static void count_step(void *progress, const efla_text_run *run) {
  (void)run;
  efla_progress_add(progress, 1);
}

static void report(const efla_text_run *run, const efla_text_row *r, efla_progress *progress) {
  const efla_text_options *o = &run->plan.options;
  const efla_trainer *t = &run->trainer;
  const double tokens = (double)(t->step * o->batch * o->context);
  efla_progress_say(progress, "%s %s, decay %s, %s keys, lr %g, seed %zu: %zu parameters, %.0f MB, ", r->mixer,
                    r->method, r->decay, r->keys, r->lr, r->seed, efla_lm_parameters(&o->model),
                    efla_lm_learner_bytes(&run->task.learner) * 1e-6);
  if (t->diverged)
    efla_progress_say(progress, "diverged in step %zu\n", t->step);
  else
    efla_progress_say(progress, "%.4f bits per byte; trained for %.1f s, %.0f tokens/s\n",
                      run->bits[run->evaluations - 1], t->seconds, tokens / t->seconds);
}

static efla_status run_config(const efla_text_study *s, size_t i, efla_table *table, efla_progress *progress,
                              efla_message *why) {
  efla_text_plan plan;
  efla_text_run run;
  efla_lock lock = {.path = NULL};
  char *path;
  efla_text_row r = {.accuracy = NAN};
  efla_lm_variant v;
  if (!config_of(s, i, &plan, &v, &r)) return EFLA_OK;
  efla_status status = efla_lm_variant_path(&v, s->configs, "", ".h5", &path, why);
  if (status == EFLA_OK && path) status = efla_lock_take(&lock, path, true, why);
  plan.path = path;
  if (status == EFLA_OK) status = efla_text_run_open(&run, &plan, why);
  if (status == EFLA_OK) {
    efla_progress_add(progress, run.trainer.step);
    status = efla_text_run_finish(&run, count_step, progress, why);
    if (status == EFLA_OK) report(&run, &r, progress);
    if (status == EFLA_OK) status = efla_text_write_rows(&run, &s->judges, r, table, why);
    if (status == EFLA_OK) status = inspect(s, &run, &v, &r, why);
    double speed;
    if (status == EFLA_OK && s->prompt && !run.trainer.diverged) {
      status = efla_text_generate(&run, s->prompt, s->length, s->temperature, r.seed, stderr, &speed, why);
      if (status == EFLA_OK) efla_progress_say(progress, "%.0f bytes/s\n", speed);
    }
    efla_text_run_clear(&run);
  }
  efla_lock_release(&lock);
  free(path);
  return status;
}

efla_status efla_text_study_check(const efla_text_study *s, efla_message *why) {
  const efla_text_options *o = &s->plan.options;
  const efla_status status = efla_lm_check(&o->model, o->batch, o->group, &s->plan.schedule, why);
  if (status != EFLA_OK) return status;
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

efla_status efla_text_study_run(const efla_text_study *s, efla_table *table, efla_message *why) {
  const size_t n = efla_lm_grid_size(&s->grid);
  efla_progress progress;
  efla_status status = EFLA_OK;
  size_t configs = 0;
  for (size_t i = 0; i < n; i++) {
    efla_lm_config model;
    efla_lm_variant v;
    configs += efla_lm_grid_at(&s->grid, i, &model, &v);
  }
  efla_progress_start(&progress, "steps", configs * s->plan.schedule.steps);
  for (size_t i = 0; i < n && status == EFLA_OK; i++) status = run_config(s, i, table, &progress, why);
  efla_progress_end(&progress);
  return status;
}
