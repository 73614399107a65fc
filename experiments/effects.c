/* SPDX-License-Identifier: GPL-3.0-or-later */
/* effects: is it the exact method that makes a trained classifier robust, or what was changed along with it?
 *
 * Inputs    the table of bin/smnist: test accuracy of many models, clean and perturbed, for methods, key
 *           treatments, learning rates, seeds.
 * Varies    nothing: it is a summary.  The published comparison changes three things at once, EFLA (exact
 *           method, raw keys, lr 3e-3) against DeltaNet (Euler, unit keys, lr 1e-3); the eight models {method}
 *           x {keys} x {lr} tell them apart.
 * Measures  mean accuracy of every model; the effect of each of the three changes, their interactions, and the
 *           published difference, which is the sum of the effects and the interaction of all three; the exact
 *           method against every other method.  95 % intervals of Student over seeds, differences paired by
 *           seed.
 * Expects   most of the published difference from keys and learning rate.
 * Writes    a summary on standard output; with --out one row per number, perturbation and level. */
#include "laboratory.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

static const char *input;
static size_t method, against;
static double lr, lr_against;

static const efla_option options[] = {
    {"input", "FILE", NULL, NULL, "the table of bin/smnist", EFLA_NEEDED, &input, 0, 0, NULL},
    {"method", "NAME", "exact", NULL, "the method that is held", EFLA_NAME, &method, 0, 0, efla_method_name},
    {"against", "NAME", "euler", NULL, "against this one's", EFLA_NAME, &against, 0, 0, efla_method_name},
    {"lr", "R", "3e-3", NULL, "the learning rate that goes with the one", EFLA_REAL, &lr, 1e-12, 1e12, NULL},
    {"lr-against", "R", "1e-3", NULL, "and with the other", EFLA_REAL, &lr_against, 1e-12, 1e12, NULL},
    {.name = NULL},
};

typedef struct row {
  const char *panel, *method, *keys;
  efla_cell lr;
  const char *perturbation;
  efla_cell level;
  size_t seeds;
  double mean, low, high;
  const char *known_as;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, panel, "",
                "accuracy (of a model), or a difference of accuracies: method, keys, lr (effects), "
                "method_keys, method_lr, keys_lr, method_keys_lr (interactions), published, "
                "method:NAME (--method minus NAME)"),
    EFLA_COLUMN(row, method, "", "method; - where contrasted or averaged over"),
    EFLA_COLUMN(row, keys, "", "key treatment; - as well"),
    EFLA_COLUMN(row, lr, "", "learning rate; - as well"),
    EFLA_COLUMN(row, perturbation, "", "of the test images"),
    EFLA_COLUMN(row, level, "", "level of the perturbation; mean: over all levels, for each seed first"),
    EFLA_COLUMN(row, seeds, "", "number of seeds; by which differences are paired"),
    EFLA_COLUMN(row, mean, "", "test accuracy, or difference of two; mean over seeds"),
    EFLA_COLUMN(row, low, "", "lower end of its 95 % interval of Student over seeds; -inf for one seed"),
    EFLA_COLUMN(row, high, "", "upper end; inf for one seed"),
    EFLA_COLUMN(row, known_as, "", "name under which this method with these keys is published; - for none"),
    EFLA_COLUMNS_END(row)};

static void write_row(const efla_effect *e, efla_table *table) {
  const efla_variant *v = &e->variant;
  const efla_condition *c = &e->condition;
  efla_table_put(table, &(row){e->panel, v->method ? v->method : "-", v->keys ? v->keys : "-",
                               isnan(v->lr) ? efla_text("-") : efla_real(v->lr), c->perturbation,
                               isinf(c->level) ? efla_text("mean") : efla_real(c->level), e->seeds, e->interval.mean,
                               e->interval.low, e->interval.high, efla_published_name(v->method, "none", v->keys)});
}

static efla_status summarise(const efla_cli *cli, const efla_results *o, efla_table *table, efla_message *why) {
  efla_effects effects;
  const efla_contrast contrast = {efla_method_name(method), efla_method_name(against), lr, lr_against};
  efla_status status = efla_effects_init(&effects, o, &contrast, input, why);
  if (status != EFLA_OK) return status;
  char before[PATH_MAX + 64];
  snprintf(before, sizeof before, "%s: %s", cli->name, input);
  for (size_t i = 0; i < effects.n; i++)
    if (effects.row[i].seeds > 0) write_row(&effects.row[i], table);
  efla_effects_print_gaps(stderr, &effects, o, before);
  efla_effects_print(stdout, &effects, o, &contrast);
  efla_effects_clear(&effects);
  return EFLA_OK;
}

static efla_status check(const efla_cli *cli, efla_message *why) {
  (void)cli;
  if (method == against)
    return efla_fail(why, EFLA_USAGE, "--method and --against are both %s", efla_method_name(method));
  if (lr == lr_against) return efla_fail(why, EFLA_USAGE, "--lr and --lr-against are both %g", lr);
  return EFLA_OK;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  efla_csv study;
  efla_results results;
  efla_status status = efla_csv_read(&study, input, why);
  if (status != EFLA_OK) return status;
  status = efla_results_init(&results, &study, input, why);
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
          "Tells what a difference between trained classifiers is due to: the method, the keys, or the learning rate.",
      .description =
          "The input is the table of bin/smnist, of which the last epoch counts.  "
          "A model that lacks some accuracies is left out where they are needed, and that is said; "
          "it is an error where one of the eight that are contrasted, "
          "{method, against} x {raw, unit keys} x {lr, lr-against}, is not there.\n\n"
          "Effects: mean over the other two factors of the accuracy "
          "with --method minus that with --against, raw minus unit, lr minus lr-against; "
          "or, where two of the columns method, keys, lr are given, the same difference with those held.  "
          "Interactions: a quarter of the signed sum over the eight models.  "
          "published: both, raw, lr minus against, unit, lr-against, the sum of method, keys, lr and method_keys_lr.  "
          "method:NAME: mean over keys and the two rates.",
      .options = options,
      .columns = columns,
      .run = run,
      .check = check,
      .remarks = remarks,
      .reports = true};
  return efla_program_main(&program, argc, argv);
}
