/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/study_rows.h"

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

const efla_column efla_study_scores[] = {
    CONFIG_COLUMNS(score_row),
    EFLA_COLUMN(score_row, epoch, "", "epochs trained"),
    EFLA_COLUMN(score_row, perturbation, "",
                "of the test images; clean, scale (pixels times level), noise (of standard deviation level added), "
                "dropout (pixels set to 0 with probability level); nothing is clamped"),
    EFLA_COLUMN(score_row, level, "", "level of the perturbation"),
    EFLA_COLUMN(score_row, images, "images", "test images evaluated"),
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

void efla_study_write_scores(const efla_study *s, const efla_training_run *run) {
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

void efla_study_write_losses(const efla_study *s, const efla_training_run *run) {
  const efla_training_options *r = &run->training.options;
  double sum = 0;
  for (size_t i = 0, n = 0, steps = efla_training_steps(r); i < run->training.step && s->losses; i++) {
    size_t step = i % steps + 1; /* in its epoch; means do not extend over epochs */
    sum += run->losses[i], n++;
    if (step % s->loss_every != 0 && step != steps) continue;
    efla_table_put(s->losses, &(loss_row){CONFIG(r), i / steps + 1, step, sum / (double)n});
    sum = 0, n = 0;
  }
}

void efla_study_write_steps(const efla_study *s, const efla_training_options *r, const char *when,
                            const efla_distribution *d) {
  for (size_t i = 0; i < EFLA_DISTRIBUTIONS && s->steps; i++, d++)
    efla_table_put(s->steps,
                   &(step_row){CONFIG(r), when, d->quantity, d->mean, d->quantile[0], d->quantile[1], d->quantile[2],
                               d->quantile[3], d->quantile[4], d->quantile[5], d->quantile[6], d->most});
}
