/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows of a study agree with trainings executed one by one. */
#include "files.h"
#include "studies.h"
#include "testing.h"

/* A table says nan of what printf may call -nan. */
static double plain(double x) { return isnan(x) ? (double)NAN : x; }

/* clean, then scale, noise and dropout, each from its first level on, after every epoch. */
static void check_scores(char **text, const efla_image_run *c) {
  char line[512];
  size_t n = studies_config_text(line, sizeof line, &c->task.options);
  for (size_t e = 0; e < 2; e++)
    for (size_t x = 0; x < STUDIES_EVALUATIONS; x++) {
      size_t p = x <= 10 ? 0 : x <= 21 ? 1 : 2, first[] = {1, 11, 22};
      const efla_image_perturbation *perturbation = &efla_image_perturbations[p];
      const double *score = c->training.results + 2 * (e * STUDIES_EVALUATIONS + x);
      snprintf(line + n, sizeof line - n, "%zu,%s,%.17g,%d,%.17g,%.17g,", e + 1, x == 0 ? "clean" : perturbation->name,
               x == 0 ? 0 : efla_image_level(perturbation, x - first[p]), STUDIES_TEST_IMAGES, score[0],
               plain(score[1]));
      studies_expect_line(text, line, true);
    }
}

/* Of three steps, and of what is left of an epoch: steps 3 and 4 of 4. */
static void check_losses(char **text, const efla_image_run *c) {
  char line[512];
  size_t n = studies_config_text(line, sizeof line, &c->task.options);
  for (size_t e = 0; e < 2; e++) {
    const double *loss = c->training.trainer.losses + e * STUDIES_STEPS;
    snprintf(line + n, sizeof line - n, "%zu,3,%.17g", e + 1, (loss[0] + loss[1] + loss[2]) / 3);
    studies_expect_line(text, line, false);
    snprintf(line + n, sizeof line - n, "%zu,4,%.17g", e + 1, loss[3]);
    studies_expect_line(text, line, false);
  }
}

static efla_activations record(efla_image_run *c, efla_distribution d[EFLA_ACTIVATIONS_DISTRIBUTIONS]) {
  efla_activations x;
  ck_assert_int_eq(
      efla_activations_record(&x, &c->task, c->training.trainer.parameters, &studies_test, STUDIES_RECORDED, NULL),
      EFLA_OK);
  ck_assert_int_eq(efla_activations_summarise(&x, d, NULL), EFLA_OK);
  return x;
}

static void check_steps(char **text, const efla_image_options *r, const char *when, const efla_distribution *d) {
  char line[1024];
  for (size_t i = 0; i < EFLA_ACTIVATIONS_DISTRIBUTIONS; i++, d++) {
    size_t n = studies_config_text(line, sizeof line, r);
    n += (size_t)snprintf(line + n, sizeof line - n, "%s,%s,%.17g", when, d->quantity, plain(d->mean));
    for (size_t q = 0; q < EFLA_DISTRIBUTION_QUANTILES; q++)
      n += (size_t)snprintf(line + n, sizeof line - n, ",%.17g", plain(d->quantile[q]));
    snprintf(line + n, sizeof line - n, ",%.17g", plain(d->most));
    studies_expect_line(text, line, false);
  }
}

