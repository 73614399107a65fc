/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/study.h"

#include "train/activations.h"
#include "train/study_rows.h"
#include "io/lock.h"

#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

size_t efla_study_configs(const efla_study *s) { return s->methods.n * s->treatments.n * s->rates.n * s->seeds.n; }

efla_training_options efla_study_config(const efla_study *s, size_t number) {
  efla_training_options options = s->options;
  options.model.method = &efla_methods[s->methods.row[number % s->methods.n]];
  number /= s->methods.n;
  options.model.keys = &efla_key_treatments[s->treatments.row[number % s->treatments.n]];
  number /= s->treatments.n;
  options.rule.lr = s->rates.value[number % s->rates.n];
  options.seed = s->seeds.count[number / s->rates.n];
  return options;
}

/* DIRECTORY/exact-raw-0.003-42ENDING, with as many digits of the learning rate as read back to the same double; to be
 * freed, NULL where memory ends. */
static char *file_of(const char *directory, const efla_training_options *r, const char *ending) {
  char *path = NULL, rate[32];
  int digits = 6;
  do snprintf(rate, sizeof rate, "%.*g", digits, r->rule.lr);
  while (strtod(rate, NULL) != r->rule.lr && digits++ < DBL_DECIMAL_DIG);
  int length = asprintf(&path, "%s/%s-%s-%s-%zu%s", directory, r->model.method->name, r->model.keys->name, rate,
                        r->seed, ending);
  return length < 0 ? NULL : path;
}

static void report_progress(void *context, const efla_training_run *run, size_t images) {
  efla_study *s = context;
  const efla_training_options *r = &run->training.options;
  size_t steps = efla_training_steps(r), last = run->training.step - 1;
  snprintf(s->now, sizeof s->now, "%s %s %g seed %zu: epoch %zu step %zu/%zu loss %.3f, %.0f/s, images",
           r->model.method->name, r->model.keys->name, r->rule.lr, r->seed, last / steps + 1, last % steps + 1, steps,
           run->losses[last], (double)(s->progress.done + images) / (efla_seconds() - s->progress.started));
  efla_progress_add(&s->progress, images);
}

/* Writes the distributions of the model's activations, and the activations themselves as a tensor file. */
static efla_status write_activations(const efla_study *s, efla_training_f32 *model, const char *when,
                                     efla_message *why) {
  const efla_training_options *r = &model->options;
  efla_activations x;
  efla_distribution d[EFLA_DISTRIBUTIONS];
  char ending[32], *path = NULL;
  efla_status status = efla_activations_record(&x, model, s->study.test, s->recorded, why);
  if (status == EFLA_OK) status = efla_activations_summarise(&x, d, why);
  if (status == EFLA_OK) efla_study_write_steps(s, r, when, d);
  if (status == EFLA_OK && s->tensors) {
    snprintf(ending, sizeof ending, "-%s.h5", when);
    path = file_of(s->tensors, r, ending);
    x.images = (x.images + 3) / 4;
    status = path ? efla_activations_save(&x, path, why) : efla_fail_memory(why);
  }
  free(path);
  efla_activations_clear(&x);
  return status;
}

/* Before the first training step, and after the last one. */
static efla_status write_all_activations(const efla_study *s, efla_training_run *run, efla_message *why) {
  efla_training_f32 start = {0};
  if (!s->steps && !s->tensors) return EFLA_OK;
  efla_status status = efla_training_init_f32(&start, &run->training.options, s->study.training, why);
  if (status != EFLA_OK) return status;
  status = write_activations(s, &start, "before", why);
  efla_training_clear_f32(&start);
  return status == EFLA_OK ? write_activations(s, &run->training, "after", why) : status;
}

static void report(const efla_study *s, const efla_training_run *run) {
  const efla_training_options *r = &run->training.options;
  const efla_score *clean = &run->scores[run->evaluated_count - efla_study_evaluations(&s->study)];
  efla_progress_say(&s->progress, "%s, %s keys, lr %g, seed %zu: accuracy %.4f, loss %.4f; trained for %.1f s\n",
                    r->model.method->name, r->model.keys->name, r->rule.lr, r->seed, clean->accuracy, clean->loss,
                    run->seconds);
}

/* Completes a training run.  counted: what its checkpoint had was already taken off the total of the progress line. */
static efla_status train(efla_study *s, efla_training_run *run, bool counted, efla_message *why) {
  const efla_training_options *options = &run->training.options;
  double before = run->seconds;
  size_t step = run->training.step;
  if (!counted) s->progress.total -= efla_study_images(&s->study, options) - efla_training_run_left(run);
  efla_status status = efla_training_run_finish(run, report_progress, s, why);
  s->seconds += run->seconds - before;
  s->images += (double)(run->training.step - step) * (double)options->count / (double)efla_training_steps(options);
  if (status == EFLA_OK && run->training.step > step) report(s, run);
  return status;
}

static efla_status write_rows(efla_study *s, efla_training_run *run, efla_message *why) {
  efla_study_write_scores(s, run);
  efla_study_write_losses(s, run);
  s->done++;
  return write_all_activations(s, run, why);
}

/* A config while it is trained or read. */
typedef struct config {
  efla_training_options options;
  efla_training_run run;
  char *path; /* of the checkpoint; NULL: none is kept */
  efla_lock lock;
  bool open; /* the run can be used: it is read, and locked where this process trains it */
} config;

