/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/study.h"

#include "train/activations.h"
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

/* DIRECTORY/exact-raw-0.003-42ENDING, with as many digits of the rate as tell it from all others; to be freed, NULL
 * where there is no memory. */
static char *file_of(const char *directory, const efla_training_options *r, const char *ending) {
  char *path = NULL, rate[32];
  int digits = 6;
  do snprintf(rate, sizeof rate, "%.*g", digits, r->rule.lr);
  while (strtod(rate, NULL) != r->rule.lr && digits++ < DBL_DECIMAL_DIG);
  int length = asprintf(&path, "%s/%s-%s-%s-%zu%s", directory, r->model.method->name, r->model.keys->name, rate,
                        r->seed, ending);
  return length < 0 ? NULL : path;
}

static void watch(void *context, const efla_training_run *run, size_t images) {
  efla_study *s = context;
  const efla_training_options *r = &run->training.options;
  size_t steps = efla_training_steps(r), last = run->training.step - 1;
  snprintf(s->now, sizeof s->now, "%s %s %g seed %zu: epoch %zu step %zu/%zu loss %.3f, %.0f/s, images",
           r->model.method->name, r->model.keys->name, r->rule.lr, r->seed, last / steps + 1, last % steps + 1, steps,
           run->losses[last], (double)(s->progress.done + images) / (efla_seconds() - s->progress.started));
  efla_progress_add(&s->progress, images);
}

typedef struct score_row {
  const char *method, *keys;
  double lr;
  size_t seed, epoch;
  const char *perturbation;
  double level;
  size_t images;
  double accuracy, loss, train_seconds;
} score_row;
typedef struct loss_row {
  const char *method, *keys;
  double lr;
  size_t seed, epoch, step;
  double loss;
} loss_row;
typedef struct step_row {
  const char *method, *keys;
  double lr;
  size_t seed;
  const char *when, *quantity;
  double mean, q01, q05, q25, q50, q75, q95, q99, most;
} step_row;

/* What all tables begin with. */
#define CONFIG_COLUMNS(row)                                                                                            \
  EFLA_COLUMN(row, method, "", "method whose coefficient the model has"),                                              \
      EFLA_COLUMN(row, keys, "", "keys raw or scaled to norm one (unit)"), EFLA_COLUMN(row, lr, "", "learning rate"),  \
      EFLA_COLUMN(row, seed, "", "seed of the model")
#define CONFIG(r) (r)->model.method->name, (r)->model.keys->name, (r)->rule.lr, (r)->seed

const efla_column efla_study_scores[] = {
    CONFIG_COLUMNS(score_row),
    EFLA_COLUMN(score_row, epoch, "", "epochs trained"),
    EFLA_COLUMN(score_row, perturbation, "",
                "of the test images; clean, scale (pixels times level), noise (of standard deviation level added), "
                "dropout (pixels set to 0 with probability level); nothing is clamped"),
    EFLA_COLUMN(score_row, level, "", "level of the perturbation"),
    EFLA_COLUMN(score_row, images, "images", "test images examined"),
    EFLA_COLUMN(score_row, accuracy, "", "test accuracy; an image whose logits are not finite is not recognised"),
    EFLA_COLUMN(score_row, loss, "", "cross-entropy; mean over images"),
    EFLA_COLUMN(score_row, train_seconds, "s", "time of training; all epochs of the model"),
    EFLA_COLUMNS_END(score_row)};

const efla_column efla_study_losses[] = {CONFIG_COLUMNS(loss_row), EFLA_COLUMN(loss_row, epoch, "", "epoch; from 1"),
                                         EFLA_COLUMN(loss_row, step, "", "training step; of the epoch, from 1"),
                                         EFLA_COLUMN(loss_row, loss, "", "training loss; mean over the last batches"),
                                         EFLA_COLUMNS_END(loss_row)};

