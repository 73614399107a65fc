/* SPDX-License-Identifier: GPL-3.0-or-later */
/* noise: does the exact coefficient make associative recall robust against perturbed inputs?
 *
 * Inputs    pairs of keys and values, each written once, Gaussian or rows of MNIST (key: a row of a digit,
 *           value: the row below); keys and values are perturbed when written, queries are not.
 * Varies    the perturbation and its level; the method; keys raw or scaled to norm one, so that DeltaNet
 *           (Euler, unit keys) and Longhorn (implicit) are compared with EFLA (exact, raw); beta, the same for
 *           all, or tuned for each on clean pairs, since methods write with different strength for one beta.
 * Measures  share of values recognised, relative error and signal-to-noise ratio of the read-out: means over
 *           trials, at every level and over the levels, with 95 % bootstrap intervals; paired differences of
 *           accuracy, EFLA minus the other, with the same.
 * Expects   EFLA ahead of Euler, RK2 and RK4 with raw keys under scaling and bursts, as the implicit
 *           coefficient is too; no gain under additive noise and dropout, where unit keys do as well or better.
 * Writes    one row per perturbation, level and config, and for the mean over levels; verdicts on stderr. */
#include "laboratory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static size_t family, d;
static bool quick;
static efla_list methods, decays, treatments, perturbations, candidates;
static efla_recall_trials recall;

static const efla_option options[] = {
    {"family", "NAME", "gaussian", NULL, "where keys and values come from", EFLA_NAME, &family, 0, 0, efla_family_name},
    {"pairs", "N", "24", NULL, "pairs per trial", EFLA_COUNT, &recall.pairs, 2, 1e4, NULL},
    {"dk", "N", "32", NULL, "length of keys and values (mnist: 28)", EFLA_COUNT, &d, 2, 1024, NULL},
    {"norm", "S", "1", NULL, "root mean square key norm, unperturbed", EFLA_REAL, &recall.spec.norm, 1e-6, 1e6, NULL},
    {"beta", "B", "1", NULL, "the step that is the same for all", EFLA_REAL, &recall.spec.beta, 0, 1e6, NULL},
    {"candidates", "LIST", "0.1,0.2,0.3,0.35,0.4,0.45,0.5,0.55,0.6,0.65,0.7,0.8,0.9,1,1.2,1.4,1.7,2,3", NULL,
     "steps among which each takes its best", EFLA_REALS, &candidates, 0, 1e6, NULL},
    {"decay", "LIST", "none", NULL, "decays", EFLA_NAMES, &decays, 0, 0, efla_decay_name},
    {"rate", "R", "0.05", NULL, "their rate y per pair", EFLA_REAL, &recall.rate, 0, 1, NULL},
    {"keys", "LIST", "all", NULL, "key treatments", EFLA_NAMES, &treatments, 0, 0, efla_key_treatment_name},
    {"methods", "LIST", "all", NULL, "methods", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"perturbations", "LIST", "all", NULL, "perturbations", EFLA_NAMES, &perturbations, 0, 0, efla_perturbation_name},
    {"trials", "N", "200", "20", "trials per point", EFLA_COUNT, &recall.trials, 2, 1e6, NULL},
    {"mnist", "DIR", NULL, NULL, "directory of MNIST's files (or EFLA_MNIST)", EFLA_TEXT, &recall.spec.mnist, 0, 0,
     NULL},
    {.name = NULL},
};

typedef struct row {
  const char *study, *perturbation;
  double level;
  const char *method, *decay, *keys, *known_as, *step;
  double rate, beta;
  efla_interval accuracy, error, snr, difference;
  const char *verdict;
} row;

