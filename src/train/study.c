/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/study.h"

#include "io/lock.h"

#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void efla_study_number(double x, char text[EFLA_STUDY_DIGITS]) {
  int digits = 6;
  do snprintf(text, EFLA_STUDY_DIGITS, "%.*g", digits, x);
  while (strtod(text, NULL) != x && digits++ < DBL_DECIMAL_DIG);
}

const char *efla_parallel_name(size_t row) {
  static const char *const names[] = {[EFLA_PARALLEL_DATA] = "data", [EFLA_PARALLEL_CONFIGS] = "configs"};
  return row < sizeof names / sizeof *names ? names[row] : NULL;
}

/* The ranks that work on one config together; NULL: none do. */
static const efla_communicator *together(const efla_study *s) {
  return s->parallel == EFLA_PARALLEL_DATA ? s->ranks : NULL;
}

const efla_communicator *efla_study_join(efla_study *s, const efla_communicator *ranks) {
  s->ranks = ranks->size > 1 ? ranks : NULL;
  return together(s);
}

efla_status efla_study_check(efla_study *s, efla_message *why) {
  const char *text = s->share;
  int end = 0;
  bool plain = !text[strspn(text, "0123456789/")]; /* no sign, no blank */
  if (sscanf(text, "%9zu/%9zu%n", &s->shard, &s->shards, &end) != 2 || !plain || text[end] || s->shard < 1 ||
      s->shard > s->shards)
    return efla_fail(why, EFLA_USAGE, "--shard: '%s', expected I/N with 1 <= I <= N", text);
  if ((s->shards > 1 || s->finished) && !s->directory)
    return efla_fail(why, EFLA_USAGE, "%s: expected --configs with it, where configs are kept",
                     s->finished ? "--finished" : "--shard");
  if (s->parallel == EFLA_PARALLEL_CONFIGS && !s->directory)
    return efla_fail(why, EFLA_USAGE, "--parallel configs: expected --configs with it, where configs are kept");
  if (s->shard > s->configs.count)
    return efla_fail(why, EFLA_USAGE, "--shard: '%s' has no config, expected I of at most %zu, the number of configs",
                     text, s->configs.count);
  return EFLA_OK;
}

/* A config while it is trained or read. */
typedef struct config {
  size_t number;
  efla_training *run; /* NULL: not open */
  char *path;         /* of the checkpoint; NULL: none is kept */
  efla_lock lock;
  bool ready; /* the run can be used: it is read, and locked where this process trains it */
} config;

static efla_status open_run(efla_study *s, config *c, efla_message *why) {
  return s->configs.open(s->configs.context, c->number, c->path, s->save, &c->run, why);
}

static void close_run(efla_study *s, config *c) {
  if (c->run) s->configs.close(s->configs.context);
  c->run = NULL;
}

static void clear_config(efla_study *s, config *c) {
  close_run(s, c);
  efla_lock_release(&c->lock);
  free(c->path);
}

static void report_progress(void *context, const efla_training *run, size_t sequences) {
  efla_study *s = context;
  const efla_trainer *t = &run->trainer;
  char name[200];
  s->configs.name(s->configs.context, name, sizeof name);
  snprintf(s->now, sizeof s->now, "%s: step %zu/%zu loss %.3f, %.0f/s, sequences", name, t->step, t->schedule.steps,
           t->step ? t->losses[t->step - 1] : 0.,
           (double)(s->progress.done + sequences) / (efla_seconds() - s->progress.started));
  efla_progress_add(&s->progress, sequences);
}

static void report(efla_study *s) {
  char name[200], text[300];
  s->configs.name(s->configs.context, name, sizeof name);
  s->configs.report(s->configs.context, text, sizeof text);
  efla_progress_say(&s->progress, "%s: %s\n", name, text);
}

/* Completes a training. What its checkpoint had is taken off the total of the progress line, once. */
static efla_status train(efla_study *s, config *c, efla_message *why) {
  efla_training *run = c->run;
  const double before = run->trainer.seconds;
  const size_t step = run->trainer.step;
  if (!s->trained[c->number])
    s->progress.total -= s->configs.work(s->configs.context, c->number) - efla_training_left(run);
  const efla_status status = efla_training_finish(run, report_progress, s, why);
  s->seconds += run->trainer.seconds - before;
  s->steps += run->trainer.step - step;
  if (status == EFLA_OK && run->trainer.step > step && efla_ranks_lead(together(s))) report(s);
  return status;
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
                    s->directory, strerror(c->lock.missing));
  return EFLA_OK;
}

/* Whether a config can be written although it was not trained here: its checkpoint is there. */
static efla_status find_checkpoint(const efla_study *s, const config *c, bool *there, efla_message *why) {
  *there = efla_ranks_lead(together(s)) && c->path && access(c->path, F_OK) == 0;
  return efla_ranks_tell(together(s), there, sizeof *there, why);
}

/* Locks a config for all that work on it; ready: it is locked. */
static efla_status lock_together(efla_study *s, config *c, bool wait, efla_message *why) {
  efla_status status = EFLA_OK;
  if (efla_ranks_lead(together(s))) {
    status = lock_config(s, c, wait, why);
    c->ready = status == EFLA_OK && c->lock.path;
  }
  status = efla_ranks_agree(together(s), status, why);
  return status == EFLA_OK ? efla_ranks_tell(together(s), &c->ready, sizeof c->ready, why) : status;
}