const efla_column efla_study_steps[] = {
    CONFIG_COLUMNS(step_row),
    EFLA_COLUMN(step_row, when, "", "before or after training"),
    EFLA_COLUMN(step_row, quantity, "", "beta, lambda = k^T k, or x = beta*lambda; of every token of test images"),
    EFLA_COLUMN(step_row, mean, "", "mean"),
    EFLA_COLUMN(step_row, q01, "", "1 % quantile"),
    EFLA_COLUMN(step_row, q05, "", "5 % quantile"),
    EFLA_COLUMN(step_row, q25, "", "25 % quantile"),
    EFLA_COLUMN(step_row, q50, "", "median"),
    EFLA_COLUMN(step_row, q75, "", "75 % quantile"),
    EFLA_COLUMN(step_row, q95, "", "95 % quantile"),
    EFLA_COLUMN(step_row, q99, "", "99 % quantile"),
    EFLA_COLUMN(step_row, most, "", "largest value"),
    EFLA_COLUMNS_END(step_row)};

static void write_scores(const efla_study *s, const efla_training_run *run) {
  const efla_training_options *r = &run->training.options;
  efla_evaluation evaluation;
  for (size_t e = 0, evaluations = efla_study_evaluations(&s->study); e < run->evaluated_count && s->scores; e++) {
    efla_study_evaluation(&s->study, e % evaluations, &evaluation);
    efla_table_put(s->scores,
                   &(score_row){CONFIG(r), e / evaluations + 1,
                                evaluation.perturbation ? evaluation.perturbation->name : "clean", evaluation.level,
                                evaluation.count, run->scores[e].accuracy, run->scores[e].loss, run->seconds});
  }
}

static void write_losses(const efla_study *s, const efla_training_run *run) {
  const efla_training_options *r = &run->training.options;
  double sum = 0;
  for (size_t i = 0, n = 0, steps = efla_training_steps(r); i < run->training.step && s->losses; i++) {
    size_t step = i % steps + 1; /* of its epoch, in which rows begin anew */
    sum += run->losses[i], n++;
    if (step % s->loss_every != 0 && step != steps) continue;
    efla_table_put(s->losses, &(loss_row){CONFIG(r), i / steps + 1, step, sum / (double)n});
    sum = 0, n = 0;
  }
}

static void write_steps(const efla_study *s, const efla_training_options *r, const char *when,
                        const efla_distribution *d) {
  for (size_t i = 0; i < EFLA_DISTRIBUTIONS && s->steps; i++, d++)
    efla_table_put(s->steps,
                   &(step_row){CONFIG(r), when, d->quantity, d->mean, d->quantile[0], d->quantile[1], d->quantile[2],
                               d->quantile[3], d->quantile[4], d->quantile[5], d->quantile[6], d->most});
}