static const efla_column columns[] = {
    EFLA_COLUMN(row, study, "", "level: at one level; mean: over all levels of the perturbation, trial by trial"),
    EFLA_COLUMN(row, perturbation, "", "perturbation of the inputs"),
    EFLA_COLUMN(row, level, "", "level of the perturbation; nan: mean over levels"),
    EFLA_COLUMN(row, method, "", "one-step method"),
    EFLA_COLUMN(row, decay, "", "decay"),
    EFLA_COLUMN(row, keys, "", "keys raw or scaled to norm one (unit)"),
    EFLA_COLUMN(row, known_as, "", "name under which this method with these keys is published; - for none"),
    EFLA_COLUMN(row, step, "", "same: beta the same for all; tuned: on clean pairs"),
    EFLA_COLUMN(row, rate, "per token", "decay rate y"),
    EFLA_COLUMN(row, beta, "", "step beta"),
    EFLA_COLUMN_INTERVAL(row, accuracy, "", "share of values recognised; mean over trials"),
    EFLA_COLUMN_INTERVAL(row, error, "", "relative error of the read-out; up to a gain, mean; inf: not finite"),
    EFLA_COLUMN_INTERVAL(row, snr, "dB", "signal to noise; mean"),
    EFLA_COLUMN_INTERVAL(row, difference, "",
                         "difference of accuracy; exact with raw keys and this decay minus this row, by trial"),
    EFLA_COLUMN(row, verdict, "", "of that difference: better, worse, no difference seen"),
    EFLA_COLUMNS_END(row)};

/* The rows of one level; or of the mean over levels, which is nan then. */
static efla_status write_rows(efla_recall_comparison *c, double level, const double *scores, efla_table *rows,
                              efla_message *why) {
  for (size_t i = 0; i < recall.n_configs; i++) {
    const efla_recall_config *config = &recall.configs[i];
    const efla_decay *decay = config->rule.decay;
    const char *method = config->rule.method->name, *keys = config->rule.keys->name;
    efla_recall_summary s;
    efla_status status = efla_recall_trials_summarise(&recall, scores, i, &s, why);
    if (status != EFLA_OK) return status;
    if (!isnan(level)) efla_recall_comparison_count(c, config, s.difference);
    efla_table_put(rows, &(row){isnan(level) ? "mean" : "level", efla_perturbation_name(c->perturbation), level, method,
                                decay->name, keys, efla_published_name(method, decay->name, keys),
                                config->tuned ? "tuned" : "same", decay->gated ? recall.rate : 0, config->beta,
                                s.accuracy, s.error, s.snr, s.difference, efla_difference_verdict(s.difference)});
  }
  return EFLA_OK;
}

static efla_status study(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  efla_recall_comparison *c = (efla_recall_comparison *)context + i;
  const efla_perturbation *p = &efla_perturbations[perturbations.row[i]];
  efla_status status = efla_recall_comparison_run(c, &recall, p, quick, write_rows, rows, why);
  efla_progress_add(progress, 1);
  return status == EFLA_NOT_BUILT ? EFLA_OK : status; /* its rows are missing, and what is printed says why */
}

/* Completes the description of the pairs. */
static efla_status check(const efla_cli *cli, efla_message *why) {
  efla_spec *spec = &recall.spec, defaults = efla_spec_default(&efla_families[family]);
  defaults.norm = spec->norm, defaults.beta = spec->beta, defaults.mnist = spec->mnist;
  if (!defaults.family->side) defaults.dk = defaults.dv = d;
  *spec = defaults;
  recall.seed = cli->seed;
  return efla_source_check(spec, recall.pairs * recall.trials, why);
}

static void remarks(FILE *header) {
  for (size_t i = 0; i < perturbations.n; i++)
    efla_perturbation_describe(header, &efla_perturbations[perturbations.row[i]]);
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  efla_recall_comparison *comparisons = calloc(perturbations.n, sizeof *comparisons);
  if (!comparisons) return efla_fail_memory(why);
  quick = cli->quick;
  for (size_t i = 0; i < decays.n; i++)
    efla_recall_trials_add_all(&recall, &methods, &efla_decays[decays.row[i]], &treatments);
  efla_status status = efla_recall_trials_tune(&recall, candidates.value, candidates.n, why);
  if (status == EFLA_OK)
    status = efla_program_parallel(table, perturbations.n, study, comparisons, "perturbations", perturbations.n, why);
  if (status == EFLA_OK)
    status = efla_collect_results(cli->ranks, perturbations.n, sizeof *comparisons, comparisons, why);
  if (status == EFLA_OK && cli->ranks->rank == 0)
    efla_recall_comparison_print(stderr, recall.trials, &decays, perturbations.n, comparisons);
  free(comparisons);
  return status;
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "noise",
      .summary = "Associative recall under perturbed inputs, for every method with raw and with unit keys.",
      .description = "Intervals are 95 % bootstrap intervals over trials.",
      .options = options,
      .columns = columns,
      .run = run,
      .over_ranks = true,
      .check = check,
      .remarks = remarks};
  return efla_program_main(&program, argc, argv);
}
