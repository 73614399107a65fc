/* SPDX-License-Identifier: GPL-3.0-or-later */
/* noise: does the exact coefficient make associative recall robust against perturbed inputs?
 *
 * Inputs    pairs of keys and values written once in a row, Gaussian or rows of MNIST (key: a row of a digit, value:
 * the row below);
 *           what is written is perturbed, what asks is not.
 * Varies    the perturbation and its level; the method; keys raw or scaled to norm one, so that DeltaNet (Euler, unit
 * keys) and
 *           Longhorn (implicit) stand beside EFLA (exact, raw); the step beta, the same for all or for each the one that serves it
 *           best on clean pairs, since methods differ in how much they write for one beta, whatever their accuracy.
 * Measures  share of values recognised, relative error and signal-to-noise ratio of the read-out: means over trials
 * with 95 %
 *           bootstrap intervals; paired differences of accuracy, EFLA minus the other, with the same.
 * Expects   EFLA ahead of Euler, RK2 and RK4 with raw keys under scaling and bursts, as the implicit coefficient is
 * too; no gain under additive
 *           noise and dropout, where unit keys do as well or better.
 * Writes    one row per perturbation, level, method and key treatment; verdicts against three rivals on stderr. */
#include "laboratory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t family, d;
static efla_list methods, treatments, perturbations, candidates;

static efla_recall_trials contest;

static const efla_option options[] = {
    {"family", "NAME", "gaussian", NULL, "where keys and values come from", EFLA_NAME, &family, 0, 0, efla_family_name},
    {"pairs", "N", "24", NULL, "pairs per trial", EFLA_COUNT, &contest.pairs, 2, 1e4, NULL},
    {"dk", "N", "32", NULL, "length of keys and values (mnist: 28)", EFLA_COUNT, &d, 2, 1024, NULL},
    {"norm", "S", "1", NULL, "root mean square key norm before any perturbation", EFLA_REAL, &contest.spec.norm, 1e-6,
     1e6, NULL},
    {"beta", "B", "1", NULL, "the step that is the same for all", EFLA_REAL, &contest.spec.beta, 0, 1e6, NULL},
    {"candidates", "LIST", "0.1,0.2,0.3,0.35,0.4,0.45,0.5,0.55,0.6,0.65,0.7,0.8,0.9,1,1.2,1.4,1.7,2,3", NULL,
     "steps among which each takes its best", EFLA_REALS, &candidates, 0, 1e6, NULL},
    {"keys", "LIST", "all", NULL, "key treatments", EFLA_NAMES, &treatments, 0, 0, efla_key_treatment_name},
    {"methods", "LIST", "all", NULL, "methods", EFLA_NAMES, &methods, 0, 0, efla_method_name},
    {"perturbations", "LIST", "all", NULL, "perturbations", EFLA_NAMES, &perturbations, 0, 0, efla_perturbation_name},
    {"trials", "N", "200", "20", "trials per point", EFLA_COUNT, &contest.trials, 2, 1e6, NULL},
    {"mnist", "DIR", NULL, NULL, "directory of MNIST's IDX files (or the variable EFLA_MNIST)", EFLA_TEXT,
     &contest.spec.mnist, 0, 0, NULL},
    {.name = NULL},
};

/* Whom EFLA is held against in the printed verdicts. */
static const struct rival {
  const char *name, *method, *keys;
} rivals[] = {{"DeltaNet (euler, unit keys)", "euler", "unit"},
              {"Longhorn (implicit, raw keys)", "implicit", "raw"},
              {"exact with unit keys", "exact", "unit"}};
enum { RIVALS = sizeof rivals / sizeof *rivals };

/* One perturbation at one level, and how EFLA came off. */
typedef struct point {
  const efla_perturbation *perturbation;
  double level;
  int built, better[2][RIVALS], worse[2][RIVALS]; /* [tuned][rival] */
} point;

typedef struct noise_row {
  const char *perturbation;
  double level;
  const char *method, *keys, *step;
  double beta, accuracy, accuracy_low, accuracy_high, error, error_low, error_high, snr, snr_low, snr_high;
  double difference, difference_low, difference_high;
  const char *verdict;
} noise_row;