/* Keys and steps of some test images under a model's parameters. */
static efla_status inspect(const efla_study *s, efla_training_f32 *model, const char *when, efla_message *why) {
  const efla_training_options *r = &model->options;
  efla_activations x;
  efla_distribution d[EFLA_DISTRIBUTIONS];
  char ending[32], *path = NULL;
  efla_status status = efla_activations_record(&x, model, s->study.test, s->recorded, why);
  if (status == EFLA_OK) status = efla_activations_summarise(&x, d, why);
  if (status == EFLA_OK) write_steps(s, r, when, d);
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

/* Before the first step, and after the last. */
static efla_status inspect_both(const efla_study *s, efla_training_run *run, efla_message *why) {
  efla_training_f32 start = {0};
  if (!s->steps && !s->tensors) return EFLA_OK;
  efla_status status = efla_training_init_f32(&start, &run->training.options, s->study.training, why);
  if (status != EFLA_OK) return status;
  status = inspect(s, &start, "before", why);
  efla_training_clear_f32(&start);
  return status == EFLA_OK ? inspect(s, &run->training, "after", why) : status;
}

static void report(const efla_study *s, const efla_training_run *run) {
  const efla_training_options *r = &run->training.options;
  const efla_score *clean = &run->scores[run->evaluated_count - efla_study_evaluations(&s->study)];
  efla_progress_say(&s->progress, "%s, %s keys, lr %g, seed %zu: accuracy %.4f, loss %.4f; trained for %.1f s\n",
                    r->model.method->name, r->model.keys->name, r->rule.lr, r->seed, clean->accuracy, clean->loss,
                    run->seconds);
}

/* Trains it to its end, known: as it was found or left before. */
static efla_status train(efla_study *s, efla_training_run *run, bool known, efla_message *why) {
  const efla_training_options *options = &run->training.options;
  double before = run->seconds;
  size_t step = run->training.step;
  if (!known) s->progress.total -= efla_study_images(&s->study, options) - efla_training_run_left(run);
  efla_status status = efla_training_run_finish(run, watch, s, why);
  s->seconds += run->seconds - before;
  s->images += (double)(run->training.step - step) * (double)options->count / (double)efla_training_steps(options);
  if (status == EFLA_OK && run->training.step > step) report(s, run);
  return status;
}

static efla_status write_rows(efla_study *s, efla_training_run *run, efla_message *why) {
  write_scores(s, run);
  write_losses(s, run);
  s->done++;
  return inspect_both(s, run, why);
}

/* A config at work. */
typedef struct config {
  efla_training_options options;
  efla_training_run run;
  char *path; /* of the checkpoint; NULL: none is kept */
  efla_lock lock;
  bool there; /* the training run is open, and the config ours as far as it must be */
} config;

static void clear_config(config *c) {
  efla_training_run_clear(&c->run);
  efla_lock_release(&c->lock);
  free(c->path);
}

/* Tells what becomes of a config that a rival has, and what not having locks means, once. */
static efla_status lock_config(efla_study *s, config *c, bool wait, efla_message *why) {
  efla_status status = efla_lock_take(&c->lock, c->path, false, why);
  if (status == EFLA_OK && !c->lock.path && wait) {
    efla_progress_say(&s->progress, "%s: waiting for %s, which is at work on it\n", c->path, c->lock.rival);
    status = efla_lock_take(&c->lock, c->path, true, why);
  }
  if (status != EFLA_OK || !c->lock.missing || s->unlocked) return status;
  s->unlocked = true;
  efla_progress_say(&s->progress,
                    "%s: the file system has no locks (%s): no other run must train in that directory meanwhile\n",
                    s->configs, strerror(c->lock.missing));
  return EFLA_OK;
}

/* What is only read needs no lock: checkpoints are there whole.  One that is not finished is read again when it is
 * locked, as the rival has brought it further. */
static efla_status open_config(efla_study *s, config *c, bool wait, efla_message *why) {
  if (s->configs && !(c->path = file_of(s->configs, &c->options, ".h5"))) return efla_fail_memory(why);
  if (s->finished && (!c->path || access(c->path, F_OK) != 0)) return EFLA_OK;
  efla_status status = efla_training_run_open(&c->run, &s->study, &c->options, c->path, why);
  if (status != EFLA_OK) return status;
  size_t left = efla_training_run_left(&c->run);
  c->there = !s->finished || left == 0;
  if (s->finished || !c->path || (left == 0 && !s->tensors)) return EFLA_OK;
  efla_training_run_clear(&c->run);
  status = lock_config(s, c, wait, why);
  c->there = status == EFLA_OK && c->lock.path;
  return c->there ? efla_training_run_open(&c->run, &s->study, &c->options, c->path, why) : status;
}

/* Brings a config to its end; its rows are written when it is its turn.  *taken: a rival is at work on it, and nothing
 * was done. */
static efla_status visit(efla_study *s, size_t number, bool turn, bool wait, bool *taken, efla_message *why) {
  config c = {.options = efla_study_config(s, number)};
  efla_status status = open_config(s, &c, wait, why);
  *taken = status == EFLA_OK && !c.there && !s->finished;
  if (status == EFLA_OK && c.there) status = train(s, &c.run, s->trained[number], why);
  if (status == EFLA_OK && c.there) s->trained[number] = true;
  if (status == EFLA_OK && c.there && turn) status = write_rows(s, &c.run, why);
  clear_config(&c);
  return status;
}

/* Trains what no rival is at work on, of the configs behind one that a rival has. */
static efla_status train_ahead(efla_study *s, size_t first, efla_message *why) {
  efla_status status = EFLA_OK;
  bool taken;
  for (size_t i = first, n = efla_study_configs(s); i < n && status == EFLA_OK; i += s->shards)
    if (!s->trained[i]) status = visit(s, i, false, false, &taken, why);
  return status;
}

/* In order. */
static efla_status visit_all(efla_study *s, efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t i = s->shard - 1, n = efla_study_configs(s); i < n && status == EFLA_OK; i += s->shards) {
    bool taken;
    status = visit(s, i, true, false, &taken, why);
    if (status != EFLA_OK || !taken) continue;
    status = train_ahead(s, i + s->shards, why);
    if (status == EFLA_OK) status = visit(s, i, true, true, &taken, why);
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
  status = visit_all(s, why);
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
