/* SPDX-License-Identifier: GPL-3.0-or-later */
/* smnist: what makes a linear-attention classifier robust: exact coefficient, raw keys, or learning rate?
 *
 * Inputs    images as 784 tokens of one pixel, MNIST's or built-in digits; the classifier of nn/model.h,
 *           trained from the seed.
 * Varies    the coefficient, the key treatment, the learning rate, the seed: every combination is a config,
 *           trained in the same way.
 * Measures  training loss; accuracy and loss on test images as they are, made brighter, noisy, and with
 *           pixels dropped; beta, lambda and their product before and after training.
 * Expects   the published contrast (exact coefficient, raw keys, 3e-3 against Euler, unit keys, 1e-3) to be
 *           mostly not the coefficient's; see effects.
 * Writes    one row per config, epoch, perturbation and level; losses, distributions and tensor files
 *           on request.  With --configs, a stopped run is resumed and finished configs are kept. */
#include "laboratory.h"

#include <stdio.h>

static efla_image_study study;
static const char *mnist, *losses_file, *steps_file;
static size_t width, readout, train_images;
static bool baseline;

static const efla_option options[] = {
    {"mnist", "DIR", NULL, NULL,
     "directory of MNIST's IDX files (or the variable EFLA_MNIST); without it, built-in digits", EFLA_TEXT, &mnist, 0,
     0, NULL},
    {"method", "LIST", "exact", NULL, "coefficients", EFLA_NAMES, &study.methods, 0, 0, efla_method_name},
    {"keys", "LIST", "raw", NULL, "key treatments", EFLA_NAMES, &study.treatments, 0, 0, efla_key_treatment_name},
    {"lr", "LIST", "3e-3", NULL, "learning rates", EFLA_REALS, &study.rates, 1e-12, 1e3, NULL},
    {"seeds", "LIST", "42", NULL, "seeds of parameters and of the images' order", EFLA_COUNTS, &study.seeds, 0,
     4294967295., NULL},
    {"epochs", "N", "1", NULL, "passes over the training images", EFLA_COUNT, &study.plan.epochs, 1, 1000, NULL},
    {"batch", "N", "128", NULL, "images per step", EFLA_COUNT, &study.options.batch, 1, 4096, NULL},
    {"width", "N", "64", NULL, "length of keys and values, a multiple of 16", EFLA_COUNT, &width, 16, 256, NULL},
    {"readout", "NAME", "query", NULL, "how the last token's answer is computed", EFLA_NAME, &readout, 0, 0,
     efla_readout_name},
    {"train-images", "N", "60000", "640", "training images, at most as many as there are", EFLA_COUNT, &train_images, 1,
     1e6, NULL},
    {"eval-images", "N", "10000", "200", "test images, at most as many as there are", EFLA_COUNT, &study.plan.evaluated,
     1, 1e6, NULL},
    {"perturbation-seed", "N", "42", NULL, "seed of noise and dropout", EFLA_COUNT, &study.plan.seed, 0, 4294967295.,
     NULL},
    EFLA_STUDY_OPTIONS(study.study),
    {"losses", "FILE", NULL, NULL, "table of training losses", EFLA_RESULT, &losses_file, 0, 0, NULL},
    {"loss-every", "N", "10", NULL, "steps of which a row of losses is the mean", EFLA_COUNT, &study.loss_every, 1, 1e9,
     NULL},
    {"steps", "FILE", NULL, NULL, "table of the distributions of beta, lambda and beta*lambda", EFLA_RESULT,
     &steps_file, 0, 0, NULL},
    {"tensors", "DIR", NULL, NULL, "where q, k, v, beta before and after training go, as files for diagnose", EFLA_TEXT,
     &study.tensors, 0, 0, NULL},
    {"inspected", "N", "64", "8", "test images for steps; a quarter of them for tensors", EFLA_COUNT, &study.recorded,
     4, 500, NULL},
    {"baseline", NULL, NULL, NULL, "say how fast training was beside sgemm", EFLA_FLAG, &baseline, 0, 0, NULL},
    {.name = NULL},
};
static const efla_further_table further[] = {
    {"losses", efla_image_losses}, {"steps", efla_image_steps_columns}, {NULL, NULL}};