static const efla_column columns[] = {
    EFLA_COLUMN(noise_row, perturbation, "", "perturbation of the inputs"),
    EFLA_COLUMN(noise_row, level, "", "level of the perturbation"),
    EFLA_COLUMN(noise_row, method, "", "one-step method"),
    EFLA_COLUMN(noise_row, keys, "", "keys raw or scaled to norm one (unit)"),
    EFLA_COLUMN(noise_row, step, "", "beta the same for all, or tuned on clean pairs"),
    EFLA_COLUMN(noise_row, beta, "", "step beta"),
    EFLA_COLUMN(noise_row, accuracy, "", "accuracy; share of values recognised, mean over trials"),
    EFLA_COLUMN(noise_row, accuracy_low, "", "low end of its 95 % bootstrap interval"),
    EFLA_COLUMN(noise_row, accuracy_high, "", "high end"),
    EFLA_COLUMN(noise_row, error, "", "relative error of the read-out; up to a gain, mean; inf: not finite"),
    EFLA_COLUMN(noise_row, error_low, "", "low end of its interval"),
    EFLA_COLUMN(noise_row, error_high, "", "high end"),
    EFLA_COLUMN(noise_row, snr, "dB", "signal to noise; mean"),
    EFLA_COLUMN(noise_row, snr_low, "dB", "low end of its interval"),
    EFLA_COLUMN(noise_row, snr_high, "dB", "high end"),
    EFLA_COLUMN(noise_row, difference, "",
                "difference of accuracy; exact with raw keys minus this row, paired over trials"),
    EFLA_COLUMN(noise_row, difference_low, "", "low end of its interval"),
    EFLA_COLUMN(noise_row, difference_high, "", "high end"),
    EFLA_COLUMN(noise_row, verdict, "", "of that difference: better, worse, no difference seen"),
    EFLA_COLUMNS_END(noise_row)};

static size_t way_of(const char *method, const char *keys, bool tuned) {
  size_t w = 0;
  while (w < contest.n_ways && (strcmp(contest.ways[w].method->name, method) != 0 ||
                                strcmp(contest.ways[w].keys->name, keys) != 0 || contest.ways[w].tuned != tuned))
    w++;
  return w;
}

static const char *verdict(efla_interval difference) {
  return difference.low > 0 ? "better" : difference.high < 0 ? "worse" : "no difference seen";
}

static efla_status study(void *context, size_t i, efla_table *rows, efla_progress *progress, efla_message *why) {
  point *p = (point *)context + i;
  double *scores = calloc((3 * contest.n_ways + 1) * contest.trials, sizeof *scores);
  if (!scores) return efla_fail_memory(why);
  double *difference = scores + 3 * contest.n_ways * contest.trials;
  efla_status status = efla_recall_trials_run(&contest, p->perturbation, p->level, scores, why);
  p->built = status == EFLA_OK;
  for (size_t w = 0; w < contest.n_ways && status == EFLA_OK; w++) {
    efla_interval m[3], gain = {NAN, NAN, NAN};
    size_t efla = way_of("exact", "raw", contest.ways[w].tuned);
    for (size_t t = 0; t < contest.trials && efla < contest.n_ways; t++)
      difference[t] = scores[efla * contest.trials + t] - scores[w * contest.trials + t];
    for (size_t k = 0; k < 3 && status == EFLA_OK; k++)
      status =
          efla_bootstrap_mean(scores + (k * contest.n_ways + w) * contest.trials, contest.trials, contest.seed, &m[k]);
    if (status == EFLA_OK && efla < contest.n_ways)
      status = efla_bootstrap_mean(difference, contest.trials, contest.seed, &gain);
    if (status != EFLA_OK) status = efla_fail_memory(why);
    const efla_recall_config *c = &contest.ways[w];
    efla_table_put(rows, &(noise_row){p->perturbation->name, p->level, c->method->name, c->keys->name,
                                      c->tuned ? "tuned" : "same", c->beta, m[0].mean, m[0].low, m[0].high, m[1].mean,
                                      m[1].low, m[1].high, m[2].mean, m[2].low, m[2].high, gain.mean, gain.low,
                                      gain.high, efla < contest.n_ways ? verdict(gain) : "not asked"});
    for (size_t r = 0; r < RIVALS; r++)
      for (int tuned = 0; tuned < 2; tuned++)
        if (w == way_of(rivals[r].method, rivals[r].keys, tuned))
          p->better[tuned][r] = gain.low > 0, p->worse[tuned][r] = gain.high < 0;
  }
  free(scores);
  efla_progress_add(progress, 1);
  return status == EFLA_NOT_BUILT ? EFLA_OK : status; /* its rows are missing, and the verdicts say why */
}