/* Opens the run of a config, which is locked unless it is only read: a checkpoint is always complete.  One that is not
 * finished is read again once it is locked, since another process may have trained it further. */
static efla_status open_config(efla_study *s, config *c, bool wait, efla_message *why) {
  bool there = true;
  efla_status status = EFLA_OK;
  if (s->directory && !(c->path = s->configs.path(s->configs.context, c->number, s->directory, ".h5")))
    status = efla_fail_memory(why);
  status = efla_ranks_agree(together(s), status, why);
  if (status == EFLA_OK && s->finished) status = find_checkpoint(s, c, &there, why);
  if (status == EFLA_OK && there) status = open_run(s, c, why);
  if (status != EFLA_OK || !there) return status;
  const bool unfinished = efla_training_unfinished(c->run);
  c->ready = !s->finished || !unfinished;
  if (s->finished || !c->path || (!unfinished && !s->files)) return EFLA_OK;
  close_run(s, c);
  status = lock_together(s, c, wait, why);
  return c->ready && status == EFLA_OK ? open_run(s, c, why) : status;
}

/* Has a config written by the first of the ranks that trained it. */
static efla_status write_config(efla_study *s, efla_message *why) {
  const efla_status status = efla_ranks_lead(together(s)) ? s->configs.write(s->configs.context, why) : EFLA_OK;
  s->done++;
  return efla_ranks_agree(together(s), status, why);
}

/* Trains a config and, with `write`, writes it.  *taken: another process is training it, and nothing was done. */
static efla_status process_config(efla_study *s, size_t number, bool write, bool wait, bool *taken, efla_message *why) {
  config c = {.number = number};
  efla_status status = open_config(s, &c, wait, why);
  *taken = status == EFLA_OK && !c.ready && !s->finished;
  if (status == EFLA_OK && c.ready) status = train(s, &c, why);
  if (status == EFLA_OK && c.ready) s->trained[number] = true;
  if (status == EFLA_OK && c.ready && write) status = write_config(s, why);
  clear_config(s, &c);
  return status;
}

/* Trains the configs from `first` on that no other process is training. */
static efla_status train_ahead(efla_study *s, size_t first, efla_message *why) {
  efla_status status = EFLA_OK;
  bool taken;
  for (size_t i = first; i < s->configs.count && status == EFLA_OK; i += s->shards)
    if (!s->trained[i]) status = process_config(s, i, false, false, &taken, why);
  return status;
}

/* Whether this process trains configs that another rank writes. */
static bool only_trains(const efla_study *s) {
  return s->parallel == EFLA_PARALLEL_CONFIGS && !efla_ranks_lead(s->ranks);
}

/* Configs are written in their order: where another process has the next one, those after it are trained first. */
static efla_status process_configs(efla_study *s, efla_message *why) {
  efla_status status = EFLA_OK;
  if (only_trains(s)) return s->finished ? EFLA_OK : train_ahead(s, s->shard - 1, why);
  for (size_t i = s->shard - 1; i < s->configs.count && status == EFLA_OK; i += s->shards) {
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

/* The directories that are read or written; with data shared, by the first rank only. */
static efla_status open_directories(const efla_study *s, efla_message *why) {
  efla_status status = EFLA_OK;
  if (efla_ranks_lead(together(s))) {
    status = s->finished ? find_directory(s->directory, why) : make_directory(s->directory, why);
    if (status == EFLA_OK) status = make_directory(s->files, why);
  }
  return efla_ranks_agree(together(s), status, why);
}

/* Of what was found finished, where that was all that was asked for. */
static efla_status count_finished(const efla_study *s, efla_message *why) {
  const size_t mine = (s->configs.count + s->shards - s->shard) / s->shards;
  if (!s->finished || only_trains(s)) return EFLA_OK;
  if (s->done == 0)
    return efla_fail(why, EFLA_INPUT, "%s: holds none of %zu configs finished, expected one at least", s->directory,
                     mine);
  if (efla_ranks_lead(s->ranks))
    efla_progress_say(&s->progress, "%zu of %zu configs are finished in %s\n", s->done, mine, s->directory);
  return EFLA_OK;
}

efla_status efla_study_run(efla_study *s, efla_message *why) {
  const efla_configs *configs = &s->configs;
  size_t work = 0;
  efla_status status = open_directories(s, why);
  if (status != EFLA_OK) return status;
  if (!(s->trained = calloc(configs->count, sizeof *s->trained))) return efla_fail_memory(why);
  for (size_t i = s->shard - 1; i < configs->count; i += s->shards) work += configs->work(configs->context, i);
  efla_progress_start(&s->progress, s->now, work);
  s->progress.visible &= efla_ranks_lead(s->ranks);
  s->done = s->steps = 0, s->seconds = 0;
  status = process_configs(s, why);
  efla_progress_end(&s->progress);
  free(s->trained);
  s->trained = NULL;
  return status == EFLA_OK ? count_finished(s, why) : status;
}
