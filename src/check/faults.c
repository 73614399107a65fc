/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/faults.h"

#include "io/file_decay.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t rows_of(const efla_fault_row *rows) {
  size_t n = 0;
  while (rows[n].name) n++;
  return n;
}

/* Rows of both tables under one number. */
static const efla_fault_row *row(size_t i) {
  const size_t n = rows_of(efla_faults_of_rules);
  return i < n ? &efla_faults_of_rules[i] : &efla_faults_of_places[i - n];
}

bool efla_fault_say(efla_fault_edit *edit, bool possible, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(edit->says, EFLA_FAULT_TEXT, format, arguments);
  va_end(arguments);
  return possible;
}

bool efla_fault_channels(const efla_fault_edit *edit) {
  return edit->in->g_per_channel && efla_decay_tensor(edit->spec->rule.decay) == EFLA_G;
}

/* Adds a fault to a candidate. */
static bool apply(size_t i, size_t variant, efla_fault_candidate *to, const efla_fault_setting *setting) {
  char says[EFLA_FAULT_TEXT], before[EFLA_FAULT_TEXT], name[EFLA_FAULT_NAME];
  const efla_fault_row *fault = row(i);
  efla_fault_edit edit = {&to->model, setting, setting->spec, setting->evidence->in, variant, says};
  *says = 0;
  if (!fault->apply(&edit)) return false;
  snprintf(before, sizeof before, "%s", to->says);
  snprintf(name, sizeof name, "%s", to->name);
  snprintf(to->says, sizeof to->says, "%.190s%s%.200s", before, *before ? "; and " : "", says);
  snprintf(to->name, sizeof to->name, "%.34s%s%.20s%s%.14s", name, *name ? "+" : "", fault->name,
           fault->named ? "-" : "", fault->named ? fault->named(variant) : "");
  return true;
}

void efla_fault_candidates_list(efla_fault_candidates *candidates, const efla_fault_setting *setting) {
  const efla_fault_model right = efla_fault_model_right(setting->spec);
  candidates->candidate[0] = (efla_fault_candidate){.model = right, .row = {SIZE_MAX, SIZE_MAX}};
  candidates->n = 1;
  for (size_t i = 0; i < rows_of(efla_faults_of_rules) + rows_of(efla_faults_of_places); i++) {
    const size_t variants = row(i)->variants ? row(i)->variants() : 1;
    for (size_t v = 0; v < variants && candidates->n < EFLA_FAULT_CANDIDATES; v++) {
      efla_fault_candidate *to = &candidates->candidate[candidates->n];
      *to = (efla_fault_candidate){.model = right, .row = {i, SIZE_MAX}, .variant = {v}};
      candidates->n += apply(i, v, to, setting);
    }
  }
}

/* Combines two faults in one model; false where one hides the other. */
static bool combine(const efla_fault_candidate *first, const efla_fault_candidate *second,
                    const efla_fault_setting *setting, efla_fault_candidate *both) {
  *both = *first;
  both->row[1] = second->row[0], both->variant[1] = second->variant[0];
  if (first->row[0] == second->row[0] || !apply(second->row[0], second->variant[0], both, setting)) return false;
  return memcmp(&both->model, &first->model, sizeof both->model) != 0 &&
         memcmp(&both->model, &second->model, sizeof both->model) != 0;
}

/* Pairs among the first, and of the very first with all others, whose own models may be far off: what one fault
 * alone makes overflow another may tame. */
static const size_t AMONG = 20, VERY_FIRST = 3, SLOW = 8;

void efla_fault_candidates_pair(efla_fault_candidates *candidates, const efla_fault_setting *setting) {
  efla_fault_candidates *singles = malloc(sizeof *singles);
  if (!singles) return;
  *singles = *candidates;
  candidates->n = 1;
  const size_t most = setting->slow && singles->n > SLOW ? SLOW : singles->n;
  for (size_t j = 2; j < most; j++)
    for (size_t i = 1; i < j && (j <= AMONG || i <= VERY_FIRST) && candidates->n < EFLA_FAULT_CANDIDATES; i++)
      candidates->n +=
          combine(&singles->candidate[i], &singles->candidate[j], setting, &candidates->candidate[candidates->n]);
  free(singles);
}

static int by_score(const void *a, const void *b) {
  const efla_fault_candidate *x = a, *y = b;
  if (x->score != y->score) return x->score < y->score ? -1 : 1;
  if (x->row[0] != y->row[0]) return x->row[0] < y->row[0] ? -1 : 1;
  if (x->variant[0] != y->variant[0]) return x->variant[0] < y->variant[0] ? -1 : 1;
  return x->row[1] < y->row[1] ? -1 : x->row[1] > y->row[1];
}

/* A model that is farther from the file than the right one by this factor is not looked at any further. */
static const double WORSE = 4;

efla_status efla_fault_candidates_try(efla_fault_candidates *candidates, const efla_evidence *e, size_t threads) {
  efla_fault_candidate *right = &candidates->candidate[0];
  bool fine = efla_fault_model_distance(&right->model, e, INFINITY, &right->distance) == EFLA_OK;
  const double most = WORSE * right->distance.o * right->distance.tokens;
  right->score = efla_fault_score(&right->distance);
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)threads) reduction(&& : fine)
  for (size_t s = 1; s < candidates->n; s++) {
    efla_fault_candidate *one = &candidates->candidate[s];
    fine = fine && efla_fault_model_distance(&one->model, e, most, &one->distance) == EFLA_OK;
    one->score = efla_fault_score(&one->distance);
  }
  qsort(candidates->candidate + 1, candidates->n - 1, sizeof *candidates->candidate, by_score);
  return fine ? EFLA_OK : EFLA_NO_MEMORY;
}
