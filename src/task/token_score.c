/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task/token_score.h"

#include <stdlib.h>
#include <string.h>

/* The mean over examples of their shares of right answers. */
static double by_example(size_t examples, size_t n, const uint16_t *labels, const uint16_t *answers) {
  double sum = 0;
  for (size_t e = 0; e < examples; e++) {
    size_t right = 0, scored = 0;
    for (size_t t = e * n; t < (e + 1) * n; t++)
      if (labels[t] != EFLA_UNSCORED) scored++, right += answers[t] == labels[t];
    sum += scored > 0 ? (double)right / (double)scored : 0;
  }
  return sum / (double)examples;
}

typedef struct tally {
  size_t asked, right;
  bool answered;
} tally;

/* One batch of n scored positions: the mean over the tokens that occur as label or as answer; tallies (vocabulary). */
static double by_label(size_t vocabulary, size_t n, const uint16_t *labels, const uint16_t *answers, tally *tallies) {
  memset(tallies, 0, vocabulary * sizeof *tallies);
  for (size_t t = 0; t < n; t++) {
    if (labels[t] == EFLA_UNSCORED) continue;
    tallies[labels[t]].asked++, tallies[labels[t]].right += answers[t] == labels[t];
    tallies[answers[t]].answered = true;
  }
  double sum = 0;
  size_t tokens = 0;
  for (size_t v = 0; v < vocabulary; v++) {
    if (tallies[v].asked == 0 && !tallies[v].answered) continue;
    tokens++, sum += tallies[v].asked > 0 ? (double)tallies[v].right / (double)tallies[v].asked : 0;
  }
  return tokens > 0 ? sum / (double)tokens : 0;
}

efla_status efla_token_score_of(efla_token_score score, size_t vocabulary, size_t examples, size_t positions,
                                const uint16_t *labels, const uint16_t *answers, double *accuracy, efla_message *why) {
  if (score == EFLA_SCORE_EXAMPLES) {
    *accuracy = by_example(examples, positions, labels, answers);
    return EFLA_OK;
  }
  tally *tallies = malloc(vocabulary * sizeof *tallies);
  if (!tallies) return efla_fail_memory(why);
  double sum = 0;
  size_t batches = 0;
  for (size_t e = 0; e < examples; e += EFLA_SCORED_TOGETHER, batches++) {
    const size_t n = examples - e < EFLA_SCORED_TOGETHER ? examples - e : EFLA_SCORED_TOGETHER;
    sum += by_label(vocabulary, n * positions, labels + e * positions, answers + e * positions, tallies);
  }
  *accuracy = sum / (double)batches;
  free(tallies);
  return EFLA_OK;
}