/* The levels of one perturbation: points[0 ... n-1]. */
static void print_verdict(const point *points, int n) {
  for (int r = 0; r < RIVALS; r++) {
    int better[2] = {0}, worse[2] = {0};
    for (int i = 0; i < 2 * n; i++)
      better[i % 2] += points[i / 2].better[i % 2][r], worse[i % 2] += points[i / 2].worse[i % 2][r];
    if (points->built)
      fprintf(stderr, "  %-13s %-30s    %d / %d / %d    %d / %d / %d\n", r ? "" : points->perturbation->name,
              rivals[r].name, better[0], worse[0], n - better[0] - worse[0], better[1], worse[1],
              n - better[1] - worse[1]);
    else if (r == 0)
      fprintf(stderr, "  %-13s not built (FFTW was not found when the toolkit was built)\n",
              points->perturbation->name);
  }
}

static size_t list_points(point *points, bool quick) {
  size_t n = 0;
  for (size_t i = 0; i < perturbations.n; i++) {
    const efla_perturbation *p = &efla_perturbations[perturbations.row[i]];
    for (int l = 0; l < EFLA_LEVELS && p->levels[l] > 0; l++)
      if (!quick || p->levels[l] == p->quick) points[n++] = (point){.perturbation = p, .level = p->levels[l]};
  }
  return n;
}

/* Completes the description of the pairs. */
static efla_status check(const efla_cli *cli, efla_message *why) {
  efla_spec *spec = &contest.spec, defaults = efla_spec_default(&efla_families[family]);
  defaults.norm = spec->norm, defaults.beta = spec->beta, defaults.mnist = spec->mnist;
  if (!defaults.family->side) defaults.dk = defaults.dv = d;
  *spec = defaults;
  contest.seed = cli->seed;
  return efla_source_check(spec, contest.pairs * contest.trials, why);
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  point *points = calloc(perturbations.n * EFLA_LEVELS, sizeof *points);
  if (!points) return efla_fail_memory(why);
  for (size_t i = 0; i < 2 * methods.n * treatments.n && contest.n_ways < EFLA_RECALL_CONFIGS; i++)
    contest.ways[contest.n_ways++] =
        (efla_recall_config){&efla_methods[methods.row[i / 2 / treatments.n]],
                             &efla_key_treatments[treatments.row[i / 2 % treatments.n]], i % 2 == 1, contest.spec.beta};
  size_t n = list_points(points, cli->quick);
  efla_status status = efla_recall_trials_tune(&contest, candidates.value, candidates.n, why);
  if (status == EFLA_OK) status = efla_program_parallel(table, n, study, points, "points", n, why);
  if (status == EFLA_OK)
    fprintf(stderr,
            "EFLA (exact, raw keys) by recall accuracy, paired over %zu trials: number of levels at which it is\n"
            "                                               better / worse / neither, same beta, and each tuned\n",
            contest.trials);
  for (size_t i = 0, levels; i < n && status == EFLA_OK; i += levels) {
    for (levels = 1; i + levels < n && points[i + levels].perturbation == points[i].perturbation;) levels++;
    print_verdict(points + i, (int)levels);
  }
  free(points);
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
      .check = check};
  return efla_program_main(&program, argc, argv);
}