static void clear_config(config *c) {
  efla_training_run_clear(&c->run);
  efla_lock_release(&c->lock);
  free(c->path);
}

/* Locks a config; c->lock.path stays NULL where another process has it and `wait` is false.  Says when it waits, and
 * once, where the file system has no locks, what that means. */
static efla_status lock_config(efla_study *s, config *c, bool wait, efla_message *why) {
  efla_status status = efla_lock_take(&c->lock, c->path, false, why);
  if (status == EFLA_OK && !c->lock.path && wait) {
    efla_progress_say(&s->progress, "%s: waiting for %s, which is at work on it\n", c->path, c->lock.holder);
    status = efla_lock_take(&c->lock, c->path, true, why);
  }
  if (status != EFLA_OK || !c->lock.missing || s->unlocked) return status;
  s->unlocked = true;
  efla_progress_say(&s->progress,
                    "%s: the file system has no locks (%s): no other run must train in that directory meanwhile\n",
                    s->configs, strerror(c->lock.missing));
  return EFLA_OK;
}

/* Opens the run of a config, which is locked unless it is only read: a checkpoint is always complete.  One that is not
 * finished is read again once it is locked, since another process may have trained it further. */
static efla_status open_config(efla_study *s, config *c, bool wait, efla_message *why) {
  if (s->configs && !(c->path = file_of(s->configs, &c->options, ".h5"))) return efla_fail_memory(why);
  if (s->finished && (!c->path || access(c->path, F_OK) != 0)) return EFLA_OK;
  efla_status status = efla_training_run_open(&c->run, &s->study, &c->options, c->path, why);
  if (status != EFLA_OK) return status;
  size_t left = efla_training_run_left(&c->run);
  c->open = !s->finished || left == 0;
  if (s->finished || !c->path || (left == 0 && !s->tensors)) return EFLA_OK;
  efla_training_run_clear(&c->run);
  status = lock_config(s, c, wait, why);
  c->open = status == EFLA_OK && c->lock.path;
  return c->open ? efla_training_run_open(&c->run, &s->study, &c->options, c->path, why) : status;
}

/* Trains a config and, with `write`, writes its rows.  *taken: another process is training it, and nothing was done. */
static efla_status process_config(efla_study *s, size_t number, bool write, bool wait, bool *taken, efla_message *why) {
  config c = {.options = efla_study_config(s, number)};
  efla_status status = open_config(s, &c, wait, why);
  *taken = status == EFLA_OK && !c.open && !s->finished;
  if (status == EFLA_OK && c.open) status = train(s, &c.run, s->trained[number], why);
  if (status == EFLA_OK && c.open) s->trained[number] = true;
  if (status == EFLA_OK && c.open && write) status = write_rows(s, &c.run, why);
  clear_config(&c);
  return status;
}

/* Trains the configs from `first` on that no other process is training. */
static efla_status train_ahead(efla_study *s, size_t first, efla_message *why) {
  efla_status status = EFLA_OK;
  bool taken;
  for (size_t i = first, n = efla_study_configs(s); i < n && status == EFLA_OK; i += s->shards)
    if (!s->trained[i]) status = process_config(s, i, false, false, &taken, why);
  return status;
}

/* Rows are written in the order of configs: where another process has the next one, those after it are trained
 * first. */
static efla_status process_configs(efla_study *s, efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t i = s->shard - 1, n = efla_study_configs(s); i < n && status == EFLA_OK; i += s->shards) {
    bool taken;
    status = process_config(s, i, true, false, &taken, why);
    if (status != EFLA_OK || !taken) continue;
    status = train_ahead(s, i + s->shards, why);
    if (status == EFLA_OK) status = process_config(s, i, true, true, &taken, why);
  }
  return status;
}

static efla_status find_directory(const char *path, efla_message *why) {
  struct stat found;
  if (stat(path, &found) != 0)
    return efla_fail(why, EFLA_INPUT, "%s: cannot read the directory: %s", path, strerror(errno));
  return S_ISDIR(found.st_mode) ? EFLA_OK : efla_fail(why, EFLA_INPUT, "%s: is a file, expected a directory", path);
}

static efla_status make_directory(const char *path, efla_message *why) {
  if (!path || mkdir(path, 0777) == 0) return EFLA_OK;
  if (errno == EEXIST) return find_directory(path, why);
  return efla_fail(why, EFLA_OUTPUT, "%s: cannot make the directory: %s", path, strerror(errno));
}

efla_status efla_study_run(efla_study *s, efla_message *why) {
  size_t n = efla_study_configs(s), mine = (n + s->shards - s->shard) / s->shards;
  efla_status status = s->finished ? find_directory(s->configs, why) : make_directory(s->configs, why);
  if (status == EFLA_OK) status = make_directory(s->tensors, why);
  if (status != EFLA_OK) return status;
  if (!(s->trained = calloc(n, sizeof *s->trained))) return efla_fail_memory(why);
  efla_progress_start(&s->progress, s->now, mine * efla_study_images(&s->study, &s->options));
  status = process_configs(s, why);
  efla_progress_end(&s->progress);
  free(s->trained);
  s->trained = NULL;
  if (status == EFLA_OK && s->finished) {
    if (s->done == 0)
      return efla_fail(why, EFLA_INPUT, "%s: holds none of %zu configs finished, expected one at least", s->configs,
                       mine);
    efla_progress_say(&s->progress, "%zu of %zu configs are finished in %s\n", s->done, mine, s->configs);
  }
  return status;
}
