/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/text_study.h"

#include "task/lm_grid.h"

#include "app/sweep.h"
#include "base/seed.h"
#include "io/lock.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct row {
  const char *study, *mixer, *method, *decay, *keys, *beta;
  double lr;
  size_t seed, step;
  const char *part;
  size_t context, place;
  double bits;
} row;

const efla_column efla_text_study_columns[] = {
    EFLA_COLUMN(row, study, "", "training: mean over the steps since the row before; along: evaluation; end: after it"),
    EFLA_COLUMN(row, mixer, "", "delta rule, or softmax attention, which has no rule"),
    EFLA_COLUMN(row, method, "", "one-step method"),
    EFLA_COLUMN(row, decay, "", "decay; its name and 'channels' where it is per channel"),
    EFLA_COLUMN(row, keys, "", "key treatment"),
    EFLA_COLUMN(row, beta, "", "map of beta"),
    EFLA_COLUMN(row, lr, "", "largest learning rate"),
    EFLA_COLUMN(row, seed, "", "seed of parameters and windows"),
    EFLA_COLUMN(row, step, "", "steps of training"),
    EFLA_COLUMN(row, part, "", "part of the text: train, valid, test"),
    EFLA_COLUMN(row, context, "", "tokens of a window"),
    EFLA_COLUMN(row, place, "", "place in the window; tokens from this number on, below twice as many, 0: all"),
    EFLA_COLUMN(row, bits, "", "bits per byte; nan: diverged, or the part is shorter than a window"),
    EFLA_COLUMNS_END(row)};

/* ---- rows ---- */

/* The mean loss of the batches of steps from+1 ... to, in bits. */
static double mean_loss(const efla_text_run *run, size_t from, size_t to) {
  double sum = 0;
  for (size_t s = from; s < to; s++)
    sum += s < run->trainer.step && !run->trainer.diverged ? run->trainer.losses[s] : NAN;
  return sum / (double)(to - from) / M_LN2;
}

static void write_along(const efla_text_run *run, row r, efla_table *table) {
  r.context = run->plan.options.context;
  for (size_t i = 0, from = 0; i < efla_text_evaluations(&run->plan); i++, from = r.step) {
    r.step = efla_text_step_of(&run->plan, i);
    r.study = "training", r.part = "train", r.bits = mean_loss(run, from, r.step);
    efla_table_put(table, &r);
    r.study = "along", r.part = "valid", r.bits = run->bits[i];
    efla_table_put(table, &r);
  }
}

/* One part and context, as a whole and by place. */
static efla_status write_end(const efla_text_run *run, const efla_corpus_part *part, row r, efla_table *table,
                             efla_message *why) {
  double *places = malloc(r.context * sizeof *places);
  size_t windows = run->plan.windows * run->plan.options.context / r.context;
  if (!places) return efla_fail_memory(why);
  r.study = "end", r.step = run->plan.schedule.steps, r.bits = NAN;
  for (size_t i = 0; i < r.context; i++) places[i] = NAN;
  efla_status status = EFLA_OK;
  if (!run->trainer.diverged)
    status = efla_text_evaluate(&run->task, run->trainer.parameters, part, r.context, windows ? windows : 1, &r.bits,
                                places, why);
  if (status == EFLA_OK) efla_table_put(table, &r);
  for (r.place = 1; r.place <= r.context && status == EFLA_OK; r.place *= 2) {
    const size_t end = 2 * r.place - 1 < r.context ? 2 * r.place - 1 : r.context;
    r.bits = 0;
    for (size_t i = r.place - 1; i < end; i++) r.bits += places[i];
    r.bits /= (double)(end - (r.place - 1));
    efla_table_put(table, &r);
  }
  free(places);
  return status;
}

static efla_status write_rows(const efla_text_run *run, row r, efla_table *table, efla_message *why) {
  const efla_corpus *c = run->plan.options.corpus;
  const efla_corpus_part *const parts[] = {&c->train, &c->valid, &c->test};
  static const char *const names[] = {"train", "valid", "test"};
  efla_status status = EFLA_OK;
  write_along(run, r, table);
  for (size_t p = 0; p < 3; p++)
    for (size_t times = 1; times <= 16 && status == EFLA_OK; times *= 4) {
      r.part = names[p], r.context = times * run->plan.options.context;
      status = write_end(run, parts[p], r, table, why);
    }
  return status;
}

/* ---- configs ---- */

/* The plan and the names of config i; false where it is another config's equal: softmax has no rule to vary. */
static bool config_of(const efla_text_study *s, size_t i, efla_text_plan *plan, row *r) {
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

static efla_status path_of(const efla_text_study *s, const row *r, char **path, efla_message *why) {
  *path = NULL;
  if (!s->configs) return EFLA_OK;
  if (mkdir(s->configs, 0777) != 0 && errno != EEXIST)
    return efla_fail(why, EFLA_OUTPUT, "%s: %s", s->configs, strerror(errno));
  char name[256];
  snprintf(name, sizeof name, "%s-%s-%s-%s-%s-%g-%zu.h5", r->mixer, r->method, r->decay, r->keys, r->beta, r->lr,
           r->seed);
  for (char *c = name; *c; c++)
    if (*c == ' ') *c = '-';
  *path = malloc(strlen(s->configs) + strlen(name) + 2);
  if (!*path) return efla_fail_memory(why);
  sprintf(*path, "%s/%s", s->configs, name);
  return EFLA_OK;
}

static void count_step(void *progress, const efla_text_run *run) {
  (void)run;
  efla_progress_add(progress, 1);
}

static void report(const efla_text_run *run, const row *r, efla_progress *progress) {
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
  row r = {.study = NULL};
  if (!config_of(s, i, &plan, &r)) return EFLA_OK;
  efla_status status = path_of(s, &r, &path, why);
  if (status == EFLA_OK && path) status = efla_lock_take(&lock, path, true, why);
  plan.path = path;
  if (status == EFLA_OK) status = efla_text_run_open(&run, &plan, why);
  if (status == EFLA_OK) {
    efla_progress_add(progress, run.trainer.step);
    status = efla_text_run_finish(&run, count_step, progress, why);
    if (status == EFLA_OK) report(&run, &r, progress);
    if (status == EFLA_OK) status = write_rows(&run, r, table, why);
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

efla_status efla_text_study_run(const efla_text_study *s, efla_table *table, efla_message *why) {
  const efla_list *const lists[] = {&s->seeds,  &s->rates,      &s->mixers, &s->methods,
                                    &s->decays, &s->treatments, &s->maps,   NULL};
  const size_t n = efla_sweep_size(lists);
  efla_progress progress;
  efla_status status = EFLA_OK;
  size_t configs = 0;
  for (size_t i = 0; i < n; i++) {
    efla_text_plan plan;
    row r;
    configs += config_of(s, i, &plan, &r);
  }
  efla_progress_start(&progress, "steps", configs * s->plan.schedule.steps);
  for (size_t i = 0; i < n && status == EFLA_OK; i++) status = run_config(s, i, table, &progress, why);
  efla_progress_end(&progress);
  return status;
}
