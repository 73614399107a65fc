/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/image_rows.h"

#include <math.h>

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

/* The first columns of all tables. */
#define CONFIG_COLUMNS(row)                                                                                            \
  EFLA_COLUMN(row, method, "", "method whose coefficient the model has"),                                              \
      EFLA_COLUMN(row, keys, "", "keys raw or scaled to norm one (unit)"), EFLA_COLUMN(row, lr, "", "learning rate"),  \
      EFLA_COLUMN(row, seed, "", "seed of the model")
#define CONFIG(r) (r)->model.method->name, (r)->model.keys->name, (r)->rule.lr, (r)->seed

const efla_column efla_image_scores[] = {
    CONFIG_COLUMNS(score_row),
    EFLA_COLUMN(score_row, epoch, "", "epochs trained"),
    EFLA_COLUMN(score_row, perturbation, "",
                "of the test images; clean, scale (pixels times level), noise (of standard deviation level added), "
                "dropout (pixels set to 0 with probability level); nothing is clamped"),
    EFLA_COLUMN(score_row, level, "", "level of the perturbation"),
    EFLA_COLUMN(score_row, images, "images", "test images evaluated"),
    EFLA_COLUMN(score_row, accuracy, "",
                "test accuracy; an image whose logits are not finite is not recognised, and none after a divergence"),
    EFLA_COLUMN(score_row, loss, "", "cross-entropy; mean over images; nan: diverged"),
    EFLA_COLUMN(score_row, train_seconds, "s", "time of training; all epochs of the model"),
    EFLA_COLUMNS_END(score_row)};

const efla_column efla_image_losses[] = {
    CONFIG_COLUMNS(loss_row), EFLA_COLUMN(loss_row, epoch, "", "epoch; from 1"),
    EFLA_COLUMN(loss_row, step, "", "training step; of the epoch, from 1"),
    EFLA_COLUMN(loss_row, loss, "", "training loss; mean over the last batches; nan after a divergence"),
    EFLA_COLUMNS_END(loss_row)};

const efla_column efla_image_steps_columns[] = {
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

/* Of a training that diverged no image is recognised. */
static double accuracy_of(const efla_training *run, size_t e) {
  return isnan(run->results[2 * e]) ? 0 : run->results[2 * e];
}

void efla_image_write_scores(const efla_image_study *s) {
  const efla_image_options *o = &s->run.task.options;
  const efla_training *run = &s->run.training;
  efla_image_evaluation evaluation;
  for (size_t e = 0, evaluations = efla_image_evaluations(&s->plan); e < run->evaluated && s->scores; e++) {
    efla_image_evaluation_at(&s->plan, e % evaluations, &evaluation);
    efla_table_put(s->scores,
                   &(score_row){CONFIG(o), e / evaluations + 1,
                                evaluation.perturbation ? evaluation.perturbation->name : "clean", evaluation.level,
                                evaluation.count, accuracy_of(run, e), run->results[2 * e + 1], run->trainer.seconds});
  }
}

void efla_image_write_losses(const efla_image_study *s) {
  const efla_image_options *o = &s->run.task.options;
  const efla_trainer *t = &s->run.training.trainer;
  double sum = 0;
  for (size_t i = 0, n = 0, steps = efla_image_steps(o); i < t->schedule.steps && s->losses; i++) {
    size_t step = i % steps + 1; /* in its epoch; means do not extend over epochs */
    sum += i < t->step ? t->losses[i] : NAN, n++;
    if (step % s->loss_every != 0 && step != steps) continue;
    efla_table_put(s->losses, &(loss_row){CONFIG(o), i / steps + 1, step, sum / (double)n});
    sum = 0, n = 0;
  }
}

void efla_image_write_steps(const efla_image_study *s, const char *when, const efla_distribution *d) {
  const efla_image_options *o = &s->run.task.options;
  for (size_t i = 0; i < EFLA_ACTIVATIONS_DISTRIBUTIONS && s->steps; i++, d++)
    efla_table_put(s->steps,
                   &(step_row){CONFIG(o), when, d->quantity, d->mean, d->quantile[0], d->quantile[1], d->quantile[2],
                               d->quantile[3], d->quantile[4], d->quantile[5], d->quantile[6], d->most});
}
