/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scores of trained language models beyond bits per byte of their text: of any texts byte by byte, of pairs of
 * sentences, of last words, and of a text whose bytes are in part substituted. */
#ifndef EFLA_TASK_TEXT_SCORE_H
#define EFLA_TASK_TEXT_SCORE_H

#include "data/judgement.h"
#include "task/text_task.h"

/* A text, from the zero state. */
typedef struct efla_scored_text {
  const unsigned char *read, *next; /* (count): the bytes that are read, and which byte is to follow each */
  size_t count, first;              /* next[first ... count-1] are scored; first < count */
  double nats;                      /* result: the sum of -log of their probabilities */
  bool likeliest;                   /* result: each of them is the likeliest byte of all */
} efla_scored_text;

/* Scores the texts (n), `group` at once, filled up to the longest of them. The same bits for any number of threads.
 * Fails as efla_lm_init and efla_lm_forward do. */
efla_status efla_text_score(const efla_text_task *task, const float *parameters, size_t n, efla_scored_text *texts,
                            efla_message *why);

typedef struct efla_text_verdict {
  size_t count;    /* pairs or passages */
  double accuracy; /* share of them that is right; nan where bits is not finite */
  double bits;     /* per byte: of the acceptable sentences and their ends, of the last words */
} efla_text_verdict;

/* Pairs: a sentence's probability is that of its bytes and a line feed, after a line feed; right where that of the
 * acceptable one is larger. verdicts (fields + 1): of each field, and of all. */
efla_status efla_text_judge_pairs(const efla_text_task *task, const float *parameters, const efla_pairs *pairs,
                                  efla_text_verdict *verdicts, efla_message *why);

/* Passages: after a line feed and what goes before, right where each byte of the last word is the likeliest one after
 * those before it. The word's end is not asked for. */
efla_status efla_text_judge_passages(const efla_text_task *task, const float *parameters, const efla_passages *passages,
                                     efla_text_verdict *verdict, efla_message *why);

/* Bits per byte as efla_text_evaluate has them, where each byte that is read is, with probability `share`, one from a
 * random place of the part instead; what is predicted stays. The same bytes for equal seeds, and among those of a
 * larger share. */
efla_status efla_text_evaluate_substituted(const efla_text_task *task, const float *parameters,
                                           const efla_corpus_part *part, size_t context, size_t windows, double share,
                                           size_t seed, double *bits, efla_message *why);

#endif
