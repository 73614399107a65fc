/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The paper's claims, and their verdicts, each from the table of one experiment.
 *
 * Nothing is typed in: every number and every verdict is computed from a table.  Each function verdict_NAME takes a
 * whole table of the experiment that its argument is named after, as efla_csv_read gives it, and leaves it as it is.
 * Where the table lacks the rows for a claim, the ruling is MISSING, or NOT_ASKED where it has none of a kind that is
 * measured on request, or DIVERGED where it would have enough but for models that diverged; numbers of the evidence for
 * which it has none are nan, and so is a fit that finds no memory; none fails otherwise. */
#ifndef EXPERIMENTS_CLAIMS_H
#define EXPERIMENTS_CLAIMS_H

#include "laboratory.h"

typedef enum ruling { HOLDS, HOLDS_IF, NOT_SEEN, REVERSED, MISSING, NOT_ASKED, DIVERGED } ruling;

typedef struct verdict {
  ruling ruling;
  char condition[80], evidence[256]; /* condition: where it holds if */
} verdict;

const char *ruling_word(ruling r); /* "holds", ... */

/* What a table says of a claim, or of one case of it. */
typedef struct finding {
  char text[96];      /* the claim, and the case */
  const char *table;  /* results/TABLE.csv */
  const char *figure; /* figures/FIGURE.svg, which may not be drawn */
  bool no_table;      /* there is none: NOT_ASKED where it may be absent, MISSING else */
  verdict verdict;    /* its evidence says why where the ruling is MISSING or NOT_ASKED */
} finding;

typedef void findings_sink(void *context, const finding *f);

/* Gives sink the findings for all claims, in their order, from the tables in the directory `results`.  False, after a
 * message on standard error for each, where a table is missing, cannot be read, or is older than the program in
 * `programs` that writes it, or has too few rows for a claim. */
bool claims_judge(const char *results, const char *programs, findings_sink *sink, void *context);

/* Of the method's arithmetic (arithmetic.c). */
verdict verdict_exactness(const efla_csv *reference);
verdict verdict_moving_input(const efla_csv *zero_order_hold);
verdict verdict_infinite_order(const efla_csv *order);
verdict verdict_stability(const efla_csv *accumulation);
verdict verdict_accumulation(const efla_csv *accumulation);
verdict verdict_euler_accumulation(const efla_csv *accumulation);
verdict verdict_chunks(const efla_csv *chunk);
verdict verdict_linear_time(const efla_csv *throughput);

/* Of decay within a token (gated.c). */
verdict verdict_gated_exactness(const efla_csv *decay);
verdict verdict_split_decay(const efla_csv *decay);
verdict verdict_gated_stability(const efla_csv *stability_plane);

/* Of its robustness under one perturbation, in recall and of trained models (robustness.c); `clean` for trained models
 * without any. */
verdict verdict_recall(const efla_csv *noise, const char *perturbation);
verdict verdict_trained(const efla_csv *effects, const char *perturbation);

/* Of language models and models of token tasks, by a table of bin/effects, each for one contrast (language.c). */
const char *verdict_contrast_name(size_t i); /* NULL after the last */
verdict verdict_perplexity(const efla_csv *effects, const char *contrast);
verdict verdict_blimp(const efla_csv *effects, const char *contrast);
verdict verdict_lambada(const efla_csv *effects, const char *contrast);
verdict verdict_trained_recall(const efla_csv *effects, const char *contrast);
verdict verdict_mad(const efla_csv *effects, const char *contrast);

/* Whether a cell holds this text. */
bool verdict_cell_is(const efla_csv *csv, size_t row, const char *column, const char *text);

#endif
