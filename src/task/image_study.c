/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/image_study.h"

#include "task/image_activations.h"
#include "task/image_rows.h"

#include <stdio.h>
#include <stdlib.h>

efla_image_options efla_image_study_config(const efla_image_study *s, size_t number) {
  efla_image_options options = s->options;
  options.model.method = &efla_methods[s->methods.row[number % s->methods.n]];
  number /= s->methods.n;
  options.model.keys = &efla_key_treatments[s->treatments.row[number % s->treatments.n]];
  number /= s->treatments.n;
  options.rule.lr = s->rates.value[number % s->rates.n];
  options.seed = s->seeds.count[number / s->rates.n];
  return options;
}

/* DIRECTORY/exact-raw-0.003-42ENDING. */
static char *file_of(const efla_image_options *o, const char *directory, const char *ending) {
  char *path = NULL, rate[EFLA_STUDY_DIGITS];
  efla_study_number(o->rule.lr, rate);
  int length = asprintf(&path, "%s/%s-%s-%s-%zu%s", directory, o->model.method->name, o->model.keys->name, rate,
                        o->seed, ending);
  return length < 0 ? NULL : path;
}

static size_t work(void *context, size_t number) {
  const efla_image_study *s = context;
  const efla_image_options options = efla_image_study_config(s, number);
  return efla_image_run_work(&s->plan, &options);
}

static char *path(void *context, size_t number, const char *directory, const char *ending) {
  const efla_image_options options = efla_image_study_config(context, number);
  return file_of(&options, directory, ending);
}

static efla_status open_config(void *context, size_t number, const char *path, size_t save, efla_training **run,
                               efla_message *why) {
  efla_image_study *s = context;
  const efla_image_options options = efla_image_study_config(s, number);
  const efla_status status = efla_image_run_open(&s->run, &s->plan, &options, path, save, why);
  if (status == EFLA_OK) *run = &s->run.training;
  return status;
}

static void close_config(void *context) { efla_image_run_clear(&((efla_image_study *)context)->run); }

static void name(void *context, char *text, size_t room) {
  const efla_image_options *o = &((efla_image_study *)context)->run.task.options;
  snprintf(text, room, "%s, %s keys, lr %g, seed %zu", o->model.method->name, o->model.keys->name, o->rule.lr, o->seed);
}

static void report(void *context, char *text, size_t room) {
  const efla_image_study *s = context;
  const efla_training *run = &s->run.training;
  const double *clean = run->results + 2 * (run->evaluated - efla_image_evaluations(&s->plan));
  if (run->trainer.diverged)
    snprintf(text, room, "diverged in step %zu", run->trainer.step);
  else
    snprintf(text, room, "accuracy %.4f, loss %.4f; trained for %.1f s", clean[0], clean[1], run->trainer.seconds);
}

/* ---- what a config writes ---- */

/* Writes the distributions of the model's activations, and the activations themselves as a tensor file. */
static efla_status write_activations(efla_image_study *s, const float *parameters, const char *when,
                                     efla_message *why) {
  efla_activations x;
  efla_distribution d[EFLA_ACTIVATIONS_DISTRIBUTIONS];
  char ending[32], *file = NULL;
  efla_status status = efla_activations_record(&x, &s->run.task, parameters, s->plan.test, s->recorded, why);
  if (status == EFLA_OK) status = efla_activations_summarise(&x, d, why);
  if (status == EFLA_OK) efla_image_write_steps(s, when, d);
  if (status == EFLA_OK && s->tensors) {
    snprintf(ending, sizeof ending, "-%s.h5", when);
    file = file_of(&s->run.task.options, s->tensors, ending);
    x.images = (x.images + 3) / 4;
    status = file ? efla_activations_save(&x, file, why) : efla_fail_memory(why);
  }
  free(file);
  efla_activations_clear(&x);
  return status;
}

/* Before the first training step, and after the last one. */
static efla_status write_all_activations(efla_image_study *s, efla_message *why) {
  const efla_image_options *o = &s->run.task.options;
  const size_t n = efla_model_numbers(&o->model);
  if (!s->steps && !s->tensors) return EFLA_OK;
  double *start = calloc(n, sizeof *start);
  float *rounded = aligned_alloc(EFLA_LINE_BYTES, n * sizeof *rounded);
  efla_status status = start && rounded ? efla_model_start(&o->model, o->seed, start, why) : efla_fail_memory(why);
  for (size_t i = 0; i < n && status == EFLA_OK && start && rounded; i++) rounded[i] = (float)start[i];
  if (status == EFLA_OK) status = write_activations(s, rounded, "before", why);
  if (status == EFLA_OK) status = write_activations(s, s->run.training.trainer.parameters, "after", why);
  free(start), free(rounded);
  return status;
}

static efla_status write_config(void *context, efla_message *why) {
  efla_image_study *s = context;
  efla_image_write_scores(s);
  efla_image_write_losses(s);
  return write_all_activations(s, why);
}

void efla_image_study_list(efla_image_study *s) {
  s->study.configs = (efla_configs){.count = s->methods.n * s->treatments.n * s->rates.n * s->seeds.n,
                                    .context = s,
                                    .work = work,
                                    .path = path,
                                    .open = open_config,
                                    .close = close_config,
                                    .name = name,
                                    .report = report,
                                    .write = write_config};
  s->study.files = s->tensors;
}
