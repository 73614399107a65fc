/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "image_training.h"

#include "testing.h"

void image_training_open(image_training *t, const efla_image_options *options, const efla_images *images) {
  const efla_schedule schedule = {.steps = 1000, .rate = options->rule.lr, .least = 1};
  efla_message why;
  double *start = calloc(efla_model_numbers(&options->model), sizeof *start);
  ck_assert_ptr_nonnull(start);
  ck_assert_int_eq(efla_model_start(&options->model, options->seed, start, &why), EFLA_OK);
  ck_assert_int_eq(efla_image_task_init(&t->task, options, images, &why), EFLA_OK);
  const efla_learner learner = efla_image_task_learner(&t->task);
  ck_assert_int_eq(
      efla_trainer_init(&t->trainer, &learner, &schedule, &options->rule, options->threads, NULL, start, &why),
      EFLA_OK);
  free(start);
}

void image_training_close(image_training *t) {
  efla_trainer_clear(&t->trainer);
  efla_image_task_clear(&t->task);
}

double image_training_step(image_training *t) {
  efla_message why;
  ck_assert_int_eq(efla_trainer_step(&t->trainer, &why), EFLA_OK);
  return t->trainer.losses[t->trainer.step - 1];
}
