/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_study.h"

#include "app/sweep.h"
#include "base/seed.h"
#include "io/lock.h"
#include "task/text_layers.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *efla_mixer_name(size_t i) {
  static const char *const names[] = {"delta", "softmax"};
  return i < sizeof names / sizeof *names ? names[i] : NULL;
}

/* ---- configs ---- */

/* The plan and the names of config i; false where it is another config's equal: softmax has no rule to vary. */
static bool config_of(const efla_text_study *s, size_t i, efla_text_plan *plan, efla_text_row *r) {
  const efla_list *const lists[] = {&s->seeds,  &s->rates,      &s->mixers, &s->methods,
                                    &s->decays, &s->treatments, &s->maps,   NULL};
  size_t at[7];
  efla_sweep_at(lists, i, at);
  *plan = s->plan;
  efla_lm_config *c = &plan->options.model;
  r->seed = s->seeds.count[at[0]], plan->options.seed = efla_seed(s->seed, r->seed);
  plan->schedule.rate = r->lr = s->rates.value[at[1]];
  c->softmax = s->mixers.row[at[2]] == 1;
  c->rule = (efla_rule){.method = &efla_methods[s->methods.row[at[3]]],
                        .decay = &efla_decays[s->decays.row[at[4]]],
                        .keys = &efla_key_treatments[s->treatments.row[at[5]]]};
  c->beta = &efla_beta_maps[s->maps.row[at[6]]];
  c->per_channel = !c->softmax && s->channels && c->rule.decay->share > 0;
  r->mixer = efla_mixer_name(c->softmax), r->method = r->decay = r->keys = r->beta = "-";
  if (c->softmax) return at[3] + at[4] + at[5] + at[6] == 0;
  r->method = c->rule.method->name, r->keys = c->rule.keys->name, r->beta = c->beta->name;
  r->decay = !c->per_channel ? c->rule.decay->name : c->rule.decay->share == 1 ? "split channels" : "strang channels";
  return true;
}

/* A path of the config in a directory, which is made where it is missing; NULL without one. */
static efla_status path_of(const char *directory, const efla_text_row *r, const char *ending, char **path,
                           efla_message *why) {
  *path = NULL;
  if (!directory) return EFLA_OK;
  if (mkdir(directory, 0777) != 0 && errno != EEXIST)
    return efla_fail(why, EFLA_OUTPUT, "%s: %s", directory, strerror(errno));
  char name[256];
  snprintf(name, sizeof name, "%s-%s-%s-%s-%s-%g-%zu%s", r->mixer, r->method, r->decay, r->keys, r->beta, r->lr,
           r->seed, ending);
  for (char *c = name; *c; c++)
    if (*c == ' ') *c = '-';
  *path = malloc(strlen(directory) + strlen(name) + 2);
  if (!*path) return efla_fail_memory(why);
  sprintf(*path, "%s/%s", directory, name);
  return EFLA_OK;
}

static efla_status inspect(const efla_text_study *s, const efla_text_run *run, const efla_text_row *r,
                           efla_message *why) {
  char *stem;
  efla_status status = path_of(s->tensors, r, "", &stem, why);
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
                    efla_text_bytes(o) * 1e-6);
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
  if (!config_of(s, i, &plan, &r)) return EFLA_OK;
  efla_status status = path_of(s->configs, &r, ".h5", &path, why);
  if (status == EFLA_OK && path) status = efla_lock_take(&lock, path, true, why);
  plan.path = path;
  if (status == EFLA_OK) status = efla_text_run_open(&run, &plan, why);
  if (status == EFLA_OK) {
    efla_progress_add(progress, run.trainer.step);
    status = efla_text_run_finish(&run, count_step, progress, why);
    if (status == EFLA_OK) report(&run, &r, progress);
    if (status == EFLA_OK) status = efla_text_write_rows(&run, &s->judges, r, table, why);
    if (status == EFLA_OK) status = inspect(s, &run, &r, why);
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
  if (o->model.width % o->model.heads != 0)
    return efla_fail(why, EFLA_USAGE, "--heads: %zu, expected a divisor of the width %zu", o->model.heads,
                     o->model.width);
  if (o->batch % o->group != 0)
    return efla_fail(why, EFLA_USAGE, "--group: %zu, expected a divisor of the batch %zu", o->group, o->batch);
  if (s->plan.schedule.warmup >= s->plan.schedule.steps)
    return efla_fail(why, EFLA_USAGE, "--warmup: %zu, expected fewer than the %zu steps", s->plan.schedule.warmup,
                     s->plan.schedule.steps);
  for (size_t i = 0; i < s->mixers.n && s->prompt; i++)
    if (s->mixers.row[i] == 1)
      return efla_fail(why, EFLA_USAGE, "--generate: softmax attention has no state of constant size to decode with");
  for (size_t i = 0; i < s->decays.n && s->tensors; i++) {
    const efla_decay *d = &efla_decays[s->decays.row[i]];
    if (d->gated && strcmp(d->argument, "g") != 0)
      return efla_fail(why, EFLA_USAGE, "--tensors: a tensor file has no place for the argument of the decay %s",
                       d->name);
  }
  return EFLA_OK;
}

efla_status efla_text_study_run(const efla_text_study *s, efla_table *table, efla_message *why) {
  const efla_list *const lists[] = {&s->seeds,  &s->rates,      &s->mixers, &s->methods,
                                    &s->decays, &s->treatments, &s->maps,   NULL};
  const size_t n = efla_sweep_size(lists);
  efla_progress progress;
  efla_status status = EFLA_OK;
  size_t configs = 0;
  for (size_t i = 0; i < n; i++) {
    efla_text_plan plan;
    efla_text_row r;
    configs += config_of(s, i, &plan, &r);
  }
  efla_progress_start(&progress, "steps", configs * s->plan.schedule.steps);
  for (size_t i = 0; i < n && status == EFLA_OK; i++) status = run_config(s, i, table, &progress, why);
  efla_progress_end(&progress);
  return status;
}
