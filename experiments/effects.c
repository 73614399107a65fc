/* SPDX-License-Identifier: GPL-3.0-or-later */
/* effects: is it the exact method that makes a trained model better, or what was changed along with it?
 *
 * Inputs    the table of bin/smnist, bin/lm, bin/recall or bin/mad: how good many models are, for methods, key
 *           treatments, learning rates, seeds, and where the table has them mixers, decays, maps of beta, widths.
 * Varies    nothing: it is a summary.  The published comparison changes several things at once, EFLA (exact
 *           method, raw keys) against DeltaNet (Euler, unit keys), and of images the learning rate; all
 *           combinations of these tell them apart.
 * Measures  the mean response of every model; the effect of each change, their interactions, and the published
 *           difference; the exact method against every other one; each decay against none.  95 % intervals of
 *           Student over seeds, differences paired by seed; what could have been seen, and the share of models
 *           that diverged.
 * Expects   most of the published difference from keys and learning rate.
 * Writes    a summary on standard output; with --out one row per number and condition. */
#include "laboratory.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

static const char *input;
static size_t method, against;
static double rate, lr, lr_against, difference;
static bool rate_is_factor;

static const efla_option options[] = {
    {"input", "FILE", NULL, NULL, "the table of bin/smnist, lm, recall or mad", EFLA_NEEDED, &input, 0, 0, NULL},
    {"method", "NAME", "exact", NULL, "the method that is held", EFLA_NAME, &method, 0, 0, efla_method_name},
    {"against", "NAME", "euler", NULL, "against this one's", EFLA_NAME, &against, 0, 0, efla_method_name},
    {"lr-factor", NULL, NULL, NULL, "the learning rate is a factor, as it always is in bin/smnist's table", EFLA_FLAG,
     &rate_is_factor, 0, 0, NULL},
    {"rate", "R", "0", NULL,
     "where it is none: all models are compared at this learning rate and others left out; 0: each at its own",
     EFLA_REAL, &rate, 0, 1e12, NULL},
    {"lr", "R", "3e-3", NULL, "where it is: the learning rate that goes with the one", EFLA_REAL, &lr, 1e-12, 1e12,
     NULL},
    {"lr-against", "R", "1e-3", NULL, "and with the other", EFLA_REAL, &lr_against, 1e-12, 1e12, NULL},
    {"difference", "R", "0", NULL,
     "the difference that seeds_for is about, in units of the response; 0: .005 of bits, .01 of accuracies", EFLA_REAL,
     &difference, 0, 1e12, NULL},
    {.name = NULL},
};

static efla_status summarise(const efla_cli *cli, const efla_results *o, efla_table *table, efla_message *why) {
  efla_effects effects;
  const efla_contrast contrast = {efla_method_name(method), efla_method_name(against), lr, lr_against, difference};
  efla_status status = efla_effects_init(&effects, o, &contrast, input, why);
  if (status != EFLA_OK) return status;
  char before[PATH_MAX + 64];
  snprintf(before, sizeof before, "%s: %s", cli->name, input);
  for (size_t i = 0; i < effects.n; i++)
    if (effects.row[i].seeds + effects.row[i].diverged + effects.row[i].diverged_against > 0)
      efla_effect_put(&effects.row[i], table);
  efla_effects_print_gaps(stderr, &effects, o, before);
  efla_effects_print(stdout, &effects, o, &contrast);
  efla_effects_clear(&effects);
  return EFLA_OK;
}

static efla_status check(const efla_cli *cli, efla_message *why) {
  (void)cli;
  if (method == against)
    return efla_fail(why, EFLA_USAGE, "--method and --against are both %s", efla_method_name(method));
  if (rate > 0 && rate_is_factor)
    return efla_fail(why, EFLA_USAGE, "--rate and --lr-factor exclude each other: one rate is no factor");
  if (lr == lr_against) return efla_fail(why, EFLA_USAGE, "--lr and --lr-against are both %g", lr);
  return EFLA_OK;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  efla_csv study;
  efla_results results;
  efla_status status = efla_csv_read(&study, input, why);
  if (status != EFLA_OK) return status;
  status = efla_results_init(&results, &study, rate_is_factor, rate, input, why);
  if (status == EFLA_OK) {
    status = summarise(cli, &results, table, why);
    efla_results_clear(&results);
  }
  efla_csv_clear(&study);
  return status;
}

static void remarks(FILE *header) {
  for (const efla_image_perturbation *p = efla_image_perturbations; p->name; p++)
    fprintf(header, "# level of %s: %s\n", p->name, p->level);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "effects",
      .summary =
          "Tells what a difference between trained models is due to: the method, the keys, the decay, the learning rate.",
      .description =
          "The input is the table of bin/smnist, bin/lm, bin/recall or bin/mad, as its header says; of it the rows of "
          "the end of training count.  Models are compared where mixer, decay, map of beta and width are the same.  "
          "A model that lacks some values is left out where they are needed, and that is said.\n\n"
          "Effects: mean over the other factors of the response "
          "with --method minus that with --against, raw minus unit keys, lr minus lr-against; "
          "or, where columns method, keys, lr are given, the same difference with those held.  "
          "Interactions: half of the signed sum over the four models, a quarter of that over eight.  "
          "published: --method, raw minus --against, unit.  method:NAME and decay:NAME: means over the other factors, "
          "and with them held.\n\n"
          "The learning rate is a factor of bin/smnist's table: there the eight models {method, against} x {raw, unit "
          "keys} x {lr, lr-against} must be there, and published is the sum of method, keys, lr and method_keys_lr.  "
          "Elsewhere each model is compared at its own rate, the one with most seeds; of several with at least two "
          "thirds as many that one at which fewest models diverged, and of those the one best by the mean over the "
          "seeds common to them: of bits on the validation text, elsewhere of the response under each condition.  The "
          "output says which, and that these seeds are among those of the effects.  With --rate all models are compared at "
          "that rate.  Columns rate and rate_against tell the rates of a difference.\n\n"
          "Models that diverged are in no mean: a row says how many there are on either side, and rows 'diverged' give "
          "their share with the interval of Clopper and Pearson, which was chosen to be small; rows 'diverged:rate' "
          "the shares at the rates that were not chosen.  "
          "Main contrasts, where the rate is no factor: published, the method at raw and at unit keys, the keys at "
          "either method; their p values under one condition are adjusted by Holm, as five though some be missing; the "
          "difference that is seen is at level .05/5 for them, as in Holm's first step, and at .05 for others.",
      .options = options,
      .columns = efla_effect_columns,
      .run = run,
      .check = check,
      .remarks = remarks,
      .reports = true};
  return efla_program_main(&program, argc, argv);
}