static const efla_former_name former_names[] = {
    {"cells", "configs"}, {"reading", "readout"}, {"yardstick", "baseline"}, {NULL, NULL}};

static void remarks(FILE *header) {
  fprintf(header, "# digits: %s\n", efla_mnist_given(mnist) ? "mnist" : "built-in strokes");
}

static efla_status check(const efla_cli *cli, efla_message *why) {
  (void)cli;
  if (width % EFLA_PAD != 0)
    return efla_fail(why, EFLA_USAGE, "--width: %zu, expected a multiple of %d", width, EFLA_PAD);
  efla_image_study_list(&study);
  return efla_study_check(&study.study, why);
}

static efla_status set_up(const efla_cli *cli, efla_images *training, efla_images *test, efla_message *why) {
  efla_status status = efla_images_read(training, mnist, true, &train_images, cli->seed, why);
  if (status == EFLA_OK) status = efla_images_read(test, mnist, false, &study.plan.evaluated, cli->seed, why);
  study.plan.training = training, study.plan.test = test;
  study.options.model = (efla_model){.tokens = EFLA_IMAGE_PIXELS, .width = width, .classes = EFLA_IMAGE_CLASSES};
  study.options.model.readout = &efla_readouts[readout];
  study.options.rule = efla_adamw_default(0);
  study.options.count = train_images, study.options.threads = cli->threads;
  study.options.ranks = efla_study_join(&study.study, cli->ranks);
  if (study.recorded > study.plan.evaluated) study.recorded = study.plan.evaluated;
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  efla_images training = {0}, test = {0};
  efla_table losses = {0}, steps = {0};
  efla_status status = set_up(cli, &training, &test, why);
  if (status == EFLA_OK && losses_file) status = efla_table_open_further(&losses, cli, "losses", losses_file, why);
  if (status == EFLA_OK && steps_file) status = efla_table_open_further(&steps, cli, "steps", steps_file, why);
  study.scores = table, study.losses = losses_file ? &losses : NULL, study.steps = steps_file ? &steps : NULL;
  if (status == EFLA_OK) status = efla_study_run(&study.study, why);
  if (status == EFLA_OK && losses_file) status = efla_table_close(&losses, why);
  if (status == EFLA_OK && steps_file) status = efla_table_close(&steps, why);
  if (status == EFLA_OK && baseline && cli->ranks->rank == 0) status = efla_image_print_speed(stderr, &study, why);
  efla_table_abandon(&losses);
  efla_table_abandon(&steps);
  efla_images_clear(&training);
  efla_images_clear(&test);
  return status;
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "smnist",
      .summary = "Trains linear-attention classifiers of sequential images and evaluates them under perturbations.",
      .description =
          "An image is 784 tokens of one pixel. EFLA is the exact coefficient with raw keys (as they are) and lr "
          "3e-3, DeltaNet the euler coefficient with unit keys (scaled to norm one) and lr 1e-3. Every combination "
          "of the lists is trained. The list of seeds is that of models; noise and dropout have their own, and the "
          "common seed draws the built-in digits. A share writes its own models only; one more run that asks for "
          "what is finished gathers them all. Several runs can work in one directory of configs at once: each "
          "trains what no other one is at work on, and waits for the rest, so that all write whole tables (to files "
          "of their own). The same bits for any number of threads and ranks.",
      .options = options,
      .former_names = former_names,
      .columns = efla_image_scores,
      .further = further,
      .run = run,
      .check = check,
      .remarks = remarks,
      .over_ranks = true};
  return efla_program_main(&program, argc, argv);
}