/* A quarter of the recorded images, rounded up. */
static void check_tensors(const char *directory, const efla_image_options *r, const char *when,
                          const efla_activations *x) {
  static double k[EFLA_IMAGE_PIXELS * 16];
  efla_tensors file;
  efla_message why;
  char path[600];
  snprintf(path, sizeof path, "%s/%s-%s-%g-%zu-%s.h5", directory, r->model.method->name, r->model.keys->name,
           r->rule.lr, r->seed, when);
  ck_assert_msg(efla_tensors_open(&file, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert_uint_eq(file.batch, (STUDIES_RECORDED + 3) / 4);
  const efla_tensor_block block = {.batch = 1, .heads = 1, .tokens = EFLA_IMAGE_PIXELS};
  ck_assert_msg(efla_tensors_read(&file, EFLA_K, &block, efla_array_head_major(k, EFLA_F64, EFLA_IMAGE_PIXELS, 1, 16),
                                  &why) == EFLA_OK,
                "%s", why.text);
  for (size_t i = 0; i < EFLA_IMAGE_PIXELS * 16; i++) ck_assert(k[i] == (double)x->k[EFLA_IMAGE_PIXELS * 16 + i]);
  ck_assert_int_eq(efla_tensors_close(&file, &why), EFLA_OK);
}

/* All tables of a study are those of its configs, each trained by itself. */
START_TEST(rows) {
  studies_begin();
  efla_image_study s;
  studies_small(&s, 2);
  efla_message why;
  studies_page scores, losses, steps;
  studies_open(&scores, efla_image_scores), studies_open(&losses, efla_image_losses),
      studies_open(&steps, efla_image_steps_columns);
  s.scores = &scores.table, s.losses = &losses.table, s.steps = &steps.table;
  s.tensors = files_directory("study-tensors");
  efla_image_study_list(&s);
  ck_assert_msg(efla_study_run(&s.study, &why) == EFLA_OK, "%s", why.text);
  studies_close(&scores), studies_close(&losses), studies_close(&steps);
  char *score = scores.text, *loss = losses.text, *step = steps.text;
  for (size_t i = 0; i < 8; i++) {
    const efla_image_options options = efla_image_study_config(&s, i);
    efla_image_run c;
    efla_distribution d[EFLA_ACTIVATIONS_DISTRIBUTIONS];
    ck_assert_int_eq(efla_image_run_open(&c, &s.plan, &options, NULL, 1, &why), EFLA_OK);
    efla_activations before = record(&c, d);
    check_steps(&step, &options, "before", d);
    ck_assert_int_eq(efla_training_finish(&c.training, NULL, NULL, &why), EFLA_OK);
    efla_activations after = record(&c, d);
    check_steps(&step, &options, "after", d);
    check_scores(&score, &c);
    check_losses(&loss, &c);
    check_tensors(s.tensors, &options, "before", &before);
    check_tensors(s.tensors, &options, "after", &after);
    efla_activations_clear(&before), efla_activations_clear(&after);
    efla_image_run_clear(&c);
  }
  ck_assert(!*score && !*loss && !*step); /* and nothing more */
  ck_assert_uint_eq(s.study.steps, 8 * 2 * STUDIES_STEPS);
  ck_assert_double_gt(s.study.seconds, 0);
  free(scores.text), free(losses.text), free(steps.text);
  studies_finish();
}
END_TEST

/* From its divergence on a training has losses of nan, and no image is recognised. */
START_TEST(divergence) {
  studies_begin();
  efla_image_study s;
  studies_small(&s, 1);
  s.rates.value[0] = 1e30, s.methods.n = s.treatments.n = s.seeds.n = 1;
  efla_image_study_list(&s);
  efla_message why;
  studies_page scores, losses;
  studies_open(&scores, efla_image_scores), studies_open(&losses, efla_image_losses);
  s.scores = &scores.table, s.losses = &losses.table;
  ck_assert_msg(efla_study_run(&s.study, &why) == EFLA_OK, "%s", why.text);
  studies_close(&scores), studies_close(&losses);
  size_t n = 0;
  for (const char *line = scores.text; *line; line = strchr(line, '\n') + 1, n++)
    ck_assert_msg(strstr(line, ",6,0,nan,"), "%s", line); /* images, accuracy, loss */
  ck_assert_uint_eq(n, STUDIES_EVALUATIONS);
  ck_assert_msg(strstr(losses.text, ",1,3,nan\n") && strstr(losses.text, ",1,4,nan\n"), "%s", losses.text);
  free(scores.text), free(losses.text);
  studies_finish();
}
END_TEST

int main(void) {
  const TTest *const tests[] = {rows, divergence};
  return testing_main("study rows", tests, sizeof tests / sizeof *tests, 120);
}
